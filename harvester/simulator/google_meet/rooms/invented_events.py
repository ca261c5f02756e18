"""The rooms of the organisation and what is booked in them: ordinary days, and one awkward case after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

from harvester.simulator.google_meet import formats
from harvester.simulator.google_meet.rooms.room import Room, RoomEvent, local_instant, local_time
from harvester.simulator.organisation import DAY, HOUR, MINUTE, Organisation, seeded_random
from harvester.simulator.organisation.names import TEAMS, TOPICS
from harvester.simulator.organisation.people import Person

DAYS_BEFORE = 4
DAYS_AFTER = 10
_NAMES = (
    "Aurora", "Birch", "Cedar", "Delta", "Ember", "Fjord", "Glacier", "Harbour", "Iris", "Juniper", "Købmand", "Lagoon",
    "Maple", "Nebula", "Öresund", "Prairie", "Quartz", "River", "Sequoia", "Tundra",
)  # fmt: skip
# Most rooms are at headquarters; every fifth is elsewhere.
_ELSEWHERE = (
    "Asia/Tokyo", "America/Los_Angeles", "Asia/Kolkata", "America/New_York", "Pacific/Auckland", "Europe/Lisbon",
)  # fmt: skip
_HEADQUARTERS = "Europe/Berlin"


def invent_rooms(seed: int, count: int) -> list[Room]:
    return [_room(seed, index) for index in range(count)]


def _room(seed: int, index: int) -> Room:
    name, round_ = _NAMES[index % len(_NAMES)], index // len(_NAMES)
    number = formats.event(seed, "room", index)
    zone = _ELSEWHERE[index // 5 % len(_ELSEWHERE)] if index % 5 == 3 else _HEADQUARTERS
    return Room(
        index=index,
        name=f"{name} {round_ + 1}" if round_ else name,
        email=f"c_188{number}@resource.calendar.google.com",
        zone=zone,
        capacity=(4, 6, 8, 12, 20, 2)[index % 6],
        building=zone.rpartition("/")[2],
        floor=str(index % 4),
        features=("Whiteboard", "Video") if index % 3 else ("Video",),
    )


def invent_events(organisation: Organisation, room: Room) -> list[RoomEvent]:
    """Return the events of a room from four days before the organisation's now to ten days after it."""
    today = local_time(organisation.now, room.zone).date()
    hosts = [person for person in organisation.people[:200] if person.status == "active"]
    calendar = _Calendar(organisation, room, hosts)
    for offset in range(-DAYS_BEFORE, DAYS_AFTER + 1):
        day = today + timedelta(days=offset)
        # Today's case depends on the room, so that twenty rooms show every case at once.
        case = _CASES[(room.index + offset) % len(_CASES)]
        if case is not _nothing:
            calendar.add_ordinary_day(day)
        case(calendar, day)
    return sorted(calendar.events, key=lambda event: (*event.interval(room.zone), event.id))


@dataclass(slots=True)
class _Calendar:
    organisation: Organisation
    room: Room
    hosts: Sequence[Person]
    events: list[RoomEvent] = field(default_factory=list)

    def rng(self, day: date, purpose: str) -> Random:
        return seeded_random.generator(self.organisation.seed, self.room.index, day.isoformat(), purpose)

    def at(self, day: date, hour: int, minute: int = 0) -> int:
        return local_instant(day, hour, minute, self.room.zone)

    def add(self, start: int | date, end: int | date, summary: str | None, **more: Any) -> RoomEvent:
        seed, number = self.organisation.seed, len(self.events)
        host = self._host(number)
        begins = start if isinstance(start, int) else local_instant(start, 0, 0, self.room.zone)
        booked = {
            "id": formats.event(seed, "room event", self.room.index, number),
            "zone": self.room.zone,
            "organizer": host.email,
            "organizer_name": host.name if number % 4 else "",  # Google sends the name of most only
            "guests": tuple(self._host(number + step).email for step in range(1, 1 + number % 5)),
            "code": formats.code(seed, f"room {self.room.index} {number}") if number % 3 else "",
            "created": min(begins - 6 * DAY, self.organisation.now - DAY),
            "updated": min(begins - 5 * DAY, self.organisation.now - DAY),
        }
        event = RoomEvent(start=start, end=end, summary=summary, **{**booked, **more})
        self.events.append(event)
        return event

    def _host(self, number: int) -> Person:
        return self.hosts[(7 * self.room.index + number) % len(self.hosts)]

    def add_ordinary_day(self, day: date) -> None:
        """Add a few meetings between nine and five with gaps, and every other room's daily stand-up."""
        rng = self.rng(day, "ordinary")
        if self.room.index % 2 == 0:
            self._add_stand_up(day)
        if day.weekday() >= 5:
            return
        start = self.at(day, 10) + rng.randrange(0, 4) * 15 * MINUTE
        while start < self.at(day, 17):
            length = rng.choice((15, 25, 30, 50, 60, 90)) * MINUTE
            title = f"{rng.choice(TEAMS)[0]} {rng.choice(TOPICS)}"
            self.add(start, start + length, title)
            start += length + rng.choice((0, 5, 10, 60, 150)) * MINUTE

    def _add_stand_up(self, day: date) -> None:
        start = self.at(day, 9, 15)
        series = formats.event(self.organisation.seed, "stand-up", self.room.index)
        self.add(
            start,
            start + 15 * MINUTE,
            "Stand-up",
            id=f"{series}_{formats.compact(start)}",
            series=series,
            code=formats.code(self.organisation.seed, series),
        )


