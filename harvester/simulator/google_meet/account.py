"""The organisation's Workspace: which conferences took place in which spaces, and what the calendars say of them.

Whether Reports' `conference_id` is the id of Meet's conference record is documented nowhere: here it is for some
conferences and is not for others, unless the terms say otherwise.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from harvester.simulator.google_meet import formats
from harvester.simulator.google_meet.calendar_events import Event, Events
from harvester.simulator.organisation import (
    DAY,
    MINUTE,
    QUIET,
    SECOND,
    Case,
    Meeting,
    Organisation,
    Person,
    seeded_random,
)

PLATFORM = "google-meet"
DOMAIN = "example.org"
CUSTOMER = "C0invented"
RECORD_KEPT = 30 * DAY
ROWS_KEPT = 180 * DAY

Ids = Literal["mixed", "same", "other"]


@dataclass(frozen=True, slots=True, eq=False)
class Conference:
    """One conference. `reported`: its id in Reports. `event_told`: the id of its event as Reports tells it, of the
    instance or of the series. `foreign`: called by somebody of another organisation."""

    meeting: Meeting
    record: str
    reported: str
    space: str
    code: str
    event: Event | None
    event_told: str | None
    foreign: bool

    @property
    def owner(self) -> Person | None:
        return None if self.foreign else self.meeting.host

    @property
    def start(self) -> int:
        """Nanoseconds: a moment before anybody joins."""
        return self.meeting.start * formats.MILLISECOND - formats.fraction(self.meeting.seed)

    @property
    def end(self) -> int:
        """Nanoseconds: a moment after the last one has left."""
        after = self.meeting.end + SECOND
        return after * formats.MILLISECOND + formats.fraction(self.meeting.seed * 7 + 3)

    def ended(self, instant: int) -> bool:
        """At this instant, in milliseconds."""
        return self.meeting.end <= instant

    def kept(self, instant: int) -> bool:
        """Whether there is a record of it at this instant, in milliseconds."""
        begun = self.meeting.start <= instant
        return begun and instant * formats.MILLISECOND < self.end + RECORD_KEPT * formats.MILLISECOND


class Account:
    """Every conference, oldest first. Instants are milliseconds since 1970."""

    def __init__(self, organisation: Organisation, ids: Ids = "mixed") -> None:
        self.organisation = organisation
        self._ids = ids
        meetings = [_settled(meeting, organisation.now) for meeting in organisation.meetings(PLATFORM)]
        meetings.sort(key=lambda meeting: (meeting.start, meeting.seed))
        spaces = _spaces([m for m in meetings if m.case is not Case.deleted])
        self.events = Events(organisation, meetings, spaces)
        self.conferences = [self._conference(m, spaces[m.seed]) for m in meetings if m.seed in spaces]
        self._starts = [conference.meeting.start for conference in self.conferences]
        self._by_record = {conference.record: conference for conference in self.conferences}
        self._in_space: dict[str, list[Conference]] = {}
        for conference in self.conferences:
            self._in_space.setdefault(conference.space, []).append(conference)
        self._by_code = {conference.code: conference.space for conference in self.conferences}

    def _conference(self, meeting: Meeting, space: str) -> Conference:
        seed = self.organisation.seed
        record = formats.conference("record", meeting.seed)
        same = self._ids == "same" or (
            self._ids == "mixed" and seeded_random.number("ids", meeting.seed) % 5 < 3
        )
        event = self.events.of(meeting)
        told = None
        if event is not None:
            # Google's own samples show instances; nobody says that it never is the series.
            told = (
                event.series
                if event.series and seeded_random.number("told", event.series) % 3 == 0
                else event.id
            )
        return Conference(
            meeting,
            record,
            record if same else formats.conference("reported", meeting.seed),
            formats.space(seed, space),
            formats.code(seed, space),
            event,
            told,
            meeting.webinar,
        )

    def record(self, name: str, instant: int) -> Conference | None:
        """A conference whose record there is, by the id of that."""
        found = self._by_record.get(name)
        return found if found is not None and found.kept(instant) else None

    def begun(self, instant: int) -> Sequence[Conference]:
        return self.conferences[: bisect_right(self._starts, instant)]

    def in_space(self, key: str) -> Sequence[Conference]:
        """The conferences in a space, by its id or by its code."""
        space = key if key in self._in_space else self._by_code.get(key.lower(), "")
        return self._in_space.get(space, [])

    @cached_property
    def by_email(self) -> dict[str, Person]:
        """Those with an account: of who has left it is gone."""
        return {p.email: p for p in self.organisation.people if p.standing != "departed"}

    @cached_property
    def by_id(self) -> dict[str, Person]:
        return {self.user_id(person): person for person in self.by_email.values()}

    def user_id(self, person: Person) -> str:
        return formats.digits(self.organisation.seed, "user", person.index)

    @property
    def administrator(self) -> Person:
        return self.organisation.people[0]

    @property
    def busiest_host(self) -> Person:
        """Whoever called the most meetings, of those with an account who are no administrators."""
        owners = [c.owner.index for c in self.conferences if c.owner is not None and has_meet(c.owner)]
        counted = Counter(index for index in owners if index != self.administrator.index)
        if not counted:
            return self.organisation.people[1]
        busiest = min(counted, key=lambda index: (-counted[index], index))
        return self.organisation.people[busiest]


def can_be_acted_for(person: Person) -> bool:
    """Whether a service account gets tokens for somebody: not of those who are suspended or gone."""
    return person.standing in {"active", "pending"}


def has_meet(person: Person) -> bool:
    """Some have an account, and Meet is turned off for them."""
    return person.standing == "active"


def _settled(meeting: Meeting, now: int) -> Meeting:
    """So much earlier that nothing of it expires within the quiet hour."""
    shift = 0
    edges = (now - RECORD_KEPT, now - ROWS_KEPT)
    while any(
        edge - MINUTE <= instant - shift <= edge + QUIET + MINUTE
        for edge in edges
        for instant in (meeting.start, meeting.end)
    ):
        shift += QUIET + 5 * MINUTE
    if not shift:
        return meeting
    times = ("start", "end", "planned_start", "planned_end", "records_at")
    return replace(meeting, **{name: getattr(meeting, name) - shift for name in times})


def _spaces(meetings: Sequence[Meeting]) -> dict[int, str]:
    """By a meeting's seed the name of its space: one for a series, but never two conferences at once in one."""
    named: dict[int, str] = {}
    busy: dict[str, list[int]] = {}
    for meeting in meetings:
        ends = busy.setdefault(meeting.series, [])
        # A gap of ten seconds is what a connection that breaks leaves.
        place = next((n for n, end in enumerate(ends) if end + 10 * SECOND < meeting.start), len(ends))
        ends[place : place + 1] = [meeting.end]
        named[meeting.seed] = f"{meeting.series}#{place}" if place else meeting.series
    return named
