"""The organisation's account at Webex: which instances there are, under which ids, and what is odd about each.

Ids as Webex makes them: a series has 32 hex digits, some with dashes; an instance those and, behind `_I_`, the 18
digits of its conference; a scheduled meeting the series' and its planned start. Nothing of an instance tells the number
that people dial but, sometimes, the listing.
"""

from __future__ import annotations

from base64 import b64encode
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import lru_cache
from typing import Literal

from harvester.simulator.organisation import (
    DAY,
    MINUTE,
    QUIET,
    Case,
    Meeting,
    Organisation,
    Person,
    seeded_random,
)
from harvester.simulator.webex.formats import stamp, uuid

PLATFORM = "webex"
SITE = "inventedorg.webex.com"
YOUNG = (Case.young, Case.young_live, Case.young, Case.young_live)
"""Meetings whose qualities cannot be had yet."""

READY = 10 * MINUTE
KEPT = 7 * DAY
"""From when after its start, and for how long, the qualities of a meeting are told."""

State = Literal["inProgress", "lobby", "ended"]


class Quirk(Enum):
    """What Webex does to an instance that the organisation knows nothing of."""

    padded = auto()  # a listing row as in the published example of 2026, passwords and all
    numbered = auto()  # one that tells the number to dial, too
    old_names = auto()  # qualities with the field names of 2020
    heard_frames = auto()  # frame rates of audio, as in the published example
    duplicates = auto()  # participants that come twice
    shared_join = auto()  # devices of one participant under one correlationId
    fractions = auto()  # instants with milliseconds
    waits = auto()  # live, and nobody has been let in yet


NO_QUIRKS: frozenset[Quirk] = frozenset()
_ROW_QUIRKS = (frozenset({Quirk.duplicates}), frozenset({Quirk.shared_join, Quirk.fractions}))
_IN_TURN = (
    frozenset({Quirk.padded}),
    frozenset({Quirk.old_names}),
    frozenset({Quirk.heard_frames}),
    frozenset({Quirk.padded, Quirk.numbered}),
)


@dataclass(frozen=True, slots=True)
class Instance:
    """One ongoing or ended meeting under Webex's ids."""

    meeting: Meeting
    id: str
    series: str
    scheduled: str | None
    number: str
    quirks: frozenset[Quirk]

    @property
    def title(self) -> str:
        if self.meeting.topic is not None:
            return self.meeting.topic
        name = self.meeting.host.name
        return f"{name}'s Personal Room" if self.meeting.kind == "personal" else f"{name}'s meeting"

    @property
    def hexadecimal(self) -> str:
        """What its participants' ids begin with."""
        return self.id[:32]

    def state(self, instant: int) -> State:
        if self.meeting.end <= instant:
            return "ended"
        return "lobby" if Quirk.waits in self.quirks else "inProgress"


