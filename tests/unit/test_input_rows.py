from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import OutputError
from harvester.input_file import UnusableFile
from harvester.input_rows import MAX_BYTES, RowFormat, read_items

FILES: dict[str, str] = {
    "rows.ndjson": '{"a": 1}\n\n{"a": 2}\n',
    "rows.csv": "a\n1\n2\n",
    "rows.toml": "[[rows]]\na = 1\n[[rows]]\na = 2\n",
}


def number(row: Mapping[str, Any]) -> int:
    return int(row["a"])


def read(path: Path, text: bytes = b"", format: RowFormat | None = None) -> list[int]:
    return read_items(path, io.BytesIO(text), number, format=format, table="rows")


@pytest.mark.parametrize(("name", "text"), FILES.items())
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_file_is_read_by_its_name_and_standard_input_by_the_option(
    tmp_path: Path, name: str, text: str, bom: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(bom + text.encode())
    assert read(path) == [1, 2]
    formats: dict[str, RowFormat] = {"ndjson": "ndjson", "csv": "csv", "toml": "toml"}
    assert read(Path("-"), text.encode(), formats[path.suffix[1:]]) == [1, 2]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.ndjson", b'{"a": 1}\n{', "line 2 is not a JSON object"),
        ("x.ndjson", b"[1]", "line 1 is not a JSON object"),
        ("x.ndjson", b'{"a": "x"}', "line 1: invalid literal"),
        ("x.csv", b"a,b\n1", "line 2 has more or fewer fields"),
        ("x.csv", b"a\n1,2", "line 2 has more or fewer fields"),
        ("x.csv", b'a\n"1', "not CSV after line 1"),
        ("x.csv", b"a\n1\n2\nx", "line 4: invalid literal"),
        ("x.toml", b"rows = 1", r"has no \[\[rows\]\]"),
        ("x.toml", b"[[rooms]]", r"has no \[\[rows\]\]"),
        ("x.toml", b"=", "not TOML"),
        ("x.toml", b"[[rows]]\na = 'x'", r"\[\[rows\]\] 1: invalid literal"),
        ("x.ndjson", b"\xff", "not UTF-8"),
        ("x.ndjson", b" " * (MAX_BYTES + 1), "larger than 16 MB"),
    ],
)
def test_a_file_that_is_not_rows_is_refused_with_the_place(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnusableFile, match=message) as raised:
        read(path)
    assert str(path) in str(raised.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be read"):
        read(tmp_path / "missing.csv")
    with pytest.raises(OutputError, match="standard input is closed"):
        read_items(Path("-"), None, number, format=None, table="rows")


@pytest.mark.parametrize(
    ("value", "problem"),
    [("9" * 5000, "contains a number with too many digits"), ("[" * 5000, "nested too deeply")],
)
def test_toml_that_python_cannot_hold_is_refused(value: str, problem: str) -> None:
    with pytest.raises(UnusableFile, match=f"standard input: {problem}; nothing was changed"):
        read(Path("-"), f"[[rows]]\na = {value}\n".encode(), "toml")
