"""Which days are requested, and what becomes a ref."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from connectors.models import Detail, MeetingRef, Window
from connectors.zoom import Zoom
from connectors.zoom.listing_rows import MAX_WINDOW, date_range
from connectors.zoom.mapping import to_meeting
from tests.unit.fake_context import NOW
from tests.unit.zoom.fake_api import DAY, Account, data, meeting_row, page

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
