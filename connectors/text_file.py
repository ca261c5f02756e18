"""Reads the small text files that settings name: `.env`, secrets, credentials."""

from __future__ import annotations

import codecs
from pathlib import Path

MAX_BYTES = 1_000_000

_OTHER_ENCODINGS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


class UnreadableFile(Exception):
    """Why a file cannot be used, as a phrase: "is not UTF-8". Nothing of the content is in it."""


def read_text_file(path: Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark. Raises UnreadableFile."""
    try:
        content = _read(path.expanduser())
    except (OSError, ValueError, RuntimeError) as error:  # a path with NUL; no home folder for a path with ~
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise UnreadableFile(f"cannot be read ({reason})") from None
    if len(content) > MAX_BYTES:
        raise UnreadableFile(f"is larger than {MAX_BYTES // 10**6} MB")
    for mark, encoding in _OTHER_ENCODINGS.items():
        if content.startswith(mark):
            raise UnreadableFile(f"is {encoding}, not UTF-8: save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(f"is not UTF-8 (line {line}): save it as UTF-8") from None
    if "\0" in text:
        raise UnreadableFile("contains NUL bytes, so it is not a text in UTF-8")
    return text


def _read(path: Path) -> bytes:
    """The first bytes, and at least one more than is permitted if the file has that many."""
    pieces: list[bytes] = []
    with path.open("rb", buffering=0) as file:
        while sum(map(len, pieces)) <= MAX_BYTES and (piece := file.read(MAX_BYTES + 1)):
            pieces.append(piece)
    return b"".join(pieces)
