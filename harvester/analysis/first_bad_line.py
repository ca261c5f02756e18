"""Finds the first line of files that is not a document. DuckDB reads them in any order, and counts such lines only."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

import orjson

from harvester.printable import printable

_ID = {"meeting": "uuid", "session": "meeting", "booking": "document_id"}
"""What a document of each kind must have; one of a meeting or session a vendor, too."""
_GZIP = b"\x1f\x8b"


def first_bad_line(paths: Sequence[Path]) -> str | None:
    """`a.ndjson, line 3`; `None` if none is found: what was read of a pipe is gone, and not every flaw is looked for."""
    for path in paths:
        if not path.is_file():
            continue
        try:
            with _opened(path) as file:
                for number, line in enumerate(file, 1):
                    if not line.isspace() and not _is_document(line):
                        return f"{printable(str(path))}, line {number:,}"
        except (OSError, EOFError):
            return None
    return None


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        is_gzip = file.read(2) == _GZIP
    return cast(BinaryIO, gzip.open(path)) if is_gzip else path.open("rb")


def _is_document(line: bytes) -> bool:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(row, dict):
        return False
    kind = row.get("kind")
    name = _ID.get(kind) if isinstance(kind, str) else None
    return (
        name is not None
        and row.get(name) is not None
        and (kind == "booking" or row.get("vendor") is not None)
    )
