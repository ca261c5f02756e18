"""The organisation's Workspace: conferences in their spaces, and the calendar events they belong to.

Whether Reports' `conference_id` is the id of Meet's conference record is documented nowhere: here the two are
equal for some conferences, unless the options say otherwise.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from harvester.simulator.google_meet import formats
from harvester.simulator.google_meet.calendar_events import CalendarEvent, CalendarEvents
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
    """One conference.

    record_id, reports_id: its ids in Meet and in Reports.
    event_id_in_reports: the id of its calendar event in Reports, of the instance or of the series.
    foreign: hosted by another organisation.
    """

    meeting: Meeting
    record_id: str
    reports_id: str
    space: str
    code: str
    event: CalendarEvent | None
    event_id_in_reports: str | None
    foreign: bool

    @property
    def owner(self) -> Person | None:
        return None if self.foreign else self.meeting.host

    @property
    def start(self) -> int:
        """In nanoseconds: shortly before the first join."""
        return self.meeting.start * formats.MILLISECOND - formats.fraction(self.meeting.seed)

    @property
    def end(self) -> int:
        """In nanoseconds: shortly after the last leave."""
        after = self.meeting.end + SECOND
        return after * formats.MILLISECOND + formats.fraction(self.meeting.seed * 7 + 3)

    def ended(self, instant: int) -> bool:
        """Return whether it has ended at this instant, in milliseconds."""
        return self.meeting.end <= instant

    def has_record(self, instant: int) -> bool:
        """Return whether its record exists at this instant, in milliseconds."""
        started = self.meeting.start <= instant
        return started and instant * formats.MILLISECOND < self.end + RECORD_KEPT * formats.MILLISECOND


class Account:
    """Every conference, oldest first. Instants are milliseconds since 1970."""

    def __init__(self, organisation: Organisation, ids: Ids = "mixed") -> None:
        self.organisation = organisation
        self._ids = ids
        meetings = [_avoid_expiry(meeting, organisation.now) for meeting in organisation.meetings(PLATFORM)]
        meetings.sort(key=lambda meeting: (meeting.start, meeting.seed))
        spaces = _spaces([m for m in meetings if m.case is not Case.deleted])
        self.events = CalendarEvents(organisation, meetings, spaces)
        self.conferences = [self._conference(m, spaces[m.seed]) for m in meetings if m.seed in spaces]
        self._starts = [conference.meeting.start for conference in self.conferences]
        self._by_record = {conference.record_id: conference for conference in self.conferences}
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
        event = self.events.event_of(meeting)
        event_id = None
        if event is not None:
            # Google's own samples have the instance; nothing says that it is never the series.
            event_id = (
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
            event_id,
            meeting.webinar,
        )

    def find_record(self, name: str, instant: int) -> Conference | None:
        """Return the conference with this record id, if the record exists at this instant."""
        found = self._by_record.get(name)
        return found if found is not None and found.has_record(instant) else None

    def started(self, instant: int) -> Sequence[Conference]:
        return self.conferences[: bisect_right(self._starts, instant)]

    def in_space(self, key: str) -> Sequence[Conference]:
        """Return the conferences in a space, found by id or meeting code."""
        space = key if key in self._in_space else self._by_code.get(key.lower(), "")
        return self._in_space.get(space, [])

    @cached_property
    def by_email(self) -> dict[str, Person]:
        """Everyone with an account; accounts of departed people are deleted."""
        return {p.email: p for p in self.organisation.people if p.status != "departed"}

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
        """The person with an account and without admin rights who hosted the most meetings."""
        owners = [c.owner.index for c in self.conferences if c.owner is not None and has_meet(c.owner)]
        counts = Counter(index for index in owners if index != self.administrator.index)
        if not counts:
            return self.organisation.people[1]
        busiest = min(counts, key=lambda index: (-counts[index], index))
        return self.organisation.people[busiest]


def can_be_impersonated(person: Person) -> bool:
    """Return whether a service account gets tokens for a person: not if they are suspended or departed."""
    return person.status in {"active", "pending"}


def has_meet(person: Person) -> bool:
    """Return whether Meet is switched on for a person."""
    return person.status == "active"


def _avoid_expiry(meeting: Meeting, now: int) -> Meeting:
    """Move a meeting to an earlier time so that nothing of it expires within the quiet hour."""
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
    """Return the name of the space by meeting seed: one space per series, but never two conferences at once
    in a space."""
    names: dict[int, str] = {}
    busy: dict[str, list[int]] = {}
    for meeting in meetings:
        ends = busy.setdefault(meeting.series, [])
        # A broken connection leaves a gap of ten seconds.
        position = next((n for n, end in enumerate(ends) if end + 10 * SECOND < meeting.start), len(ends))
        ends[position : position + 1] = [meeting.end]
        names[meeting.seed] = f"{meeting.series}#{position}" if position else meeting.series
    return names
