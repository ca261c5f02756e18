"""Books rooms from now on, and cancels such bookings.

A booking is checked against the calendar as it is, is sent once, and after a doubtful answer is looked for before anything
else. Then the calendar is read again: if another booking was made at the same moment, one of the two is withdrawn.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from connectors.errors import HarvestError, VendorError
from connectors.google_meet.room_calendar_api import NewEvent, RoomCalendars, is_doubtful
from connectors.google_meet.room_events import RoomEvent
from connectors.parsing import format_seconds
from harvester.rooms.calendar_copy import CalendarCopy
from harvester.rooms.status import occupying_meetings, status

CLIENT_PROPERTY = "meeting_harvester_client"
"""The private property of an event that names who booked it."""

ROUNDING = timedelta(minutes=15)
SHORTEST = timedelta(minutes=15)
LONGEST = timedelta(hours=8)
SHORTEST_FIT = timedelta(minutes=5)
"""A booking that is shortened to fit is not shorter than this."""

TITLE = "Walk-in meeting"

_BASE32HEX = "0123456789abcdefghijklmnopqrstuv"


class BookingRefused(Exception):
    """The room cannot be booked. `free_minutes`: how long it is free; 0 if it is busy."""

    def __init__(self, message: str, *, free_minutes: int = 0) -> None:
        super().__init__(message)
        self.free_minutes = free_minutes


class NotYourBooking(Exception):
    """The event was not booked here, or by another client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """A booking that exists."""

    room: str
    event: RoomEvent
    start: datetime
    end: datetime


def to_booking_json(booking: Booking) -> dict[str, str | None]:
    return {
        "id": booking.event.id,
        "room": booking.room,
        "title": booking.event.title,
        "start": format_seconds(booking.start),
        "end": format_seconds(booking.end),
    }


def new_event_id() -> str:
    """An id that no other event has: 26 characters of base32hex, as Calendar requires (130 random bits)."""
    return "".join(secrets.choice(_BASE32HEX) for _ in range(26))


class RoomBooker:
    """Safe for all threads: the bookings of one room are made one after the other."""

    def __init__(
        self,
        calendars: RoomCalendars,
        copies: Sequence[CalendarCopy],
        now: Callable[[], datetime],
        new_id: Callable[[], str] = new_event_id,
    ) -> None:
        self._calendars = calendars
        self._copies: Mapping[str, CalendarCopy] = {copy.room.name: copy for copy in copies}
        self._locks = {copy.room.name: Lock() for copy in copies}
        self._now = now
        self._new_id = new_id

    def book(
        self, room: str, duration: timedelta, *, client: str, fit: bool = False, title: str = TITLE
    ) -> Booking:
        """Book from now: the start is rounded down to 15 minutes, but is not before the end of the last meeting.

        `fit`: shorten the booking to the start of the next meeting. Raises BookingRefused, KeyError for an unknown room,
        HarvestError if the calendar cannot be read or changed.
        """
        copy = self._copies[room]
        with self._locks[room]:
            if error := copy.refresh():
                raise error
            start, end = self._slot(copy, duration, fit=fit)
            event = NewEvent(
                id=self._new_id(),
                start=start,
                end=end,
                title=title,
                properties={CLIENT_PROPERTY: client},
            )
            booked = self._insert(copy, event)
            copy.put(booked)
            self._withdraw_if_taken(copy, booked)
            start, end = booked.interval(copy.zone)
            return Booking(room=room, event=booked, start=start, end=end)

    def cancel(self, room: str, event_id: str, *, client: str) -> bool:
        """Delete a booking; False if it is gone already. Raises NotYourBooking, KeyError for an unknown room."""
        copy = self._copies[room]
        with self._locks[room]:
            event = self._calendars.get(copy.room.calendar, event_id)
            if event is None:
                copy.remove(event_id)
                return False
            if (event.properties or {}).get(CLIENT_PROPERTY) != client:
                raise NotYourBooking(f"the event was not booked by {client}")
            deleted = self._calendars.delete(copy.room.calendar, event_id)
            copy.remove(event_id)
            return deleted

    def room_of(self, event_id: str) -> str | None:
        """The room on whose calendar the event is, if the copies have it."""
        for name, copy in self._copies.items():
            if any(event.id == event_id for event in copy.events()):
                return name
        return None

    def _slot(self, copy: CalendarCopy, duration: timedelta, *, fit: bool) -> tuple[datetime, datetime]:
        now, zone = self._now(), copy.zone
        current = status(copy.events(), now, zone)
        if current.busy:
            raise BookingRefused("the room is busy")
        ended = [meeting.end for meeting in occupying_meetings(copy.events(), zone) if meeting.end <= now]
        start = max([now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % ROUNDING, *ended])
        end = start + duration
        if current.free_until is None or end <= current.free_until:
            return start, end
        free = current.free_until - now
        minutes = int(free.total_seconds() // 60)
        if not fit or free < SHORTEST_FIT:
            raise BookingRefused(f"the room is free for {minutes} minutes only", free_minutes=minutes)
        return start, current.free_until

    def _insert(self, copy: CalendarCopy, event: NewEvent) -> RoomEvent:
        """One attempt; after a doubtful answer, the event that is there, if there is one."""
        try:
            return self._calendars.insert(copy.room.calendar, event)
        except HarvestError as error:
            if not is_doubtful(error):
                raise
            found = self._calendars.get(copy.room.calendar, event.id)
            if found is None:
                raise
            return found

    def _withdraw_if_taken(self, copy: CalendarCopy, booked: RoomEvent) -> None:
        """Delete the booking if another one overlaps it that was created before it: that one may have been checked already."""
        if copy.refresh() is not None:
            return  # the next reading shows what is there
        start, end = booked.interval(copy.zone)
        for other in occupying_meetings(copy.events(), copy.zone):
            if other.event.id == booked.id or other.end <= start or end <= other.start:
                continue
            if _was_first(booked, other.event):
                continue
            self._delete(copy, booked)
            raise BookingRefused("another booking of the room was faster")

    def _delete(self, copy: CalendarCopy, booked: RoomEvent) -> None:
        try:
            self._calendars.delete(copy.room.calendar, booked.id)
        except VendorError as error:
            raise VendorError(
                f"the room was booked twice at the same moment, and this booking cannot be deleted: {error}",
                status=error.status,
            ) from None
        copy.remove(booked.id)


def _was_first(booked: RoomEvent, other: RoomEvent) -> bool:
    """Whether the booking was created before another event; of the same instant, the smaller id counts as first."""
    if booked.created is None or other.created is None:
        return False
    return (booked.created, booked.id) < (other.created, other.id)
