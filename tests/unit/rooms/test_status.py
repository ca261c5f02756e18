"""harvester/rooms/status.py: half-open intervals, the room's zone, chains of meetings."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from connectors.google_meet.room_events import RoomEvent
from harvester.rooms.status import next_change, status, unknown_status

ZONE = ZoneInfo("Europe/Rome")
NINE = datetime(2026, 11, 30, 9, tzinfo=UTC)


def at(hour: float) -> datetime:
    return NINE.replace(hour=0) + timedelta(hours=hour)


def event(name: str, start: float, end: float, **more: object) -> RoomEvent:
    return RoomEvent(id=name, title=name, start=at(start), end=at(end), **more)  # type: ignore[arg-type]  # test data


def names(meetings: object) -> list[str]:
    return [meeting.event.id for meeting in meetings]  # type: ignore[attr-defined]  # RoomMeeting


def test_a_meeting_runs_from_its_start_until_before_its_end() -> None:
    events = [event("a", 10, 11)]
    assert [status(events, at(hour), ZONE).busy for hour in (9.99, 10, 10.99, 11)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_meeting_that_ended_gives_way_to_the_next_without_a_new_reading() -> None:
    events = [event("a", 10, 11), event("b", 11, 12)]
    now = status(events, at(11), ZONE)
    assert now.current is not None
    assert now.current.event.id == "b"
    assert now.next is None


def test_a_room_without_events_is_free_all_day() -> None:
    now = status([], at(10), ZONE)
    assert (now.busy, now.free_until, now.free_all_day) == (False, None, True)


def test_an_unknown_state_has_no_times() -> None:
    now = unknown_status(at(10), ZONE)
    assert (now.busy, now.current, now.next, now.busy_until, now.free_until) == (None, None, None, None, None)
    assert not now.free_all_day


def test_busy_until_is_the_end_of_the_unbroken_chain() -> None:
    events = [event("a", 10, 11), event("b", 10.5, 12), event("c", 12, 13), event("d", 13.5, 14)]
    assert status(events, at(10.25), ZONE).busy_until == at(13)


def test_all_running_meetings_are_listed_and_the_one_that_started_last_is_current() -> None:
    events = [event("long", 8, 18), event("talk", 10, 11), event("later", 12, 13)]
    now = status(events, at(10), ZONE)
    assert names(now.running) == ["long", "talk"]
    assert now.current is not None
    assert now.current.event.id == "talk"
    assert names(now.upcoming) == ["later"]


def test_of_meetings_that_started_together_the_first_to_end_is_current() -> None:
    now = status([event("long", 10, 12), event("short", 10, 11)], at(10), ZONE)
    assert now.current is not None
    assert now.current.event.id == "short"


def test_an_event_that_does_not_occupy_the_room_does_not_count() -> None:
    assert status([event("a", 10, 11, occupies=False)], at(10), ZONE).busy is False


def test_an_event_of_no_duration_or_with_a_reversed_end_does_not_count() -> None:
    now = status([event("a", 10, 10), event("b", 12, 11)], at(10), ZONE)
    assert (now.busy, now.next) == (False, None)


def test_a_whole_day_is_the_rooms() -> None:
    holiday = RoomEvent(id="h", start=date(2026, 11, 30), end=date(2026, 12, 1))
    tokyo = ZoneInfo("Asia/Tokyo")
    first, last = datetime(2026, 11, 29, 15, tzinfo=UTC), datetime(2026, 11, 30, 15, tzinfo=UTC)
    assert status([holiday], first - timedelta(seconds=1), tokyo).busy is False
    assert status([holiday], first, tokyo).busy_until == last
    assert status([holiday], last, tokyo).busy is False


def test_a_whole_day_on_which_clocks_change_has_25_hours() -> None:
    day = RoomEvent(id="d", start=date(2026, 10, 25), end=date(2026, 10, 26))
    now = status([day], datetime(2026, 10, 25, 12, tzinfo=UTC), ZONE)
    assert now.running[0].end - now.running[0].start == timedelta(hours=25)


def test_a_day_without_a_midnight_starts_at_its_first_instant() -> None:
    cairo = ZoneInfo("Africa/Cairo")  # 2026-04-24: 00:00 -> 01:00
    day = RoomEvent(id="d", start=date(2026, 4, 24), end=date(2026, 4, 25))
    now = status([day], datetime(2026, 4, 24, 12, tzinfo=UTC), cairo)
    assert now.running[0].start == datetime(2026, 4, 23, 22, tzinfo=UTC)


def test_today_is_the_day_of_the_rooms_zone() -> None:
    tokyo, evening = ZoneInfo("Asia/Tokyo"), datetime(2026, 11, 30, 14, tzinfo=UTC)  # 23:00 in Tokyo
    soon = RoomEvent(id="a", start=evening + timedelta(minutes=30), end=evening + timedelta(minutes=50))
    tomorrow = RoomEvent(id="b", start=evening + timedelta(hours=1), end=evening + timedelta(hours=2))
    assert status([soon], evening, tokyo).free_all_day is False
    assert status([tomorrow], evening, tokyo).free_all_day is True


def test_the_next_change_is_a_start_an_end_or_the_end_of_the_day() -> None:
    events = [event("a", 10, 11), event("b", 10.5, 12)]
    assert next_change(status(events, at(9), ZONE)) == at(10)
    assert next_change(status(events, at(10), ZONE)) == at(10.5)
    assert next_change(status(events, at(10.75), ZONE)) == at(11)
    assert next_change(status(events, at(13), ZONE)) == at(23)  # midnight in Rome
    assert next_change(unknown_status(at(9), ZONE)) is None


INTERVALS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8)


@given(INTERVALS, st.integers(0, 30))
def test_the_state_is_that_of_a_plain_count(intervals: list[tuple[int, int]], hour: int) -> None:
    events = [event(str(number), *interval) for number, interval in enumerate(intervals)]
    now = status(events, at(hour), ZONE)
    covered = {h for start, end in intervals for h in range(start, end)}
    assert now.busy == (hour in covered)
    if now.busy:
        assert now.busy_until == at(next(h for h in range(hour, 99) if h not in covered))
    else:
        starts = [start for start, end in intervals if hour < start < end]
        assert now.free_until == (at(min(starts)) if starts else None)


@given(INTERVALS, st.integers(0, 30))
def test_nothing_changes_before_the_next_change(intervals: list[tuple[int, int]], hour: int) -> None:
    events = [event(str(number), *interval) for number, interval in enumerate(intervals)]
    now = status(events, at(hour), ZONE)
    change = next_change(now)
    assert change is not None
    assert change > now.at
    later = status(events, change - timedelta(seconds=1), ZONE)
    assert (later.running, later.upcoming, later.free_all_day) == (
        now.running,
        now.upcoming,
        now.free_all_day,
    )
