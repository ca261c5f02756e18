"""The list of rejects, as text and as JSON.

Each is printed as a few lines, not as the row of a table: ids and reasons are long, and there may be any number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import orjson

from harvester.formatting import plural
from harvester.printable import printable
from harvester.state.rejects import Kept


def as_text(row: Kept) -> str:
    source = f"{row.origin}, " if row.origin else ""
    attempts = f"{plural(row.attempts, 'attempt')}, " if row.attempts > 1 else ""
    lines = [row.document_id, row.reason, f"{source}{attempts}{row.last}, {plural(row.size, 'byte')}"]
    if row.is_line:
        lines.append(
            "no usable document_id: delete it with `harvester rejects drop` once it is fixed and loaded"
        )
    return "\n    ".join(map(printable, lines))


def rejects_json(rows: Iterable[Kept]) -> str:
    return orjson.dumps({"rejects": [_fields(row) for row in rows]}, option=orjson.OPT_INDENT_2).decode()


def _fields(row: Kept) -> dict[str, Any]:
    """`has_document_id`: without one, a reject stays until it is dropped, even if the document has been loaded since."""
    return {**asdict(row), "origin": row.origin or None, "has_document_id": not row.is_line}
