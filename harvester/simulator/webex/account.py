"""The organisation's account at Webex: its meeting instances, their ids, and their quirks.

Ids have Webex's format. A series has 32 hex digits, some with dashes. An instance has those, then `_I_` and
the 18 digits of its conference. A scheduled meeting has the id of its series and its planned start. Only the
listing sometimes contains the number that people dial.
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
"""Meetings whose qualities are not available yet."""

READY = 10 * MINUTE
KEPT = 7 * DAY
"""The qualities of a meeting are available from READY after its start until KEPT after it."""

State = Literal["inProgress", "lobby", "ended"]


class Quirk(Enum):
    """Peculiarities of Webex's data that the organisation knows nothing of."""

    padded = auto()  # a listing row as in the published example of 2026, including passwords
    numbered = auto()  # the row also contains the number to dial
    old_names = auto()  # qualities with the field names of 2020
    heard_frames = auto()  # frame rates of audio, as in the published example
    duplicates = auto()  # participants that appear twice
    shared_join = auto()  # devices of one participant with the same correlationId
    fractions = auto()  # instants with milliseconds
    waits = auto()  # live, and no participant has been admitted yet


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
        """The beginning of its participants' ids."""
        return self.id[:32]

    def state(self, instant: int) -> State:
        if self.meeting.end <= instant:
            return "ended"
        return "lobby" if Quirk.waits in self.quirks else "inProgress"


class Account:
    """Every instance, with the look-ups that the API needs. Instants are milliseconds since 1970.

    Deleted meetings are missing: Webex documents no answer for them.
    """

    def __init__(self, organisation: Organisation) -> None:
        self.organisation = organisation
        meetings = [_avoid_expiry(m, organisation.now) for m in organisation.meetings(PLATFORM, YOUNG)]
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
        self.attended_by = lru_cache(maxsize=64)(self._attended_by)

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

    def find(self, key: str, instant: int) -> Instance | None:
        """Return an instance that has started, by its id."""
        instance = self._by_id.get(key)
        return instance if instance is not None and instance.meeting.start <= instant else None

    def last_of(self, key: str, instant: int) -> Instance | None:
        """Return the last instance that has started, of a series or of a scheduled meeting."""
        series, _, clock = key.partition("_")
        begun = [i for i in self.of_series(series, instant) if not clock or i.scheduled == key]
        return begun[-1] if begun else None

    def of_series(self, series: str, instant: int) -> list[Instance]:
        """Return the instances of a series that have started, oldest first."""
        return [i for i in self._by_series.get(series.replace("-", ""), ()) if i.meeting.start <= instant]

    def series_of(self, number: str) -> str | None:
        """Return the series with this number to dial."""
        return next((i.series for i in self.instances if i.number == number), None)

    def of_participant(self, participant: str, instant: int) -> Iterator[Instance]:
        """Yield the instances that a participant's id may belong to."""
        yield from self.of_series(participant.partition("_")[0], instant)

    def between(self, first: int, last: int, instant: int) -> Sequence[Instance]:
        """Return the instances in [first, last) that have started, oldest first."""
        low, high = bisect_left(self._starts, first), bisect_left(self._starts, min(last, instant + 1))
        return self.instances[low:high]

    def user(self, email: str) -> Person | None:
        return next((p for p in self.organisation.people if p.email == email.lower()), None)

    @property
    def administrator(self) -> Person:
        return self.organisation.people[0]

    @property
    def busiest_host(self) -> Person:
        """The person with an account who hosted the most meetings."""
        hosts = [i.meeting.host for i in self.instances if i.meeting.host.status == "active"]
        by_index = {host.index: host for host in hosts}
        counts = Counter(host.index for host in hosts)
        return (
            by_index[min(counts, key=lambda index: (-counts[index], index))] if hosts else self.administrator
        )

    def _attended_by(self, index: int) -> frozenset[str]:
        """Return the ids of the meetings that a person hosted or attended."""
        return frozenset(i.id for i in self.instances if self._attended(i.meeting, index))

    def _attended(self, meeting: Meeting, index: int) -> bool:
        if meeting.host.index == index:
            return True
        return any(
            isinstance(s.visitor, Person) and s.visitor.index == index
            for s in self.organisation.sessions(meeting)
        )


def person_id(person: Person) -> str:
    text = f"ciscospark://us/PEOPLE/{uuid(seeded_random.digest('webex person', person.email))}"
    return b64encode(text.encode()).decode().rstrip("=")


def _avoid_expiry(meeting: Meeting, now: int) -> Meeting:
    """Move a meeting to an earlier time if its qualities would expire within the quiet hour."""
    if not now - KEPT - MINUTE <= meeting.start <= now - KEPT + QUIET + MINUTE:
        return meeting
    earlier = QUIET + 5 * MINUTE
    times = ("start", "end", "planned_start", "planned_end", "records_at")
    return replace(meeting, **{name: getattr(meeting, name) - earlier for name in times})


def _quirks(meetings: Sequence[Meeting], now: int) -> dict[int, frozenset[Quirk]]:
    """Assign each quirk once if there are enough meetings, among those with qualities, and then to a few
    percent of the rest."""
    by_meeting: dict[int, frozenset[Quirk]] = {}
    for case, quirks in ((Case.mixed, _ROW_QUIRKS), (Case.young_live, (NO_QUIRKS, frozenset({Quirk.waits})))):
        matching = sorted((m for m in meetings if m.case is case), key=lambda m: m.seed)
        by_meeting |= {m.seed: quirks[n % len(quirks)] for n, m in enumerate(matching)}
    ordinary = [m for m in meetings if m.case in {Case.plain, Case.recurring} and m.attendance > 2]
    for position, meeting in enumerate(sorted(ordinary, key=lambda m: (now - m.start > KEPT - DAY, m.seed))):
        turn = (
            position
            if position < len(_IN_TURN)
            else seeded_random.number("webex quirk", meeting.seed, size=2) % 12
        )
        if turn < len(_IN_TURN):
            by_meeting[meeting.seed] = _IN_TURN[turn]
    return by_meeting
