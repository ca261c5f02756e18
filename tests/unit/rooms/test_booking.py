"""harvester/rooms/booking.py: no room is booked twice, and nothing is deleted that was not booked here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest

from connectors.errors import HarvestError, Unreachable, VendorError
from connectors.google_meet.room_calendar_api import NewEvent
from connectors.google_meet.room_events import RoomEvent
from harvester.rooms.booking import CLIENT_PROPERTY, BookingRefused, NotYourBooking, RoomBooker, new_event_id
from harvester.rooms.calendar_copy import CalendarCopy
from harvester.rooms.rooms_file import Room
from tests.unit.rooms.fake_calendars import FakeCalendars, at, event

HOUR = timedelta(hours=1)
UTC = ZoneInfo("UTC")


class Office:
    """One room, and a clock that stands still at 10:07."""

    def __init__(self, calendars: FakeCalendars | None = None, first_id: str = "m") -> None:
        self.time = at(10) + timedelta(minutes=7)
        self.calendars = calendars or FakeCalendars()
        self.copy = CalendarCopy(Room(name="Blue", calendar="blue"), self.calendars, self.now, UTC)
        ids = count()
        self.booker = RoomBooker(self.calendars, [self.copy], self.now, lambda: f"{first_id}{next(ids)}")

    def now(self) -> datetime:
        return self.time

    def book(self, duration: timedelta = HOUR, *, fit: bool = False) -> tuple[datetime, datetime]:
        event = self.booker.book("Blue", duration, client="panel", fit=fit).event
        return event.interval(UTC)

    def count(self, method: str) -> int:
        return [name for name, _ in self.calendars.calls].count(method)


def test_the_start_is_rounded_down_to_15_minutes() -> None:
    assert Office().book() == (at(10), at(11))


def test_the_start_is_not_before_the_end_of_the_last_meeting() -> None:
    office = Office()
    office.calendars.set("blue", event("last", 9, 10 + 5 / 60))
    assert office.book() == (at(10 + 5 / 60), at(11 + 5 / 60))


def test_a_busy_room_is_refused() -> None:
    office = Office()
    office.calendars.set("blue", event("now", 10, 11))
    with pytest.raises(BookingRefused) as refused:
        office.book()
    assert refused.value.free_minutes == 0
    assert office.count("insert") == 0


def test_a_booking_into_the_next_meeting_is_refused_with_the_free_minutes() -> None:
    office = Office()
    office.calendars.set("blue", event("next", 10.5, 11))
    with pytest.raises(BookingRefused, match="free for 23 minutes only") as refused:
        office.book()
    assert refused.value.free_minutes == 23


def test_a_booking_can_be_shortened_to_fit() -> None:
    office = Office()
    office.calendars.set("blue", event("next", 10.5, 11))
    assert office.book(fit=True) == (at(10), at(10.5))


def test_a_gap_of_less_than_five_minutes_is_not_booked() -> None:
    office = Office()
    office.calendars.set("blue", event("next", 10.175, 11))
    with pytest.raises(BookingRefused):
        office.book(fit=True)


def test_the_calendar_is_read_before_a_booking() -> None:
    office = Office()
    office.copy.refresh()
    office.calendars.set("blue", event("just booked", 10, 11))
    with pytest.raises(BookingRefused):
        office.book()


def test_a_calendar_that_cannot_be_read_is_not_booked() -> None:
    office = Office()
    office.calendars.refused["read"] = Unreachable("no connection")
    with pytest.raises(Unreachable):
        office.book()
    assert office.count("insert") == 0


def test_a_lost_answer_is_followed_by_a_look_and_never_by_a_second_insertion() -> None:
    office = Office()
    office.calendars.refused["insert"] = Unreachable("no answer")
    office.calendars.lost.add("insert")
    assert office.book() == (at(10), at(11))
    assert (office.count("insert"), office.count("get")) == (1, 1)


@pytest.mark.parametrize("error", [Unreachable("no answer"), VendorError("gateway", status=502)])
def test_an_insertion_that_did_not_happen_is_an_error(error: HarvestError) -> None:
    office = Office()
    office.calendars.refused["insert"] = error
    with pytest.raises(type(error)):
        office.book()
    assert office.count("insert") == 1
    assert office.copy.events() == ()


def test_a_refused_insertion_is_not_looked_for() -> None:
    office = Office()
    office.calendars.refused["insert"] = VendorError("forbidden", status=403)
    with pytest.raises(VendorError):
        office.book()
    assert office.count("get") == 0


def test_of_many_bookings_at_once_one_succeeds() -> None:
    office = Office()

    def book(_number: int) -> bool:
        try:
            office.book()
        except BookingRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(book, range(8))) == 1
    assert office.count("insert") == 1


def test_a_person_who_books_at_the_same_moment_keeps_the_room() -> None:
    office = Office()
    office.calendars.before_insert = lambda: office.calendars.set("blue", event("person", 10.25, 11))
    with pytest.raises(BookingRefused, match="another booking"):
        office.book()
    office.copy.refresh()
    assert [each.id for each in office.copy.events()] == ["person"]


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("b", "a")])
def test_of_two_programs_that_book_at_the_same_moment_the_first_keeps_the_room(
    first: str, second: str
) -> None:
    one = Office(first_id=first)
    other = Office(one.calendars, first_id=second)
    results: list[bool] = []

    def other_books() -> None:
        one.calendars.before_insert = lambda: None
        results.append(succeeds(other))

    one.calendars.before_insert = other_books
    results.append(succeeds(one))
    one.copy.refresh()
    assert results == [True, False]
    assert [each.id for each in one.copy.events()] == [f"{second}0"]


def test_a_person_who_books_after_it_does_not_end_a_booking() -> None:
    office = Office()
    plain = office.calendars.insert

    def insert(calendar: str, new: NewEvent) -> RoomEvent:
        booked = plain(calendar, new)
        office.calendars.set("blue", event("person", 10.25, 11))
        return booked

    office.calendars.insert = insert  # type: ignore[method-assign]  # another booking follows at once
    assert office.book() == (at(10), at(11))


def succeeds(office: Office) -> bool:
    try:
        office.book()
    except BookingRefused:
        return False
    return True


def test_a_booking_can_be_cancelled_by_who_made_it() -> None:
    office = Office()
    booked = office.booker.book("Blue", HOUR, client="panel").event
    assert booked.properties == {CLIENT_PROPERTY: "panel"}
    assert office.booker.room_of(booked.id) == "Blue"
    with pytest.raises(NotYourBooking):
        office.booker.cancel("Blue", booked.id, client="other")
    assert office.booker.cancel("Blue", booked.id, client="panel") is True
    assert office.booker.cancel("Blue", booked.id, client="panel") is False
    assert office.booker.room_of(booked.id) is None


def test_a_meeting_of_a_person_is_never_deleted() -> None:
    office = Office()
    office.calendars.set("blue", event("person", 12, 13))
    with pytest.raises(NotYourBooking):
        office.booker.cancel("Blue", "person", client="panel")
    assert office.count("delete") == 0


def test_ids_are_as_calendar_requires_them() -> None:
    ids = {new_event_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(set(each) <= set("0123456789abcdefghijklmnopqrstuv") and len(each) == 26 for each in ids)
