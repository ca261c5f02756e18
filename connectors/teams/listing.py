"""List call records by their start, and request the row of one that is read again.

https://learn.microsoft.com/graph/api/callrecords-cloudcommunications-list-callrecords (2026): the only other filter is for a
participant. The order of the rows, and what a filter beyond the retention answers, are not documented.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.base import Context
from connectors.errors import BrokenResponse, Gone, NotReady, VendorError
from connectors.models import MeetingRef, Reason, Window, row_digest
from connectors.parsing import as_text, format_seconds, parse_instant
from connectors.teams.endpoints import CALL_RECORD, CALL_RECORDS, KEPT, LATENCY, RETENTION, VENDOR
from connectors.teams.http_client import Row, TeamsClient
from connectors.teams.legs import GROUP_CALL

REFETCH_INTERVAL = timedelta(minutes=30)
"""A record is available half an hour after its call on average."""


class CallRecordListing:
    """The call records of one tenant."""

    def __init__(self, client: TeamsClient, context: Context, *, calls: bool) -> None:
        """`calls`: also list calls that are not group calls."""
        self._client = client
        self._context = context
        self._calls = calls

    def list_instances(self, window: Window) -> Iterator[MeetingRef]:
        """The calls that started in the window, each once. A record whose version is not higher than that of the stored
        meeting has the digest of the stored one."""
        oldest = self._context.now() - RETENTION
        if window.end <= oldest:
            return
        window = Window(start=max(window.start, oldest), end=window.end)
        stored = {uuid: _version(hint) for uuid, hint in self._context.stored_refs(window)}
        seen: set[str] = set()
        for row in self.rows(window):
            ref = _to_ref(row, stored)
            if ref.uuid in seen or not (self._calls or row.get("type") == GROUP_CALL):
                continue
            if ref.start_time is None or ref.start_time in window:
                seen.add(ref.uuid)
                yield ref

    def rows(self, window: Window) -> Iterator[Row]:
        """The rows of the records that started in the window, and perhaps in the seconds around it."""
        start = format_seconds(window.start)
        end = format_seconds(window.end + timedelta(seconds=1 if window.end.microsecond else 0))
        for page in self._client.pages(
            CALL_RECORDS, filter=f"startDateTime ge {start} and startDateTime lt {end}"
        ):
            yield from page

    def head(self, ref: MeetingRef) -> Row:
        """The record's row: from the listing, or requested for a ref from the journal. Raises what `missing_error` returns
        if there is none."""
        if ref.row is not None:
            return ref.row
        try:
            row = self._client.get(CALL_RECORD, ref.uuid)
        except VendorError as error:
            if error.status != 404:
                raise
            raise missing_error(ref, self._context.now()) from None
        if as_text(row.get("id")) is None:
            raise BrokenResponse(f"{VENDOR}: {CALL_RECORD.call}: a response without an id")
        return {**row, "id": ref.uuid}


def missing_error(ref: MeetingRef, now: datetime) -> Gone | NotReady | VendorError:
    """The error for a record that is answered with 404: not there yet, no longer there, or unknown. Graph's answer is the
    same, so the age decides."""
    ended = latest_end(ref)
    if ended is None or now < ended + LATENCY:
        return NotReady(
            f"{VENDOR}: the call record is not available yet (404)",
            reason=Reason.settling,
            until=until_available(ref, now),
        )
    if now >= (ref.start_time or ended) + KEPT:
        return Gone(
            f"{VENDOR}: the call is older than the {KEPT.days} days that Graph keeps it (404)",
            reason=Reason.expired,
        )
    return VendorError(
        f"{VENDOR}: {CALL_RECORD.call}: not found (404), although the call is between two and a half hours and "
        f"{KEPT.days} days old; the next run will try again",
        status=404,
    )


def until_available(ref: MeetingRef, now: datetime) -> datetime:
    """When to request a record again that is too young."""
    return min(now + REFETCH_INTERVAL, (latest_end(ref) or now) + LATENCY)


def latest_end(ref: MeetingRef) -> datetime | None:
    """When the call ended, if it was ever listed."""
    row = ref.row or {}
    return parse_instant(row.get("endDateTime")) or parse_instant(ref.hint.get("end")) or ref.start_time


def _to_ref(row: Row, stored: Mapping[str, int | None]) -> MeetingRef:
    uuid = as_text(row.get("id"))
    if uuid is None or as_text(row.get("type")) is None:
        raise BrokenResponse(f"{VENDOR}: {CALL_RECORDS.call}: a row without an id or a type")
    version, known = _version(row), stored.get(uuid)
    # An older version is that of a server which has not caught up yet.
    shown = known if version is None or (known is not None and known > version) else version
    end = parse_instant(row.get("endDateTime"))
    hint: dict[str, Any] = {} if shown is None else {"version": shown}
    return MeetingRef(
        uuid=uuid,
        start_time=parse_instant(row.get("startDateTime")),
        digest=row_digest({"version": shown} if shown is not None else row),
        hint=hint if end is None else {**hint, "end": end.isoformat()},
        row=row,
    )


def _version(values: Mapping[str, Any]) -> int | None:
    """Int64: OData also permits it as text (`IEEE754Compatible`)."""
    value = values.get("version")
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
