"""The events in the calendars: of held conferences, of some that never took place, and of future ones."""

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
class CalendarEvent:
    """One event, or one instance of the recurring event `series`.

    Instants are milliseconds. `summary` is None if it has no title. `removed` is the error that Calendar
    returns for an event that no longer exists.
    """

    id: str
    series: str | None
    owner: Person
    summary: str | None
    start: int
    end: int
    code: str
    guests: Sequence[Person]
    private: bool
    removed: Literal["", "notFound", "deleted"] = ""
    conferencing: Conferencing = "meet"
    kind: Kind = "default"
    all_day: bool = False


class CalendarEvents:
    """`spaces`: the name of the space by meeting seed; a meeting without one never took place."""

    def __init__(
        self, organisation: Organisation, meetings: Sequence[Meeting], spaces: Mapping[int, str]
    ) -> None:
        self._organisation = organisation
        self._active = [person for person in organisation.people if person.status == "active"]
        self._by_slot: dict[tuple[str, int], CalendarEvent] = {}
        self._by_meeting: dict[int, CalendarEvent] = {}
        self._series: dict[str, Meeting] = {}
        for meeting in meetings:
            if meeting.kind in {"scheduled", "recurring"}:
                self._add(meeting, spaces.get(meeting.seed, meeting.series))

    def _add(self, meeting: Meeting, space: str) -> None:
        slot = space, meeting.planned_start
        if slot not in self._by_slot:
            self._by_slot[slot] = self._event(meeting, space, meeting.planned_start)
        self._by_meeting[meeting.seed] = self._by_slot[slot]
        if meeting.kind == "recurring":
            self._series[space] = meeting

    def event_of(self, meeting: Meeting) -> CalendarEvent | None:
        """Return the event of a held meeting."""
        return self._by_meeting.get(meeting.seed)

    def _event(self, meeting: Meeting, space: str, start: int) -> CalendarEvent:
        seed = self._organisation.seed
        base = formats.event(seed, space)
        recurring = meeting.kind == "recurring"
        draw = seeded_random.number(seed, "event", space, size=2)
        lost = draw % 23
        return CalendarEvent(
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
        chosen = (active[(draw + position * 5) % len(active)] for position in range(count))
        return tuple(person for person in dict.fromkeys(chosen) if person != owner)

    @cached_property
    def all(self) -> list[CalendarEvent]:
        """Every event, oldest first."""
        events = [*self._by_slot.values(), *self._upcoming(), *self._never_held(), *self._others()]
        return sorted(
            {event.id: event for event in events}.values(), key=lambda event: (event.start, event.id)
        )

    @cached_property
    def by_id(self) -> dict[str, CalendarEvent]:
        return {event.id: event for event in self.all}

    @cached_property
    def by_series(self) -> dict[str, list[CalendarEvent]]:
        """The instances of each recurring event, oldest first."""
        found: dict[str, list[CalendarEvent]] = {}
        for event in self.all:
            if event.series is not None:
                found.setdefault(event.series, []).append(event)
        return found

    @cached_property
    def on_calendar(self) -> dict[int, list[CalendarEvent]]:
        """By a person's index, the events that they organise or are invited to, oldest first."""
        found: dict[int, list[CalendarEvent]] = {}
        for event in self.all:
            for person in (event.owner, *event.guests):
                found.setdefault(person.index, []).append(event)
        return found

    def _upcoming(self) -> Iterator[CalendarEvent]:
        """Yield the next weeks of every series and single events, none before the end of the quiet hour."""
        now = self._organisation.now
        for space, meeting in self._series.items():
            if meeting.host.status == "active":
                ahead = (now + QUIET + 5 * MINUTE - meeting.planned_start) // (7 * DAY) + 1
                for week in range(ahead, ahead + WEEKS_AHEAD):
                    yield self._event(meeting, space, meeting.planned_start + week * 7 * DAY)
        for position in range(3 + self._organisation.size // 20):
            rng = seeded_random.generator(self._organisation.seed, "to come", position)
            start = now // HOUR * HOUR + 2 * HOUR + rng.randrange(14 * 24) * HOUR
            yield self._single(f"to come {position}", start, rng.randrange(10**6))

    def _never_held(self) -> Iterator[CalendarEvent]:
        first, now = self._organisation.first, self._organisation.now
        for position in range(1 + self._organisation.size // 40):
            rng = seeded_random.generator(self._organisation.seed, "never held", position)
            start = first + rng.randrange(max(1, (now - first) // HOUR - 1)) * HOUR
            yield self._single(f"never held {position}", start, rng.randrange(10**6))

    def _single(self, name: str, start: int, draw: int) -> CalendarEvent:
        seed, owner = self._organisation.seed, self._active[draw % min(len(self._active), 40)]
        topic = f"{owner.department} {TOPICS[draw % len(TOPICS)]}"
        return CalendarEvent(
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

    def _others(self) -> Iterator[CalendarEvent]:
        """Yield other entries: without a conference, with another vendor's conference, all-day events, focus
        time."""
        shapes: tuple[tuple[str, Conferencing, Kind, bool], ...] = (
            ("Lunch", "none", "default", False),
            ("Interview elsewhere", "zoom", "default", False),
            ("Company holiday", "none", "default", True),
            ("Out of office", "none", "outOfOffice", False),
            ("Focus time", "none", "focusTime", False),
        )
        midnight = self._organisation.now // DAY * DAY
        for position, owner in enumerate(self._active[:60]):
            summary, conferencing, kind, all_day = shapes[position % len(shapes)]
            start = midnight + (position % 9 - 3) * DAY + (0 if all_day else 11 * HOUR)
            length = DAY if all_day else HOUR
            name = formats.event(self._organisation.seed, "other", position)
            yield CalendarEvent(
                name, None, owner, summary, start, start + length, "", (), False, "", conferencing, kind, all_day
            )  # fmt: skip


def has_calendar(person: Person) -> bool:
    """Return whether Calendar is switched on for a person."""
    return person.index % 17 != 6
