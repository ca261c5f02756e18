"""Small text files that settings name."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connectors.text_file import MAX_BYTES, UnreadableFile, read_text_file


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"caf\xc3\xa9\n", "caf\xe9\n"),
        (b"\xef\xbb\xbfA=1\r\n", "A=1\r\n"),
        (b"", ""),
        (b"x" * MAX_BYTES, "x" * MAX_BYTES),
    ],
)
def test_utf_8_is_read_with_or_without_a_mark(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "text"
    path.write_bytes(content)
    assert read_text_file(path) == text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("A=marked".encode("utf-16"), "is UTF-16, not UTF-8"),
        (b"\xfe\xff\0A", "is UTF-16, not UTF-8"),
        (b"A=1\n# marked caf\xe9\n", r"is not UTF-8 \(line 2\)"),
        (b"A=1\0marked", "contains NUL bytes"),
        (b"x" * (MAX_BYTES + 1), "is larger than 1 MB"),
    ],
)
def test_other_files_are_refused_without_their_content(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "text"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=reason) as refused:
        read_text_file(path)
    assert "marked" not in str(refused.value)


@pytest.mark.parametrize("path", ["/nowhere/file", "/", "a\0b", "/dev/zero", "~nobody-of-this-name/file"])
def test_anything_but_a_text_file_is_refused(path: str) -> None:
    with pytest.raises(UnreadableFile, match=r"cannot be read|is larger than"):
        read_text_file(Path(path))


def test_a_fifo_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with ThreadPoolExecutor() as pool:
        text = pool.submit(read_text_file, path)
        with path.open("wb", buffering=0) as writer:
            writer.write(b"A=")
            writer.write(b"1\n")
    assert text.result() == "A=1\n"
