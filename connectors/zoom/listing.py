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

KEPT = timedelta(days=180)
"""Lists reach back "six months": 180 days are within them whatever the months."""

LOOKBACK = timedelta(days=7)
"""Zoom names no upper bound for how late its data may come; it says minutes, and large meetings take longer."""

SPAN = timedelta(days=25)
"""A list may be asked for "one month", and whether both ends count is not said. 25 days of any time of day touch at
most 26 days of UTC; with the day added on each side that is 28, from the first to the last, both counted: a month
under every reading, February's too."""

WAIT_FOR_DETAILS = timedelta(hours=24)
"""How long after the end Zoom's "not found or not ended yet" (3001) is taken for the latter."""

SETTLED = timedelta(hours=2)
"""Who reads a meeting sooner after its end reads it once more: Zoom's staff says "a minute or two" until all of it is
there, and large ones were seen to take longer, without a word in the listing
(https://devforum.zoom.us/t/availability-of-dashboard-api-meeting-ends/48616)."""

ASK_AGAIN = timedelta(hours=1)

Kind = Literal["meeting", "webinar"]


def days(window: Window, now: datetime) -> tuple[str, str] | None:
    """`from` and `to` of a list that holds every meeting which started in the window; `None` where Zoom has none.

    Zoom does not say in which zone its days begin, and seems to hold the end as well as the start against them: so
    a day more on each side, no day that is past keeping, none that has not begun.
    """
    day = timedelta(days=1)
    first = max((window.start - day).date(), (now - KEPT).date())
    last = min((window.end - timedelta(microseconds=1) + day).date(), now.date())
    return (first.isoformat(), last.isoformat()) if first <= last else None


def refs_in(
    window: Window, rows: Iterable[Row], endpoint: Endpoint, now: datetime, hint: dict[str, Any]
) -> Iterator[MeetingRef]:
    """The rows that started in the window, and those without a start: that only their participants tell."""
    for row in rows:
        start = parse_instant(row.get("start_time"))
        if start is None or start in window:
            yield _ref(row, start, endpoint, min(window.end, now), hint)


def _ref(
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


def joins_in(row: Row) -> int:
    """How many joins a listing row counts (who drops out and comes back counts twice); 0 where it counts none."""
    told = row.get("participants", row.get("participants_count"))
    return told if isinstance(told, int) and told > 0 else 0


def listed_joins(ref: MeetingRef) -> int:
    """How many joins the ref's row counts, to reckon with; one where it counts none."""
    return max(1, joins_in(ref.row) if ref.row is not None else 0)


def pages_of(rows: int, endpoint: Endpoint) -> int:
    return -(-rows // endpoint.page_size)


def identified(row: Row, uuid: str) -> Row:
    """A row that was asked for by its uuid, under this uuid."""
    return row if row.get("uuid") == uuid else {**row, "uuid": uuid}


def ended_by(ref: MeetingRef, row: Row | None = None) -> datetime | None:
    """When the meeting ended at the latest, as far as it was ever listed."""
    end = parse_instant(row.get("end_time")) if row is not None else None
    return end or parse_instant(ref.hint.get("end")) or ref.start_time


def unavailable(ref: MeetingRef, error: VendorError, row: Row | None, now: datetime) -> Pending:
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
    until = (ended_by(ref, row) or now) + WAIT_FOR_DETAILS
    if now >= until:
        raise Gone(
            f"{VENDOR}: not to be found a day after it ended (code {NOT_FOUND})", reason=Reason.deleted
        )
    return Pending(until=min(now + ASK_AGAIN, until), reason=Reason.not_ended)


def headless(ref: MeetingRef, error: VendorError, now: datetime) -> NotReady:
    """`unavailable` for a meeting of which not even the head could be had: there is nothing to store."""
    pending = unavailable(ref, error, None, now)
    return NotReady(
        f"{VENDOR}: its details are not there yet (code {NOT_FOUND})",
        reason=pending.reason,
        until=pending.until,
    )


def alone(meeting: Meeting, pending: Pending | None) -> MeetingRecord:
    """The meeting without any session, and so without the figures that are counted from them."""
    return MeetingRecord(meeting=meeting, pending=pending)


def dated(harvest: MeetingRecord, ref: MeetingRef, row: Row, now: datetime) -> MeetingRecord:
    """The harvest, if it has any instant to be filed under. Zoom once showed blank times for meetings that had
    happened (https://github.com/jrchamp/moodle-mod_zoom/issues/239): raises NotReady for the lookback, then Gone."""
    since = parse_instant(ref.hint.get("end")) or now
    require_timestamp(harvest, vendor=VENDOR, since=since, lookback=LOOKBACK, now=now)
    return _settling(harvest, ref, now, joins_in(row))


def _settling(harvest: MeetingRecord, ref: MeetingRef, now: datetime, joins: int) -> MeetingRecord:
    """Pending, where more may still come: it has only just ended, or the listing counts more joins than were told."""
    ended = harvest.meeting.end_time or ended_by(ref)
    if harvest.pending is not None or ended is None:
        return harvest
    if (pending := until_settled(ended, SETTLED, now)) is not None:
        return replace(harvest, pending=pending)
    if harvest.sessions and len(harvest.sessions) < joins and now < ended + WAIT_FOR_DETAILS:
        until = min(now + ASK_AGAIN, ended + WAIT_FOR_DETAILS)
        return replace(harvest, pending=Pending(until=until, reason=Reason.settling))
    return harvest