def _overlaps(calendar: _Calendar, day: date) -> None:
    first = calendar.at(day, 10)
    calendar.add(first, first + 3 * HOUR, "Workshop")
    calendar.add(first + HOUR, first + 90 * MINUTE, "Nested in the workshop")
    calendar.add(first + 2 * HOUR, first + 4 * HOUR, "Longer than the workshop")
    calendar.add(first + 5 * HOUR, first + 6 * HOUR, "Starts together, ends later")
    calendar.add(first + 5 * HOUR, first + 330 * MINUTE, "Starts together, ends first")


def _chain(calendar: _Calendar, day: date) -> None:
    for number in range(5):
        start = calendar.at(day, 13) + number * 30 * MINUTE
        calendar.add(start, start + 30 * MINUTE, f"Interview {number + 1}")


def _all_day(calendar: _Calendar, day: date) -> None:
    calendar.add(day, day + timedelta(days=1), "Open house")


def _several_days(calendar: _Calendar, day: date) -> None:
    calendar.add(day, day + timedelta(days=3), "Conference", transparent=calendar.room.index % 2 == 1)
    calendar.add(
        calendar.at(day - timedelta(days=1), 20), calendar.at(day + timedelta(days=1), 8), "Hackathon"
    )


def _cancelled(calendar: _Calendar, day: date) -> None:
    calendar.add(calendar.at(day, 11), calendar.at(day, 12), "Called off", status="cancelled")
    calendar.add(calendar.at(day, 17), calendar.at(day, 18), "Called off too", status="cancelled")


def _transparent(calendar: _Calendar, day: date) -> None:
    calendar.add(calendar.at(day, 8), calendar.at(day, 18), "Reminder: plants", transparent=True)


def _declined(calendar: _Calendar, day: date) -> None:
    """More declined meetings than fit on a page of ten."""
    for number in range(14):
        start = calendar.at(day, 9) + number * 30 * MINUTE
        calendar.add(start, start + 30 * MINUTE, f"Declined {number + 1}", answer="declined")


def _undecided(calendar: _Calendar, day: date) -> None:
    calendar.add(calendar.at(day, 8), calendar.at(day, 9), "Not answered yet", answer="needsAction")
    calendar.add(calendar.at(day, 17), calendar.at(day, 18), "Accepted tentatively", answer="tentative")
    calendar.add(calendar.at(day, 18), calendar.at(day, 19), "Tentative", status="tentative")


def _private(calendar: _Calendar, day: date) -> None:
    calendar.add(calendar.at(day, 8), calendar.at(day, 9), "Salary review", visibility="private")
    calendar.add(calendar.at(day, 17), calendar.at(day, 18), "Merger", visibility="confidential")
    calendar.add(calendar.at(day, 18), calendar.at(day, 19), None)
    calendar.add(calendar.at(day, 19), calendar.at(day, 20), None, visibility="private")


def _other_kinds(calendar: _Calendar, day: date) -> None:
    calendar.add(day, day + timedelta(days=1), "Office", kind="workingLocation", transparent=True)
    calendar.add(calendar.at(day, 7), calendar.at(day, 9), "At home", kind="workingLocation")
    calendar.add(calendar.at(day, 18), calendar.at(day, 20), "Renovation", kind="outOfOffice")
    calendar.add(calendar.at(day, 20), calendar.at(day, 21), "Focus time", kind="focusTime")


def _over_midnight(calendar: _Calendar, day: date) -> None:
    start = calendar.at(day, 22, 30)
    calendar.add(start, start + 3 * HOUR, "Release night")


def _at_the_edges(calendar: _Calendar, day: date) -> None:
    """A meeting until midnight, one from midnight, one of no length, and one that starts within a minute."""
    midnight = calendar.at(day + timedelta(days=1), 0)
    calendar.add(midnight - 90 * MINUTE, midnight, "Until midnight")
    calendar.add(midnight, midnight + HOUR, "From midnight")
    calendar.add(calendar.at(day, 12, 10), calendar.at(day, 12, 10), "No length")
    calendar.add(calendar.at(day, 18) + 30_000, calendar.at(day, 19) + 15_000, "Started late")


def _written_elsewhere(calendar: _Calendar, day: date) -> None:
    """Meetings whose times are written in the organizers' zones."""
    calendar.add(calendar.at(day, 8), calendar.at(day, 9), "Call with Osaka", zone="Asia/Tokyo")
    calendar.add(calendar.at(day, 18), calendar.at(day, 19), "Call with San Jose", zone="America/Los_Angeles")


def _night(calendar: _Calendar, day: date) -> None:
    """A meeting across the hour that a change of the clock skips or repeats."""
    calendar.add(calendar.at(day, 1, 30), calendar.at(day, 3, 30), "Maintenance")


def _nothing(calendar: _Calendar, day: date) -> None:
    del calendar, day


_CASES: Sequence[Callable[[_Calendar, date], None]] = (
    _overlaps, _chain, _all_day, _several_days, _cancelled, _transparent, _declined, _undecided, _private, _other_kinds,
    _over_midnight, _at_the_edges, _written_elsewhere, _night, _nothing,
)  # fmt: skip