class Account:
    """Every instance, found by what Webex is asked for. Instants are milliseconds since 1970.

    Deleted meetings leave nothing: Webex documents no answer that would tell of them.
    """

    def __init__(self, organisation: Organisation) -> None:
        self.organisation = organisation
        meetings = [_settled(m, organisation.now) for m in organisation.meetings(PLATFORM, YOUNG)]
        meetings = sorted(
            (m for m in meetings if m.case is not Case.deleted), key=lambda m: (m.start, m.seed)
        )
        quirks = _quirks(meetings, organisation.now)
        self.instances = [self._instance(m, quirks.get(m.seed, NO_QUIRKS)) for m in meetings]
        self._starts = [instance.meeting.start for instance in self.instances]
        self._by_id = {instance.id: instance for instance in self.instances}
        self._by_series: dict[str, list[Instance]] = {}
        for instance in self.instances:
            self._by_series.setdefault(instance.series.replace("-", ""), []).append(instance)
        self.joined_by = lru_cache(maxsize=64)(self._joined_by)

    def _instance(self, meeting: Meeting, quirks: frozenset[Quirk]) -> Instance:
        digest = seeded_random.digest(self.organisation.seed, "webex series", meeting.series)
        series = uuid(digest) if digest[0] % 8 == 3 else digest.hex()
        conference = 10**17 + seeded_random.number("webex conference", meeting.seed) % (9 * 10**17)
        planned = meeting.kind in {"recurring", "scheduled", "webinar"}
        clock = stamp(meeting.planned_start).replace("-", "").replace(":", "")
        return Instance(
            meeting,
            f"{digest.hex()}_I_{conference}",
            series,
            f"{series}_{clock}" if planned else None,
            str(23_000_000_000 + int.from_bytes(digest[:4], "big")),
            quirks,
        )

    def found(self, key: str, instant: int) -> Instance | None:
        """An instance that has begun, by its own id."""
        instance = self._by_id.get(key)
        return instance if instance is not None and instance.meeting.start <= instant else None

    def last_of(self, key: str, instant: int) -> Instance | None:
        """The last instance that has begun, of a series or of a scheduled meeting."""
        series, _, clock = key.partition("_")
        begun = [i for i in self.of_series(series, instant) if not clock or i.scheduled == key]
        return begun[-1] if begun else None

    def of_series(self, series: str, instant: int) -> list[Instance]:
        """The instances of a series that have begun, oldest first."""
        return [i for i in self._by_series.get(series.replace("-", ""), ()) if i.meeting.start <= instant]

    def series_of(self, number: str) -> str | None:
        """The series that is dialled by this number."""
        return next((i.series for i in self.instances if i.number == number), None)

    def of_participant(self, participant: str, instant: int) -> Iterator[Instance]:
        """The instances that a participant's id may belong to."""
        yield from self.of_series(participant.partition("_")[0], instant)

    def between(self, first: int, last: int, instant: int) -> Sequence[Instance]:
        """Instances that have begun, in [first, last), oldest first."""
        low, high = bisect_left(self._starts, first), bisect_left(self._starts, min(last, instant + 1))
        return self.instances[low:high]

    def user(self, email: str) -> Person | None:
        return next((p for p in self.organisation.people if p.email == email.lower()), None)

    @property
    def administrator(self) -> Person:
        return self.organisation.people[0]

    @property
    def busiest_host(self) -> Person:
        """Whoever called the most meetings, of those with an account."""
        hosts = [i.meeting.host for i in self.instances if i.meeting.host.standing == "active"]
        by_index = {host.index: host for host in hosts}
        counted = Counter(host.index for host in hosts)
        return (
            by_index[min(counted, key=lambda index: (-counted[index], index))]
            if hosts
            else self.administrator
        )

    def _joined_by(self, index: int) -> frozenset[str]:
        """The ids of the meetings that somebody called or came to."""
        return frozenset(i.id for i in self.instances if self._came(i.meeting, index))

    def _came(self, meeting: Meeting, index: int) -> bool:
        if meeting.host.index == index:
            return True
        return any(
            isinstance(s.visitor, Person) and s.visitor.index == index
            for s in self.organisation.stays(meeting)
        )


def person_id(person: Person) -> str:
    text = f"ciscospark://us/PEOPLE/{uuid(seeded_random.digest('webex person', person.email))}"
    return b64encode(text.encode()).decode().rstrip("=")


def _settled(meeting: Meeting, now: int) -> Meeting:
    """The same an hour earlier, where its qualities would be given up within the quiet hour."""
    if not now - KEPT - MINUTE <= meeting.start <= now - KEPT + QUIET + MINUTE:
        return meeting
    earlier = QUIET + 5 * MINUTE
    times = ("start", "end", "planned_start", "planned_end", "records_at")
    return replace(meeting, **{name: getattr(meeting, name) - earlier for name in times})


def _quirks(meetings: Sequence[Meeting], now: int) -> dict[int, frozenset[Quirk]]:
    """Each quirk once where there are meetings enough, of which qualities may be had, and then on a few of a hundred."""
    found: dict[int, frozenset[Quirk]] = {}
    for case, quirks in ((Case.mixed, _ROW_QUIRKS), (Case.young_live, (NO_QUIRKS, frozenset({Quirk.waits})))):
        matching = sorted((m for m in meetings if m.case is case), key=lambda m: m.seed)
        found |= {m.seed: quirks[n % len(quirks)] for n, m in enumerate(matching)}
    ordinary = [m for m in meetings if m.case in {Case.plain, Case.recurring} and m.attendance > 2]
    for place, meeting in enumerate(sorted(ordinary, key=lambda m: (now - m.start > KEPT - DAY, m.seed))):
        turn = (
            place if place < len(_IN_TURN) else seeded_random.number("webex quirk", meeting.seed, size=2) % 12
        )
        if turn < len(_IN_TURN):
            found[meeting.seed] = _IN_TURN[turn]
    return found
