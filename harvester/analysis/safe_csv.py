"""CSV in and out: what a spreadsheet program saves is read, and nothing that is written starts a formula there."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from harvester.input_file import UnusableFile, read_input

MAX_BYTES = 64 * 1024 * 1024
"""Of a list of people or units: a million lines."""
BOM = "\N{BYTE ORDER MARK}"
_FORMULA = "=+-@\t\r"
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_DELIMITERS = ";\t,"

SQL_MACROS = (
    # The same as `safe` and `_quoted` below, for rows by the million. A test compares them.
    r"""CREATE MACRO csv_safe(cell) AS
    CASE WHEN ord(cell) IN (9, 13, 43, 45, 61, 64) AND NOT regexp_full_match(cell, '[+-]?[0-9]+(\.[0-9]+)?')
         THEN chr(39) || cell ELSE cell END""",
    r"""CREATE MACRO csv_quoted(cell) AS
    CASE WHEN contains(cell, ',') OR contains(cell, '"') OR contains(cell, chr(10)) OR contains(cell, chr(13))
         THEN '"' || replace(cell, '"', '""') || '"' ELSE cell END""",
    "CREATE MACRO csv_cell(cell) AS coalesce(csv_quoted(csv_safe(cell)), '')",
)


def safe(cell: str) -> str:
    """The text of a cell, with an apostrophe before it if a spreadsheet program would take it for a formula."""
    return f"'{cell}" if cell and cell[0] in _FORMULA and not _NUMBER.fullmatch(cell) else cell


def row(cells: Iterable[object]) -> str:
    """One line as RFC 4180 has it, its line break included. `None` is an empty cell."""
    return ",".join("" if cell is None else _quoted(safe(str(cell))) for cell in cells) + "\r\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if re.search(r'[",\r\n]', cell) else cell


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    return "".join([row(header), *map(row, rows)])


def read(path: Path, columns: Sequence[str]) -> list[list[str]]:
    """The rows of a file with these columns; a first line that names them is left out, and columns may be missing at
    the end of a line. Separated by comma, semicolon or tabulator; in UTF-8. Raises UnusableFile, and OutputError if
    the file cannot be read.
    """
    try:
        text = read_input(path, MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnusableFile(f"{path} is not UTF-8: save it as CSV UTF-8") from None
    first = text.partition("\n")[0]
    delimiter = next((each for each in _DELIMITERS if each in first), ",")
    try:
        found = [
            [cell.strip() for cell in line] for line in csv.reader(io.StringIO(text), delimiter=delimiter)
        ]
    except csv.Error as error:
        raise UnusableFile(f"{path} is not CSV ({error})") from None
    rows = [line for line in found if any(line)]
    if rows and [_plain(cell) for cell in rows[0][: len(columns)]] == [_plain(name) for name in columns]:
        rows = rows[1:]
    for number, line in enumerate(rows, 1):
        if not line[0] or len(line) > len(columns):
            raise UnusableFile(
                f"{path}: row {number} must have the columns {', '.join(columns)}, and the first one filled"
            )
    return [line + [""] * (len(columns) - len(line)) for line in rows]


def _plain(cell: str) -> str:
    return cell.lower().replace("-", "").replace("_", "")
