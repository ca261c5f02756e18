"""CSV: no cell starts a formula, and files saved by spreadsheet programs can be read."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.analysis import safe_csv
from harvester.input_file import UnusableFile

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=5))
def test_written_cells_are_read_back_with_an_apostrophe_before_formulas(rows: list[list[str]]) -> None:
    text = safe_csv.table(["a", "b"], rows)
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert found[1:] == [[safe_csv.safe(cell) for cell in row] for row in rows]


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-x", "@SUM(A1)", "\t=1", "\r=1", "-1+2", "=", "--5"])
def test_a_formula_gets_an_apostrophe(cell: str) -> None:
    assert safe_csv.safe(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-5", "+4.25", "3", "a=b", "", "ok"])
def test_numbers_and_plain_texts_stay(cell: str) -> None:
    assert safe_csv.safe(cell) == cell


@pytest.mark.parametrize(
    "text",
    [
        "pattern,person\nA*,Ada\n",
        "\N{BYTE ORDER MARK}Pattern;Person\r\nA*;Ada\r\n\r\n",
        "A*\tAda\n",
        '"A*","Ada"',
    ],
)
def test_what_spreadsheet_programs_save_is_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "aliases.csv"
    path.write_bytes(text.encode())
    assert safe_csv.read(path, ("pattern", "person")) == [["A*", "Ada"]]


@pytest.mark.parametrize("content", [b"a,b,c\n", b",b\n", b"\xff\xfe,b"])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "aliases.csv"
    path.write_bytes(content)
    with pytest.raises(UnusableFile, match="aliases.csv"):
        safe_csv.read(path, ("pattern", "person"))


def test_a_file_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_csv, "MAX_BYTES", 1 << 20)
    with pytest.raises(UnusableFile, match="/dev/zero is larger than 1 MB"):
        safe_csv.read(Path("/dev/zero"), ["email"])
