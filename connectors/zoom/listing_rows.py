"""The rows of a listing, of either source: their refs, and what they count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Literal

from connectors.errors import BrokenResponse
from connectors.models import MeetingRef, Window, row_digest
from connectors.parsing import as_text, parse_instant
from connectors.zoom.endpoints import VENDOR, ZoomEndpoint
from connectors.zoom.http_client import Row

MOST_JOINS = 10_000_000
"""More joins than any meeting can have: such a count is not believed."""

InstanceKind = Literal["meeting", "webinar"]
ZoomSourceName = Literal["dashboard", "reports"]


def to_refs(
    window: Window, rows: Iterable[Row], endpoint: ZoomEndpoint, now: datetime, hint: dict[str, Any]
) -> Iterator[MeetingRef]:
    """Refs of the rows that started in the window, and of rows without a start, which only their participants show."""
    for row in rows:
        start = parse_instant(row.get("start_time"))
        if start is None or start in window:
            yield _to_ref(row, start, endpoint, min(window.end, now), hint)


def _to_ref(
    row: Row, start: datetime | None, endpoint: ZoomEndpoint, known_at: datetime, hint: dict[str, Any]
) -> MeetingRef:
    uuid = row.get("uuid")
    if not isinstance(uuid, str) or not uuid:
        raise BrokenResponse(f"{VENDOR}: {endpoint.call}: a row without a uuid")
    end = parse_instant(row.get("end_time")) or known_at
    return MeetingRef(
        uuid=uuid,
        start_time=start,
        digest=row_digest(row),
        hint={**hint, "end": end.isoformat()},
        row=row,
    )


def kind_of(ref: MeetingRef) -> InstanceKind:
    return "webinar" if ref.hint.get("kind") == "webinar" else "meeting"


def join_count(row: Row) -> int:
    """How many joins a listing row counts; 0 if it has no count. A participant who rejoins counts twice."""
    count = row.get("participants", row.get("participants_count"))
    return count if isinstance(count, int) and 0 < count <= MOST_JOINS else 0


def expected_joins(ref: MeetingRef) -> int:
    """How many joins to expect: those that the ref's row counts, at least one."""
    return max(1, join_count(ref.row) if ref.row is not None else 0)


def page_count(rows: int, endpoint: ZoomEndpoint) -> int:
    """How many pages this many rows take."""
    return -(-rows // endpoint.page_size)


def with_uuid(row: Row, uuid: str) -> Row:
    """The response for one uuid, with this uuid in it. Raises BrokenResponse if it is about no meeting at all: what is stored
    of the meeting would be replaced by what this lacks."""
    if as_text(row.get("uuid")) is None and as_text(row.get("id")) is None:
        raise BrokenResponse(f"{VENDOR}: a response for one meeting without its id")
    return row if row.get("uuid") == uuid else {**row, "uuid": uuid}
