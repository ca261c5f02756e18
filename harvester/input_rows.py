"""Rows of a file or of standard input: NDJSON, CSV, or a table of TOML."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

import orjson

from harvester.input_file import UnusableFile, open_input, standard_input_is_closed, unreadable

RowFormat = Literal["ndjson", "csv", "toml"]

MAX_BYTES = 16 * 1024 * 1024
"""These files are written by hand or by a script for one group. A larger one is another file."""


class RowError(ValueError):
    """Contents that are not rows, without the name of the file."""


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    place: str
    """`line 3` or `row 3`, for messages."""
    values: Mapping[str, Any]


def row_format(path: Path) -> RowFormat:
    """By the file's name: CSV, TOML, or else NDJSON."""
    suffix = path.suffix.lower()
    return "csv" if suffix == ".csv" else "toml" if suffix == ".toml" else "ndjson"


def read_items(
    path: Path,
    standard_input: BinaryIO | None,
    convert: Callable[[Mapping[str, Any]], Item],
    *,
    format: RowFormat | None,
    table: str,
) -> list[Item]:
    """The rows of the file, or of standard input if the path is `-`, each converted by a function that raises ValueError.

    `table`: the name of the array of tables in TOML. Raises UnusableFile for contents that are not rows and for the first
    row that cannot be converted, OutputError if the file cannot be read.
    """
    try:
        items = []
        for row in read_rows(path, standard_input, format=format, table=table):
            try:
                items.append(convert(row.values))
            except ValueError as error:
                raise RowError(f"{row.place}: {error}") from None
    except RowError as error:
        raise UnusableFile(f"{_name(path)}: {error}; nothing was changed") from None
    return items


def _name(path: Path) -> str:
    return "standard input" if str(path) == "-" else str(path)


def read_rows(
    path: Path, standard_input: BinaryIO | None, *, format: RowFormat | None, table: str
) -> list[Row]:
    """The rows of the file. Raises RowError for contents that are not rows, OutputError if it cannot be read."""
    try:
        if str(path) == "-":
            if standard_input is None:
                raise standard_input_is_closed()
            content = standard_input.read(MAX_BYTES + 1)
        else:
            with open_input(path) as file:
                content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise unreadable(path, error) from None
    if len(content) > MAX_BYTES:
        raise RowError(f"larger than {MAX_BYTES // 1024 // 1024} MB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RowError("not UTF-8") from None
    readers = {"ndjson": _ndjson_rows, "csv": _csv_rows}
    chosen = format or row_format(path)
    return list(_toml_rows(text, table) if chosen == "toml" else readers[chosen](text))


def _ndjson_rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise RowError(f"line {number} is not a JSON object; NDJSON has one on each line") from None
        if not isinstance(values, dict):
            raise RowError(f"line {number} is not a JSON object; NDJSON has one on each line")
        yield Row(place=f"line {number}", values=values)


def _csv_rows(text: str) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for values in reader:
            place = f"line {reader.line_num}"
            if None in values or None in values.values():
                raise RowError(f"{place} has more or fewer fields than the header")
            yield Row(place=place, values={str(name).strip(): value for name, value in values.items()})
    except csv.Error as error:
        raise RowError(f"not CSV after line {reader.line_num} ({error})") from None


def _toml_rows(text: str, table: str) -> Iterator[Row]:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RowError(f"not TOML: {error}") from None
    except ValueError:  # Python reads no number of more than 4,300 digits
        raise RowError("contains a number with too many digits") from None
    except RecursionError:
        raise RowError("nested too deeply") from None
    rows = content.get(table)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RowError(f"has no [[{table}]]")
    for number, values in enumerate(rows, start=1):
        yield Row(place=f"[[{table}]] {number}", values=values)
