"""harvester/rooms/calendar_copy.py: a copy in step with its calendar, and what happens if that cannot be read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import Interrupted, Unreachable
from connectors.google_meet.errors import ApiNotAllowed, Forbidden
from connectors.google_meet.room_events import RoomEvent
from harvester.rooms import calendar_copy as module
from harvester.rooms.calendar_copy import UNKNOWN_AFTER, CalendarCopy
from harvester.rooms.rooms_file import Room
from harvester.rooms.status import RoomStatus
from tests.unit.rooms.fake_calendars import FakeCalendars, at, event

BLUE = "blue@example.org"
UTC = ZoneInfo("UTC")


class Now:
    def __init__(self) -> None:
        self.time = at(10)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def calendars() -> FakeCalendars:
    return FakeCalendars()


def copy_of(calendars: FakeCalendars, now: Now | None = None, zone: ZoneInfo | None = None) -> CalendarCopy:
    return CalendarCopy(Room(name="Blue", calendar=BLUE, zone=zone), calendars, now or Now(), UTC)


def test_the_first_reading_is_full_and_the_next_ones_are_changes(calendars: FakeCalendars) -> None:
    copy = copy_of(calendars)
    calendars.set(BLUE, event("a", 9, 11))
    assert copy.status(at(10)).busy is None
    assert copy.refresh() is None
    assert copy.status(at(10)).busy is True
    calendars.set(BLUE, event("a", 11, 12))
    calendars.set(BLUE, event("b", 13, 14))
    copy.refresh()
    assert copy.status(at(10)).free_until == at(11)
    calendars.cancel(BLUE, "a")
    copy.refresh()
    assert copy.status(at(10)).free_until == at(13)
    assert [method for method, _ in calendars.calls] == ["read", "changes", "changes"]


def test_an_expired_token_leads_to_a_full_reading(calendars: FakeCalendars) -> None:
    copy = copy_of(calendars)
    calendars.set(BLUE, event("a", 9, 11))
    copy.refresh()
    calendars.cancel(BLUE, "a")
    calendars.expire_tokens(BLUE)
    assert copy.refresh() is None
    assert copy.events() == ()


def test_a_full_reading_never_shows_an_empty_copy(
    calendars: FakeCalendars, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copy_of(calendars)
    calendars.set(BLUE, event("a", 9, 11))
    copy.refresh()
    seen = []
    apply = CalendarCopy._apply

    def look(self: CalendarCopy, *words: Any, **named: Any) -> None:
        seen.append(self.status(at(10)).busy)
        apply(self, *words, **named)
        seen.append(self.status(at(10)).busy)

    monkeypatch.setattr(CalendarCopy, "_apply", look)
    copy.refresh(full=True)
    assert seen == [True, True]


def test_a_full_reading_can_be_requested(calendars: FakeCalendars) -> None:
    copy = copy_of(calendars)
    copy.refresh()
    copy.refresh(full=True)
    assert [method for method, _ in calendars.calls] == ["read", "read"]


def test_a_failed_reading_keeps_the_copy_until_it_is_too_old(calendars: FakeCalendars) -> None:
    now = Now()
    copy = copy_of(calendars, now)
    calendars.set(BLUE, event("a", 9, 18))
    copy.refresh()
    calendars.refused["changes"] = Unreachable("no connection")
    now.time = at(10) + UNKNOWN_AFTER
    assert isinstance(copy.refresh(), Unreachable)
    assert copy.as_of == at(10)
    assert copy.status(now.time).busy is True
    assert copy.status(now.time + timedelta(seconds=1)).busy is None
    del calendars.refused["changes"]
    assert copy.refresh() is None
    assert copy.status(now.time + timedelta(seconds=1)).busy is True


@pytest.mark.parametrize("refusal", [ApiNotAllowed("no scope"), Forbidden("no access", status=403)])
def test_busy_times_are_read_if_the_events_are_refused(calendars: FakeCalendars, refusal: Exception) -> None:
    copy = copy_of(calendars)
    calendars.set(BLUE, event("a", 9, 11))
    calendars.refused["read"] = refusal  # type: ignore[assignment]  # both are HarvestErrors
    assert copy.refresh() is None
    current = copy.status(at(10)).current
    assert current is not None
    assert current.event.title is None
    copy.refresh()
    assert [method for method, _ in calendars.calls] == ["read", "free_busy", "free_busy"]


def test_the_events_are_tried_again_with_a_full_reading(calendars: FakeCalendars) -> None:
    copy = copy_of(calendars)
    calendars.set(BLUE, event("a", 9, 11))
    calendars.refused["read"] = Forbidden("no access", status=403)
    copy.refresh()
    del calendars.refused["read"]
    copy.refresh(full=True)
    current = copy.status(at(10)).current
    assert current is not None
    assert current.event.title == "a"


def test_if_busy_times_are_refused_too_the_error_of_the_events_counts(calendars: FakeCalendars) -> None:
    copy = copy_of(calendars)
    calendars.refused["read"] = Forbidden("share the calendar", status=403)
    calendars.refused["free_busy"] = ApiNotAllowed("no scope")
    assert str(copy.refresh()) == "share the calendar"


def test_an_interruption_is_no_failed_reading(calendars: FakeCalendars) -> None:
    calendars.refused["read"] = Interrupted(exit_code=130)
    with pytest.raises(Interrupted):
        copy_of(calendars).refresh()


@pytest.mark.parametrize(
    ("calendars_zone", "rooms_zone", "zone"),
    [
        ("Asia/Tokyo", None, "Asia/Tokyo"),
        ("Asia/Tokyo", "Europe/Rome", "Europe/Rome"),
        ("Mars/Base", None, "UTC"),
        (None, None, "UTC"),
    ],
)
def test_the_zone_is_that_of_the_file_else_of_the_calendar(
    calendars: FakeCalendars, calendars_zone: str | None, rooms_zone: str | None, zone: str
) -> None:
    calendars.time_zone = calendars_zone
    copy = copy_of(calendars, zone=ZoneInfo(rooms_zone) if rooms_zone else None)
    copy.refresh()
    assert copy.zone == ZoneInfo(zone)


def test_events_that_ended_days_ago_are_not_kept(calendars: FakeCalendars) -> None:
    now = Now()
    copy = copy_of(calendars, now)
    calendars.set(BLUE, event("a", 9, 11))
    copy.refresh()
    now.time += timedelta(days=2)
    copy.refresh()
    assert copy.events() == ()


@pytest.mark.parametrize("days", [-9, 9])
def test_the_state_at_another_instant_can_be_computed(calendars: FakeCalendars, days: int) -> None:
    then = at(10 + 24 * days)
    calendars.set(BLUE, event("a", 9 + 24 * days, 11 + 24 * days))
    copy = CalendarCopy(Room(name="Blue", calendar=BLUE), calendars, Now(), UTC, about=then)
    assert copy.refresh() is None
    assert copy.status(then).busy is True
    assert copy.as_of == at(10)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from("abc"), st.integers(0, 20)),
        st.tuples(st.just("cancel"), st.sampled_from("abc"), st.just(0)),
        st.tuples(st.just("expire"), st.just(""), st.just(0)),
        st.tuples(st.just("refresh"), st.just(""), st.just(0)),
        st.tuples(st.just("fail"), st.just(""), st.just(0)),
    ),
    max_size=30,
)


@given(STEPS)
def test_after_any_changes_a_reading_makes_the_copy_equal(steps: list[tuple[str, str, int]]) -> None:
    calendars = FakeCalendars()
    copy = copy_of(calendars)
    kept: dict[str, int] = {}
    for what, name, hour in steps:
        if what == "set":
            calendars.set(BLUE, event(name, hour, hour + 1))
            kept[name] = hour
        elif what == "cancel" and name in kept:
            calendars.cancel(BLUE, name)
            del kept[name]
        elif what == "expire":
            calendars.expire_tokens(BLUE)
        elif what == "refresh":
            calendars.refused.clear()
            copy.refresh()
        elif what == "fail":
            calendars.refused = {"changes": Unreachable("x"), "read": Unreachable("x")}
            copy.refresh()
    calendars.refused.clear()
    copy.refresh()
    assert {each.id: each.start for each in copy.events()} == {name: at(hour) for name, hour in kept.items()}


def test_the_state_is_computed_again_only_when_it_can_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages ask for the states of all rooms with each request."""
    computed: list[datetime] = []
    plain = module.status

    def counted(events: Iterable[RoomEvent], now: datetime, zone: ZoneInfo) -> RoomStatus:
        computed.append(now)
        return plain(events, now, zone)

    monkeypatch.setattr(module, "status", counted)
    calendars = FakeCalendars()
    calendars.set("blue", event("talk", 10.1, 10.2))
    copy = CalendarCopy(Room(name="Blue", calendar="blue"), calendars, Now(), UTC)
    assert copy.refresh() is None
    for minute in range(15):
        now = at(10) + timedelta(minutes=minute)
        assert copy.status(now) == plain(copy.events(), now, UTC)
    assert len(computed) == 3  # at first, at the start and at the end of the talk
    assert copy.status(at(9)).at == at(9)  # a clock that was set back
    copy.put(event("walk-in", 10, 11))
    assert copy.status(at(10.25)).busy
    copy.remove("walk-in")
    assert not copy.status(at(10.25)).busy
