"""When to read a meeting again, and what to store until then: it has only just ended, or its details are not available.

Both sources, the Dashboard and the Reports, use it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from connectors.errors import Gone, NotReady, VendorError
from connectors.models import Meeting, MeetingRecord, MeetingRef, Pending, Reason
from connectors.parsing import parse_instant
from connectors.pending import require_timestamp, until_settled
from connectors.zoom.endpoints import LOOKBACK, VENDOR
from connectors.zoom.errors import NOT_FOUND, OTHER_ACCOUNT, TOO_OLD
from connectors.zoom.http_client import Row
from connectors.zoom.listing_rows import join_count

MAX_DETAILS_DELAY = timedelta(hours=24)
"""How long after the end "not found or not ended yet" (code 3001) is taken to mean "not ended yet"."""

SETTLING_TIME = timedelta(hours=2)
"""A meeting read sooner than this after its end is read once more. Zoom's staff says that data is complete after "a
minute or two"; large meetings were seen to take longer, and the listing does not show it
(https://devforum.zoom.us/t/availability-of-dashboard-api-meeting-ends/48616)."""

REFETCH_INTERVAL = timedelta(hours=1)


def latest_end(ref: MeetingRef, row: Row | None = None) -> datetime | None:
    """The latest instant at which the meeting can have ended, if it was ever listed."""
    end = parse_instant(row.get("end_time")) if row is not None else None
    return end or parse_instant(ref.hint.get("end")) or ref.start_time


def pending_or_gone(ref: MeetingRef, error: VendorError, row: Row | None, now: datetime) -> Pending:
    """When to read a meeting again whose details are not available yet. Raises Gone if they never will be, which says
    nothing about the meeting itself if its row is at hand; raises any other error unchanged.

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
        raise Gone(f"{VENDOR}: not found a day after it ended (code {NOT_FOUND})", reason=Reason.deleted)
    return Pending(until=min(now + REFETCH_INTERVAL, until), reason=Reason.not_ended)


def not_ready_error(ref: MeetingRef, error: VendorError, now: datetime) -> NotReady:
    """Like `pending_or_gone`, for a meeting without its row: there is nothing to store yet."""
    pending = pending_or_gone(ref, error, None, now)
    return NotReady(
        f"{VENDOR}: its details are not available yet (code {NOT_FOUND})",
        reason=pending.reason,
        until=pending.until,
    )


def record_without_details(
    ref: MeetingRef, error: VendorError, row: Row, meeting: Meeting, now: datetime
) -> MeetingRecord:
    """The record of a meeting whose participants are refused: pending if they can follow, else what its row says.

    Zoom was seen to answer 3001 for every participant list of a meeting that it lists
    (https://github.com/jrchamp/moodle-mod_zoom/issues/661). Raises any other error unchanged.
    """
    try:
        return without_sessions(meeting, pending_or_gone(ref, error, row, now))
    except Gone:
        return MeetingRecord(meeting=meeting, listed_only=True)


def without_sessions(meeting: Meeting, pending: Pending | None) -> MeetingRecord:
    """A record without sessions, and so without the counts that are computed from them."""
    return MeetingRecord(meeting=meeting, pending=pending)


def finish_record(record: MeetingRecord, ref: MeetingRef, row: Row, now: datetime) -> MeetingRecord:
    """The record, pending if more data can follow. Raises what `require_timestamp` raises if it has no instant.

    Zoom once returned blank times for meetings that had taken place
    (https://github.com/jrchamp/moodle-mod_zoom/issues/239).
    """
    since = parse_instant(ref.hint.get("end")) or now
    require_timestamp(record, vendor=VENDOR, since=since, lookback=LOOKBACK, now=now)
    joins = join_count(row)
    record = _with_settling(record, ref, now, joins)
    # The Reports list one participant without any session.
    has_sessions = joins and ref.hint.get("type") not in {"live", "pastOne"}
    return replace(record, expected_sessions=joins) if has_sessions else record


def _with_settling(record: MeetingRecord, ref: MeetingRef, now: datetime, joins: int) -> MeetingRecord:
    """The record, pending if the meeting ended only just now, or has fewer sessions than its row counts joins."""
    ended = record.meeting.end_time or latest_end(ref)
    if record.pending is not None or ended is None or record.listed_only:
        return record
    if (pending := until_settled(ended, SETTLING_TIME, now)) is not None:
        return replace(record, pending=pending)
    if record.sessions and len(record.sessions) < joins and now < ended + MAX_DETAILS_DELAY:
        until = min(now + REFETCH_INTERVAL, ended + MAX_DETAILS_DELAY)
        return replace(record, pending=Pending(until=until, reason=Reason.settling))
    return record
