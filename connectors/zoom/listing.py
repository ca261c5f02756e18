"""What both sources know of an instance that is listed or read: days to ask for, hints, and when to come back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from connectors.errors import BrokenResponse, Gone, NotReady, VendorError
from connectors.models import Meeting, MeetingRecord, MeetingRef, Pending, Reason, Window, row_digest
from connectors.parsing import parse_instant
from connectors.pending import require_timestamp, until_settled
from connectors.zoom.client import Row
from connectors.zoom.endpoints import VENDOR, Endpoint
from connectors.zoom.errors import NOT_FOUND, OTHER_ACCOUNT, TOO_OLD

RETENTION = timedelta(days=180)
"""Lists reach back "six months": 180 days are within them whatever the months."""

LOOKBACK = timedelta(days=7)
"""Zoom names no upper bound for how late its data may come; it says minutes, and large meetings take longer."""

MAX_WINDOW = timedelta(days=25)
"""A list may be asked for "one month", and whether both ends count is not said. 25 days of any time of day touch at
most 26 days of UTC; with the day added on each side that is 28, from the first to the last, both counted: a month
under every reading, February's too."""

MAX_DETAILS_DELAY = timedelta(hours=24)
"""How long after the end Zoom's "not found or not ended yet" (3001) is taken for the latter."""

SETTLING_TIME = timedelta(hours=2)
"""Who reads a meeting sooner after its end reads it once more: Zoom's staff says "a minute or two" until all of it is
there, and large ones were seen to take longer, without a word in the listing
(https://devforum.zoom.us/t/availability-of-dashboard-api-meeting-ends/48616)."""

REFETCH_INTERVAL = timedelta(hours=1)

InstanceKind = Literal["meeting", "webinar"]


def date_range(window: Window, now: datetime) -> tuple[str, str] | None:
    """`from` and `to` of a list that holds every meeting which started in the window; `None` where Zoom has none.

    Zoom does not say in which zone its days begin, and seems to hold the end as well as the start against them: so
    a day more on each side, no day that is past keeping, none that has not begun.
    """
    day = timedelta(days=1)
    first = max((window.start - day).date(), (now - RETENTION).date())
    last = min((window.end - timedelta(microseconds=1) + day).date(), now.date())
    return (first.isoformat(), last.isoformat()) if first <= last else None


def to_refs(
    window: Window, rows: Iterable[Row], endpoint: Endpoint, now: datetime, hint: dict[str, Any]
) -> Iterator[MeetingRef]:
    """The rows that started in the window, and those without a start: that only their participants tell."""
    for row in rows:
        start = parse_instant(row.get("start_time"))
        if start is None or start in window:
            yield _to_ref(row, start, endpoint, min(window.end, now), hint)


def _to_ref(
    row: Row, start: datetime | None, endpoint: Endpoint, known_at: datetime, hint: dict[str, Any]
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


def join_count(row: Row) -> int:
    """How many joins a listing row counts (who drops out and comes back counts twice); 0 where it counts none."""
    told = row.get("participants", row.get("participants_count"))
    return told if isinstance(told, int) and told > 0 else 0


def expected_joins(ref: MeetingRef) -> int:
    """How many joins the ref's row counts, to reckon with; one where it counts none."""
    return max(1, join_count(ref.row) if ref.row is not None else 0)


def page_count(rows: int, endpoint: Endpoint) -> int:
    return -(-rows // endpoint.page_size)


def with_uuid(row: Row, uuid: str) -> Row:
    """A row that was asked for by its uuid, under this uuid."""
    return row if row.get("uuid") == uuid else {**row, "uuid": uuid}


def latest_end(ref: MeetingRef, row: Row | None = None) -> datetime | None:
    """When the meeting ended at the latest, as far as it was ever listed."""
    end = parse_instant(row.get("end_time")) if row is not None else None
    return end or parse_instant(ref.hint.get("end")) or ref.start_time


def pending_or_gone(ref: MeetingRef, error: VendorError, row: Row | None, now: datetime) -> Pending:
    """When to ask again for what Zoom does not give yet. Raises Gone for what it never will, and what is no such answer.

    3001 is "not found, expired, or not ended yet", all in one; 12702 "a meeting a year ago"; 1010 "does not belong
    to this account" (each endpoint's list of errors at https://developers.zoom.us/docs/api/).
    """
    if error.code == TOO_OLD:
        raise Gone(f"{VENDOR}: no longer kept by Zoom (code {TOO_OLD})", reason=Reason.expired)
    if error.code == OTHER_ACCOUNT:
        raise Gone(f"{VENDOR}: not a meeting of this account (code {OTHER_ACCOUNT})", reason=Reason.not_ours)
    if error.code != NOT_FOUND:
        raise error
    until = (latest_end(ref, row) or now) + MAX_DETAILS_DELAY
    if now >= until:
        raise Gone(
            f"{VENDOR}: not to be found a day after it ended (code {NOT_FOUND})", reason=Reason.deleted
        )
    return Pending(until=min(now + REFETCH_INTERVAL, until), reason=Reason.not_ended)


def not_ready_error(ref: MeetingRef, error: VendorError, now: datetime) -> NotReady:
    """`unavailable` for a meeting of which not even the head could be had: there is nothing to store."""
    pending = pending_or_gone(ref, error, None, now)
    return NotReady(
        f"{VENDOR}: its details are not there yet (code {NOT_FOUND})",
        reason=pending.reason,
        until=pending.until,
    )


def without_sessions(meeting: Meeting, pending: Pending | None) -> MeetingRecord:
    """The meeting without any session, and so without the figures that are counted from them."""
    return MeetingRecord(meeting=meeting, pending=pending)


def finish_record(harvest: MeetingRecord, ref: MeetingRef, row: Row, now: datetime) -> MeetingRecord:
    """The harvest, if it has any instant to be filed under. Zoom once showed blank times for meetings that had
    happened (https://github.com/jrchamp/moodle-mod_zoom/issues/239): raises NotReady for the lookback, then Gone."""
    since = parse_instant(ref.hint.get("end")) or now
    require_timestamp(harvest, vendor=VENDOR, since=since, lookback=LOOKBACK, now=now)
    return _with_settling(harvest, ref, now, join_count(row))


def _with_settling(harvest: MeetingRecord, ref: MeetingRef, now: datetime, joins: int) -> MeetingRecord:
    """Pending, where more may still come: it has only just ended, or the listing counts more joins than were told."""
    ended = harvest.meeting.end_time or latest_end(ref)
    if harvest.pending is not None or ended is None:
        return harvest
    if (pending := until_settled(ended, SETTLING_TIME, now)) is not None:
        return replace(harvest, pending=pending)
    if harvest.sessions and len(harvest.sessions) < joins and now < ended + MAX_DETAILS_DELAY:
        until = min(now + REFETCH_INTERVAL, ended + MAX_DETAILS_DELAY)
        return replace(harvest, pending=Pending(until=until, reason=Reason.settling))
    return harvest
