"""Attendance as a file: CSV, JSON or XLSX."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, BinaryIO

import orjson

from connectors.errors import ConfigurationError
from harvester.analysis import safe_csv
from harvester.optional_libraries import require
from harvester.write_errors import write_errors

XLSX_ROWS = 1_048_576
_TIMES = frozenset({"start", "first_join", "last_leave"})


def csv_bytes(columns: Sequence[str], lines: Iterable[str], *, excel: bool) -> Iterator[bytes]:
    """`excel`: with the byte order mark without which Excel takes the file for its own old encoding."""
    yield ((safe_csv.BOM if excel else "") + safe_csv.row(columns)).encode()
    block: list[str] = []
    for line in lines:
        block.append(line)
        if len(block) == 1_000:
            yield "".join(block).encode()
            block = []
    yield "".join(block).encode()


def json_bytes(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """One array of objects; what is not known is absent."""
    before = b"[\n"
    for row in rows:
        document = {name: value for name, value in zip(columns, row, strict=True) if value is not None}
        yield before + orjson.dumps(document)
        before = b",\n"
    yield b"\n]\n" if before != b"[\n" else b"[]\n"


@write_errors("the sheet", elsewhere="name another temporary folder in TMPDIR")
def write_xlsx(file: BinaryIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """One sheet: numbers are numbers, times are times, and every other cell is text, never a formula.

    Raises ConfigurationError if there are more rows than a sheet can have, OutputError if the file cannot be written.
    """
    xlsxwriter = require("xlsxwriter")
    # A fixed date of creation: the same rows give the same bytes.
    book = xlsxwriter.Workbook(file, {"constant_memory": True, "strings_to_formulas": False})
    book.set_properties({"created": datetime(2000, 1, 1)})  # noqa: DTZ001  # the file format knows no zones
    sheet = book.add_worksheet("Attendance")
    bold, when = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    sheet.freeze_panes(1, 0)
    for place, name in enumerate(columns):
        sheet.set_column(place, place, 20 if name in _TIMES or name in {"topic", "name", "email"} else 12)
        sheet.write_string(0, place, name, bold)
    count = 0
    for count, row in enumerate(rows, 1):
        if count == XLSX_ROWS:
            raise ConfigurationError(
                f"a sheet has at most {XLSX_ROWS:,} rows: choose fewer days with --from and --to, or --format csv"
            )
        for place, (name, value) in enumerate(zip(columns, row, strict=True)):
            if value is None:
                continue
            if name in _TIMES:
                local = datetime.fromisoformat(value).replace(tzinfo=None)
                sheet.write_datetime(count, place, local, when)
            elif isinstance(value, int | float):
                sheet.write_number(count, place, value)
            else:
                sheet.write_string(count, place, str(value)[:32_767])
    sheet.autofilter(0, 0, count, len(columns) - 1)
    try:
        book.close()
    except xlsxwriter.exceptions.FileCreateError as error:
        (cause,) = error.args  # an OSError
        raise cause from None
