"""Every room with its calendar."""

from __future__ import annotations

from functools import cached_property, lru_cache

from harvester.simulator.google_meet.rooms.calendar import RoomCalendar
from harvester.simulator.google_meet.rooms.invented_events import invent_events, invent_rooms
from harvester.simulator.google_meet.rooms.room import Room, RoomEvent
from harvester.simulator.organisation import Organisation


class RoomStore:
    """`freebusy_only`: the calendars are shared as free or busy, without details."""

    def __init__(self, organisation: Organisation, count: int, *, freebusy_only: bool = False) -> None:
        self.seed = organisation.seed
        self.freebusy_only = freebusy_only
        self.rooms = invent_rooms(organisation.seed, count)
        self.emails = frozenset(room.email for room in self.rooms)
        self._organisation = organisation
        self._number = 0

    @cached_property
    def calendars(self) -> dict[str, RoomCalendar]:
        """By e-mail address. Invented once they are asked for: most harvests ask for no room."""
        return {
            room.email: RoomCalendar(room, _invented_events(self._organisation, room)) for room in self.rooms
        }

    def named(self, name: str) -> RoomCalendar:
        """Return the calendar of the room with this name; KeyError if there is none."""
        for calendar in self.calendars.values():
            if calendar.room.name == name:
                return calendar
        raise KeyError(name)

    def next_number(self) -> int:
        self._number += 1
        return self._number


@lru_cache(maxsize=64)
def _invented_events(organisation: Organisation, room: Room) -> tuple[RoomEvent, ...]:
    """Of an organisation and its rooms, which never change: several simulators of one share them."""
    return tuple(invent_events(organisation, room))
