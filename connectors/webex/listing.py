"""List instances, split so that no listing is truncated, and request the row of one that is read again.

`GET /meetings` with `meetingType=meeting`: https://github.com/webex/webex-openapi-specs (2026-05). With the scope
`meeting:admin_schedule_read`, an admin lists the organisation's meetings; without it, a user lists the meetings that they
host or are invited to. `from` is inclusive and `to` exclusive. Whether they apply to a meeting's start or end is not
documented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.base import Context
from connectors.errors import BrokenResponse, Gone, NotReady, VendorError
from connectors.models import MeetingRecord, MeetingRef, Reason, Window, row_digest
from connectors.parsing import as_text, format_seconds
from connectors.pending import require_timestamp, until_settled
from connectors.webex.endpoints import ADMIN_MEETING, MEETING, MEETINGS, VENDOR, WebexEndpoint
from connectors.webex.http_client import Row, WebexClient
from connectors.webex.mapping import known_instant, state_of
from connectors.webex.redaction_rules import redact_row

MAX_WINDOW = timedelta(days=7)
"""No maximum is documented. Webex itself uses seven days if one end is omitted."""

LOOKBACK = timedelta(days=3)
"""The longest delay that Cisco documents is a day, for reports; for listings it is a quarter of an hour."""

RETENTION = timedelta(days=2 * 365)
"""No retention of listings is documented. This limit only ends a backfill; it is long enough to omit nothing."""

PADDING = timedelta(days=1)
"""Added to `to`: if `to` applied to the end of a meeting, one that runs past it would be in no listing."""

MAX_LISTED = 10_000
"""The most instances that one listing returns, over all its pages."""

MIN_SLICE = timedelta(seconds=2)

MAX_DETAILS_DELAY = timedelta(days=1)
"""How long after the end "not found" is taken to mean "not yet". The documentation says 15 minutes."""

SETTLING_TIME = timedelta(minutes=15)
"""A meeting read sooner than this after its end is read once more: "Details of an `ended` meeting will only be available 15
minutes after the meeting has ended" (description of `state` in GET /meetings)."""

REFETCH_INTERVAL = timedelta(hours=1)


_NOT_INSTANCES = ("meetingSeries", "scheduledMeeting")
"""The other values of `meetingType`. Whatever else a row has there, it answers a request for instances."""


class WebexListing:
    """The instances of one account."""

    def __init__(self, client: WebexClient, context: Context, is_admin: Callable[[str], bool]) -> None:
        """`is_admin` says whether the token is an admin's; it is called with the id of an instance."""
        self._client = client
        self._context = context
        self._is_admin = is_admin

    def list_instances(self, window: Window) -> Iterator[MeetingRef]:
        """The instances that started in the window, live ones included, each once."""
        now = self._context.now()
        start = window.start.replace(microsecond=0)
        end = _ceiling(window.end if window.end >= now else min(window.end + PADDING, now))
        seen: set[str] = set()
        for row in self._rows(start, end):
            ref = _to_ref(redact_row(row), min(window.end, now))
            if ref is None or ref.uuid in seen:
                continue
            if ref.start_time is None or ref.start_time in window:
                seen.add(ref.uuid)
                yield ref

    def _rows(self, start: datetime, end: datetime) -> Iterator[Row]:
        """All rows between two instants. If a listing may be truncated, each half is listed on its own."""
        count = 0
        pages = self._client.pages(
            MEETINGS, meetingType="meeting", **{"from": format_seconds(start), "to": format_seconds(end)}
        )
        for page in pages:
            count += len(page.rows)
            yield from page.rows
            if count >= MAX_LISTED:
                break
        if count < MAX_LISTED:
            return
        if end - start < MIN_SLICE:
            raise VendorError(
                f"{VENDOR}: {MEETINGS.call}: {MAX_LISTED} meetings within a second: cannot list all of them"
            )
        middle = start + timedelta(seconds=int((end - start).total_seconds()) // 2)
        yield from self._rows(start, middle)
        yield from self._rows(middle, end)

    def head(self, ref: MeetingRef) -> Row:
        """The meeting's row: from the listing, or requested again for a ref from the journal.

        For an admin, the admins' call returns the most fields; for others, the listing of that second does. If neither
        these nor the call for one meeting finds it, raises NotReady soon after the meeting's end, and later Gone.
        """
        if ref.row is not None:
            return ref.row
        row = self._get(ADMIN_MEETING, ref) if self._is_admin(ref.uuid) else None
        row = row or self._find_in_listing(ref)
        row = row or self._get(MEETING, ref)
        if row is None:
            raise missing_error(ref, self._context.now())
        return {**redact_row(row), "id": ref.uuid}

    def is_known(self, ref: MeetingRef) -> bool:
        """Whether Webex still returns a row for it."""
        try:
            return bool(self.head(replace(ref, row=None)))
        except (Gone, NotReady):
            return False

    def _get(self, endpoint: WebexEndpoint, ref: MeetingRef) -> Row | None:
        try:
            row = self._client.get(endpoint, ref.uuid)
        except VendorError as error:
            if error.status in {403, 404}:
                return None
            raise
        if as_text(row.get("id")) is None:
            raise BrokenResponse(f"{VENDOR}: {endpoint.call}: a response without an id")
        return row

    def _find_in_listing(self, ref: MeetingRef) -> Row | None:
        if ref.start_time is None:
            return None
        start = ref.start_time.replace(microsecond=0)
        rows = self._rows(start, start + timedelta(seconds=1))
        return next((row for row in rows if row.get("id") == ref.uuid), None)


def _to_ref(row: Row, known_at: datetime) -> MeetingRef | None:
    """A ref for the row; `None` if its `meetingType` says that it is not an instance."""
    uuid = row.get("id")
    if not isinstance(uuid, str) or not uuid:
        raise BrokenResponse(f"{VENDOR}: {MEETINGS.call}: a row without an id")
    if row.get("meetingType") in _NOT_INSTANCES:
        return None
    end = known_instant(row.get("end")) if state_of(row) == "ended" else None
    return MeetingRef(
        uuid=uuid,
        start_time=known_instant(row.get("start")),
        digest=row_digest(row),
        hint={"end": (end or known_at).isoformat()},
        row=row,
    )


def latest_end(ref: MeetingRef) -> datetime | None:
    """The latest instant at which the meeting can have ended, if it was ever listed."""
    return known_instant(ref.hint.get("end")) or ref.start_time


def missing_error(ref: MeetingRef, now: datetime) -> Gone | NotReady:
    """The error for a meeting that no call finds."""
    until = (latest_end(ref) or now) + MAX_DETAILS_DELAY
    if now >= until:
        return Gone(f"{VENDOR}: Webex no longer has this meeting (404)", reason=Reason.deleted)
    return NotReady(
        f"{VENDOR}: its details are not available yet (404)",
        reason=Reason.not_ended,
        until=min(now + REFETCH_INTERVAL, until),
    )


def finish_record(record: MeetingRecord, ref: MeetingRef, now: datetime) -> MeetingRecord:
    """The record, pending if the meeting ended only just now.

    Raises what `require_timestamp` raises if it has no instant.
    """
    since = known_instant(ref.hint.get("end")) or now
    require_timestamp(record, vendor=VENDOR, since=since, lookback=LOOKBACK, now=now)
    if record.listed_only:
        return record
    pending = record.pending or until_settled(record.meeting.end_time, SETTLING_TIME, now)
    return replace(record, pending=pending)


def _ceiling(instant: datetime) -> datetime:
    return instant.replace(microsecond=0) + timedelta(seconds=1 if instant.microsecond else 0)
