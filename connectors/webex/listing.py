"""Which instances there were: listings cut so that none is cut off, and the head of one that is read again.

`GET /meetings` with `meetingType=meeting`: https://github.com/webex/webex-openapi-specs (2026-05). With the scope
`meeting:admin_schedule_read` an admin's listing is the organisation's; without it, the meetings of whoever logged in,
as host or as invitee. `from` counts and `to` does not; what of a meeting must lie between them is not said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connectors.base import Context
from connectors.errors import BrokenResponse, Gone, NotReady, VendorError
from connectors.models import MeetingRecord, MeetingRef, Reason, Window, row_digest
from connectors.pending import require_timestamp, until_settled
from connectors.webex.client import Row, WebexClient
from connectors.webex.endpoints import ADMIN_MEETING, MEETING, MEETINGS, VENDOR, WebexEndpoint
from connectors.webex.mapping import known_instant, state_of
from connectors.webex.redaction import redact_row

MAX_WINDOW = timedelta(days=7)
"""No longest range is documented; seven days are what Webex takes by itself where one end is left out."""

LOOKBACK = timedelta(days=3)
"""A day is the longest delay that Cisco names for anything about a meeting (its reports); for listings, a quarter of
an hour."""

RETENTION = timedelta(days=2 * 365)
"""No retention of listings is documented: nothing is refused that may be there, but who asks for it has an end."""

PADDING = timedelta(days=1)
"""Were it the end of a meeting that must lie before `to`, one that runs over it would be in no listing."""

MAX_LISTED = 10_000
"""Instances that one listing shows, however many pages it has."""

MIN_SLICE = timedelta(seconds=2)

MAX_DETAILS_DELAY = timedelta(days=1)
"""After a meeting's end: for so long "not found" is taken for "not yet". The documentation says 15 minutes."""

SETTLING_TIME = timedelta(minutes=15)
"""Who reads a meeting sooner after its end reads it once more: "Details of an `ended` meeting will only be available 15
minutes after the meeting has ended" (description of `state` in GET /meetings)."""

REFETCH_INTERVAL = timedelta(hours=1)


class WebexListing:
    """The instances of one account. `for_all` says whether the token is an admin's, asked with the id of one."""

    def __init__(self, client: WebexClient, context: Context, for_all: Callable[[str], bool]) -> None:
        self._client = client
        self._context = context
        self._is_admin = for_all

    def list_instances(self, window: Window) -> Iterator[MeetingRef]:
        """Those that started in the window, live ones too, each once."""
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
        """All rows between two instants; where there are more than one listing shows, half after half."""
        count = 0
        pages = self._client.pages(
            MEETINGS, meetingType="meeting", **{"from": _spelled(start), "to": _spelled(end)}
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
                f"{VENDOR}: {MEETINGS.call}: {MAX_LISTED} meetings within a second: not all can be listed"
            )
        middle = start + timedelta(seconds=int((end - start).total_seconds()) // 2)
        yield from self._rows(start, middle)
        yield from self._rows(middle, end)

    def head(self, ref: MeetingRef) -> Row:
        """The listing row, or out of the journal what Webex says of the meeting now.

        To an admin the call for admins tells the most; else the listing of that second does. Raises Gone where neither
        these nor the call for one meeting knows it any more, and NotReady while that may be too early to tell.
        """
        if ref.row is not None:
            return ref.row
        found = (
            self._get(ADMIN_MEETING, ref) if self._is_admin(ref.uuid) else None
        ) or self._find_in_listing(ref)
        found = found or self._get(MEETING, ref)
        if found is None:
            raise missing_error(ref, self._context.now())
        return {**redact_row(found), "id": ref.uuid}

    def is_known(self, ref: MeetingRef) -> bool:
        """Whether Webex still has the head of it."""
        try:
            return bool(self.head(replace(ref, row=None)))
        except (Gone, NotReady):
            return False

    def _get(self, endpoint: WebexEndpoint, ref: MeetingRef) -> Row | None:
        try:
            return self._client.get(endpoint, ref.uuid)
        except VendorError as error:
            if error.status in {403, 404}:
                return None
            raise

    def _find_in_listing(self, ref: MeetingRef) -> Row | None:
        if ref.start_time is None:
            return None
        start = ref.start_time.replace(microsecond=0)
        rows = self._rows(start, start + timedelta(seconds=1))
        return next((row for row in rows if row.get("id") == ref.uuid), None)


def _to_ref(row: Row, known_at: datetime) -> MeetingRef | None:
    """`None` for what is no instance: a listing of instances should hold none, but holds `meetingType` to tell."""
    uuid = row.get("id")
    if not isinstance(uuid, str) or not uuid:
        raise BrokenResponse(f"{VENDOR}: {MEETINGS.call}: a row without an id")
    if row.get("meetingType", "meeting") != "meeting":
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
    """When it had ended at the latest, as far as it was ever listed."""
    return known_instant(ref.hint.get("end")) or ref.start_time


def missing_error(ref: MeetingRef, now: datetime) -> Gone | NotReady:
    """What to raise for a meeting that no call knows."""
    until = (latest_end(ref) or now) + MAX_DETAILS_DELAY
    if now >= until:
        return Gone(f"{VENDOR}: a meeting that Webex no longer knows (404)", reason=Reason.deleted)
    return NotReady(
        f"{VENDOR}: a meeting whose details are not there yet (404)",
        reason=Reason.not_ended,
        until=min(now + REFETCH_INTERVAL, until),
    )


def finish_record(harvest: MeetingRecord, ref: MeetingRef, now: datetime) -> MeetingRecord:
    """The harvest, if it has any instant to be filed under, to be read once more if it has only just ended. One without
    any instant raises NotReady for the lookback, then Gone."""
    since = known_instant(ref.hint.get("end")) or now
    require_timestamp(harvest, vendor=VENDOR, since=since, lookback=LOOKBACK, now=now)
    pending = harvest.pending or until_settled(harvest.meeting.end_time, SETTLING_TIME, now)
    return replace(harvest, pending=pending)


def _ceiling(instant: datetime) -> datetime:
    return instant.replace(microsecond=0) + timedelta(seconds=1 if instant.microsecond else 0)


def _spelled(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
