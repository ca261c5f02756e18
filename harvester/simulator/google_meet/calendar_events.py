"""What is in the calendars: events of conferences that took place, of some that never did, and of what is to come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from harvester.simulator.google_meet import formats
from harvester.simulator.organisation import (
    DAY,
    HOUR,
    MINUTE,
    QUIET,
    Meeting,
    Organisation,
    Person,
    seeded_random,
)
from harvester.simulator.organisation.names import TOPICS

WEEKS_AHEAD = 2

Conferencing = Literal["meet", "zoom", "none"]
Kind = Literal["default", "outOfOffice", "focusTime"]


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One event, or one instance of a recurring one, whose id is then `series`. Instants are milliseconds. `summary`
    None: it was never given one. `gone`: how Calendar says that it is no longer there."""

    id: str
    series: str | None
    owner: Person
    summary: str | None
    start: int
    end: int
    code: str
    guests: Sequence[Person]
    private: bool
    gone: Literal["", "notFound", "deleted"] = ""
    conferencing: Conferencing = "meet"
    kind: Kind = "default"
    all_day: bool = False


class Events:
    """`spaces`: by a meeting's seed the name of its space; those without one never took place."""

    def __init__(
        self, organisation: Organisation, meetings: Sequence[Meeting], spaces: Mapping[int, str]
    ) -> None:
        self._organisation = organisation
        self._active = [person for person in organisation.people if person.standing == "active"]
        self._by_slot: dict[tuple[str, int], Event] = {}
        self._of: dict[int, Event] = {}
        self._series: dict[str, Meeting] = {}
        for meeting in meetings:
            if meeting.kind in {"scheduled", "recurring"}:
                self._note(meeting, spaces.get(meeting.seed, meeting.series))

    def _note(self, meeting: Meeting, space: str) -> None:
        slot = space, meeting.planned_start
        if slot not in self._by_slot:
            self._by_slot[slot] = self._event(meeting, space, meeting.planned_start)
        self._of[meeting.seed] = self._by_slot[slot]
        if meeting.kind == "recurring":
            self._series[space] = meeting

    def of(self, meeting: Meeting) -> Event | None:
        """The event of a meeting that took place."""
        return self._of.get(meeting.seed)

    def _event(self, meeting: Meeting, space: str, start: int) -> Event:
        seed = self._organisation.seed
        base = formats.event(seed, space)
        recurring = meeting.kind == "recurring"
        draw = seeded_random.number(seed, "event", space, size=2)
        lost = draw % 23
        return Event(
            f"{base}_{formats.compact(start)}" if recurring else base,
            base if recurring else None,
            meeting.host,
            None if draw % 19 == 3 else meeting.topic,
            start,
            start + max(meeting.planned_end - meeting.planned_start, 15 * MINUTE),
            formats.code(seed, space),
            self._invited(meeting.host, draw),
            draw % 11 == 5,
            "notFound" if lost == 7 else "deleted" if lost == 8 else "",
        )

    def _invited(self, owner: Person, draw: int) -> tuple[Person, ...]:
        active = self._active
        count = min(2 + draw % 6, len(active))
        chosen = (active[(draw + place * 5) % len(active)] for place in range(count))
        return tuple(person for person in dict.fromkeys(chosen) if person != owner)

    @cached_property
    def all(self) -> list[Event]:
        """Oldest first."""
        events = [*self._by_slot.values(), *self._upcoming(), *self._never_held(), *self._others()]
        return sorted(
            {event.id: event for event in events}.values(), key=lambda event: (event.start, event.id)
        )

    @cached_property
    def by_id(self) -> dict[str, Event]:
        return {event.id: event for event in self.all}

    @cached_property
    def by_series(self) -> dict[str, list[Event]]:
        """The instances of each recurring event, oldest first."""
        found: dict[str, list[Event]] = {}
        for event in self.all:
            if event.series is not None:
                found.setdefault(event.series, []).append(event)
        return found

    @cached_property
    def on_calendar(self) -> dict[int, list[Event]]:
        """By a person's index: what they called or are invited to, oldest first."""
        found: dict[int, list[Event]] = {}
        for event in self.all:
            for person in (event.owner, *event.guests):
                found.setdefault(person.index, []).append(event)
        return found

    def _upcoming(self) -> Iterator[Event]:
        """The next weeks of every series, and single events, none before the quiet hour is over."""
        now = self._organisation.now
        for space, meeting in self._series.items():
            if meeting.host.standing == "active":
                ahead = (now + QUIET + 5 * MINUTE - meeting.planned_start) // (7 * DAY) + 1
                for week in range(ahead, ahead + WEEKS_AHEAD):
                    yield self._event(meeting, space, meeting.planned_start + week * 7 * DAY)
        for place in range(3 + self._organisation.size // 20):
            rolls = seeded_random.dice(self._organisation.seed, "to come", place)
            start = now // HOUR * HOUR + 2 * HOUR + rolls.randrange(14 * 24) * HOUR
            yield self._single(f"to come {place}", start, rolls.randrange(10**6))

    def _never_held(self) -> Iterator[Event]:
        first, now = self._organisation.first, self._organisation.now
        for place in range(1 + self._organisation.size // 40):
            rolls = seeded_random.dice(self._organisation.seed, "never held", place)
            start = first + rolls.randrange(max(1, (now - first) // HOUR - 1)) * HOUR
            yield self._single(f"never held {place}", start, rolls.randrange(10**6))

    def _single(self, name: str, start: int, draw: int) -> Event:
        seed, owner = self._organisation.seed, self._active[draw % min(len(self._active), 40)]
        topic = f"{owner.department} {TOPICS[draw % len(TOPICS)]}"
        return Event(
            formats.event(seed, name),
            None,
            owner,
            topic,
            start,
            start + (30 + draw % 4 * 15) * MINUTE,
            formats.code(seed, name),
            self._invited(owner, draw),
            draw % 11 == 5,
        )

    def _others(self) -> Iterator[Event]:
        """What else is in a calendar: no conference, another vendor's, a whole day, time for oneself."""
        shapes: tuple[tuple[str, Conferencing, Kind, bool], ...] = (
            ("Lunch", "none", "default", False),
            ("Interview elsewhere", "zoom", "default", False),
            ("Company holiday", "none", "default", True),
            ("Out of office", "none", "outOfOffice", False),
            ("Focus time", "none", "focusTime", False),
        )
        midnight = self._organisation.now // DAY * DAY
        for place, owner in enumerate(self._active[:60]):
            summary, conferencing, kind, all_day = shapes[place % len(shapes)]
            start = midnight + (place % 9 - 3) * DAY + (0 if all_day else 11 * HOUR)
            length = DAY if all_day else HOUR
            name = formats.event(self._organisation.seed, "other", place)
            yield Event(
                name, None, owner, summary, start, start + length, "", (), False, "", conferencing, kind, all_day
            )  # fmt: skip


def has_calendar(person: Person) -> bool:
    """Calendar is turned off for some."""
    return person.index % 17 != 6
