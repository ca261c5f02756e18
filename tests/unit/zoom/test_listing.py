"""Which days are requested, what becomes a ref, and when a meeting is read again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import Gone, NotReady, VendorError
from connectors.models import Detail, MeetingRef, Pending, Reason, Window
from connectors.zoom import Zoom
from connectors.zoom.listing import MAX_WINDOW, date_range
from connectors.zoom.mapping import to_meeting
from tests.unit.fake_context import NOW
from tests.unit.zoom.fake_api import DAY, Account, data, meeting_row, page, participant_row, ref

Build = Callable[..., Zoom]

PARTICIPANTS = "/metrics/meetings/abc%3D%3D/participants"


def test_same_number_with_a_new_uuid_is_another_instance(zoom: Build, account: Account) -> None:
    account.quiet()
    account.on(
        "/metrics/meetings",
        page("meetings", meeting_row("one"), meeting_row("two", start_time="2026-11-20T10:01:00Z")),
        type="past",
    )
    assert [found.uuid for found in zoom().meetings(DAY)] == ["one", "two"]
    shared = {"account": "main", "detail": Detail.basic, "state": "ended", "harvested_at": NOW}
    one, two = (to_meeting(meeting_row(uuid), **shared) for uuid in ("one", "two"))
    assert one.meeting_series_id == two.meeting_series_id


def test_meeting_with_blank_times_is_listed_and_dated_by_its_first_join(
    zoom: Build, account: Account
) -> None:
    blank = meeting_row(start_time="", end_time="", duration="", participants=0)
    account.quiet()
    account.on("/metrics/meetings", page("meetings", blank), type="past")
    account.on(PARTICIPANTS, data("metrics_participants"))
    (found,) = zoom().meetings(DAY)
    assert isinstance(found, MeetingRef)
    assert found.start_time is None
    record = zoom().fetch(found)
    assert record.timestamp == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert record.meeting.state == "ended"
    assert (record.meeting.start_time, record.meeting.duration) == (None, None)


def test_meeting_without_times_and_sessions_is_not_ready_and_then_fails_or_is_gone(
    zoom: Build, account: Account, context
) -> None:
    account.quiet()
    blank = ref(meeting_row(start_time="", end_time="", duration=""), end="2026-11-21T00:00:00+00:00")
    with pytest.raises(NotReady) as later:
        zoom().fetch(blank)
    assert later.value.reason is Reason.no_time
    context.start += timedelta(days=8)
    with pytest.raises(VendorError, match="without any time"):
        zoom().fetch(blank)
    account.on("/metrics/meetings/abc%3D%3D", blank.row)
    with pytest.raises(Gone) as gone:
        zoom().fetch(replace(blank, row=None))
    assert gone.value.reason is Reason.no_time


def test_details_may_come_up_to_a_day_after_the_end(zoom: Build, account: Account) -> None:
    assert Zoom.lookback >= timedelta(days=7)
    record = zoom().fetch(ref(meeting_row()))  # 3001 for its participants
    assert record.pending is not None
    assert record.pending.reason is Reason.not_ended
    assert record.meeting.detail is Detail.basic
    assert record.meeting.participants is None
    assert record.sessions == ()


def test_meeting_that_just_ended_is_read_once_more(zoom: Build, account: Account) -> None:
    account.on(PARTICIPANTS, page("participants", participant_row()))
    ended = (NOW - timedelta(minutes=30)).isoformat()
    record = zoom().fetch(ref(meeting_row(participants=1, end_time=ended)))
    assert record.pending == Pending(until=NOW + timedelta(minutes=90), reason=Reason.settling)


def test_missing_joins_keep_a_meeting_pending_for_a_day(zoom: Build, account: Account, context) -> None:
    account.on(PARTICIPANTS, page("participants", participant_row()))
    short = ref(meeting_row(participants=2, end_time=(NOW - timedelta(hours=5)).isoformat()))
    pending = zoom().fetch(short).pending
    assert pending is not None
    assert pending.reason is Reason.settling
    assert pending.until <= NOW + timedelta(hours=1, minutes=1)
    context.start += timedelta(hours=20)
    assert zoom().fetch(short).pending is None


def test_listed_meeting_whose_participants_are_not_found_is_stored_from_its_row(
    zoom: Build, account: Account, context
) -> None:
    context.start += timedelta(days=1)
    row = {
        "uuid": "AAAAinvented1234567890==",
        "id": 81234567890,
        "topic": "Weekly",
        "host": "Mara Lindqvist",
        "email": "mara.lindqvist@example.org",
        "start_time": "2026-11-18T09:00:00Z",
        "end_time": "2026-11-18T10:00:00Z",
        "duration": "01:00:00",
        "participants": 4,
    }
    not_found = {"code": 3001, "message": "Meeting does not exist."}
    account.on("/metrics/meetings/AAAAinvented1234567890%3D%3D/participants", not_found, status=404)
    record = zoom().fetch(ref(row))
    assert (record.listed_only, record.pending, record.sessions) == (True, None, ())
    meeting = record.meeting
    assert (meeting.detail, meeting.state, meeting.duration) == (Detail.basic, "ended", 3600)
    assert (meeting.participants, meeting.participant_sessions) == (None, None)


def test_meeting_that_is_not_found_at_all_a_day_after_its_end_is_gone(zoom: Build, context) -> None:
    context.start += timedelta(days=1)
    with pytest.raises(Gone) as gone:
        zoom().fetch(replace(ref(meeting_row()), row=None))
    assert gone.value.reason is Reason.deleted


def test_meetings_of_one_participant_are_listed_separately(zoom: Build, account: Account) -> None:
    account.quiet()
    account.on("/metrics/meetings", page("meetings", meeting_row("alone")), type="pastOne")
    (found,) = zoom().meetings(DAY)
    assert isinstance(found, MeetingRef)
    assert found.hint["type"] == "pastOne"
    zoom().fetch(found)
    assert account.asked_for("/metrics/meetings/alone/participants")[0]["type"] == "pastOne"


def test_whole_days_are_requested_and_filtered_by_start(zoom: Build, account: Account) -> None:
    account.quiet()
    rows = [
        meeting_row("before", start_time="2026-11-19T23:59:59Z"),
        meeting_row("first", start_time="2026-11-20T00:00:00Z"),
        meeting_row("over midnight", start_time="2026-11-20T23:59:59Z", end_time="2026-11-21T01:00:00Z"),
        meeting_row("first", start_time="2026-11-20T00:00:00Z"),
        meeting_row("after", start_time="2026-11-21T00:00:00Z"),
    ]
    account.on("/metrics/meetings", page("meetings", *rows), type="past")
    assert {found.uuid for found in zoom().meetings(DAY)} == {"first", "over midnight"}
    asked = account.asked_for("/metrics/meetings")[0]
    assert (asked["from"], asked["to"]) == ("2026-11-19", "2026-11-21")


@given(
    start=st.timedeltas(timedelta(days=-400), timedelta(days=100)).map(lambda apart: NOW + apart),
    length=st.timedeltas(timedelta(microseconds=1), MAX_WINDOW),
    now=st.timedeltas(timedelta(), timedelta(days=1)).map(lambda apart: NOW + apart),
)
def test_date_range_spans_at_most_28_days_within_the_retention_and_before_now(start, length, now) -> None:
    found = date_range(Window(start=start, end=start + length), now)
    if found is None:
        assert start > now or start + length < now - timedelta(days=179)
        return
    first, last = (datetime.fromisoformat(day).date() for day in found)
    assert 0 <= (last - first).days < 28
    assert last <= now.date()
    assert first >= (now - timedelta(days=180)).date()


def test_window_beyond_the_retention_makes_no_request(zoom: Build, account: Account) -> None:
    old = Window(start=NOW - timedelta(days=300), end=NOW - timedelta(days=290))
    assert list(zoom().meetings(old)) == []
    assert account.asked == []
