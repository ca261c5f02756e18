"""List the meetings of a window of time."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.models import MeetingRef, Window, row_digest
from connectors.parsing import as_text, format_seconds, parse_instant
from harvester_example.client import ParleyClient


def list_meetings(client: ParleyClient, window: Window) -> Iterator[MeetingRef]:
    """The meetings that started in the window. Parley lists a meeting once it has ended."""
    for row in client.meetings(format_seconds(window.start), format_seconds(window.end)):
        uuid, start = as_text(row.get("id")), parse_instant(row.get("started"))
        if uuid is not None and start is not None and start in window:
            yield MeetingRef(uuid=uuid, start_time=start, digest=row_digest(row), row=row)
