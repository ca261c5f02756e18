"""The organisation's account at Zoom: its meeting instances, their ids, and their quirks.

Ids have Zoom's format. An instance has a base64 UUID, which may begin with `/` or contain `//` and `+`. A
series has a meeting number of 11 digits and a personal room one of 10, both above 2³¹. A person has an id of
22 letters.
"""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Literal

from harvester.simulator.organisation import DAY, Case, Meeting, Organisation, Person, seeded_random

PLATFORM = "zoom"
ListType = Literal["past", "pastOne", "live"]


class Quirk(Enum):
    """Peculiarities of Zoom's data that the organisation knows nothing of."""

    blank = auto()  # start, end and duration are "" and no participants are counted, but there are rows
    blank_empty = auto()  # the same without any row
    no_end = auto()  # end_time is null although the meeting is over
    miscounted = auto()  # the listing's number of participants differs from the rows
    flags_missing = auto()
    flags_null = auto()
    hidden = auto()  # names, addresses and locations are withheld (a business associate agreement)
    duplicates = auto()  # rows that appear twice
    collision = auto()  # two different rows with the same ids and join time
    numbers = auto()  # user_id as a number
    fractions = auto()  # instants with milliseconds


NO_QUIRKS: frozenset[Quirk] = frozenset()
_ROW_QUIRKS = (
    frozenset({Quirk.duplicates, Quirk.numbers}),
    frozenset({Quirk.collision, Quirk.fractions}),
)
_HEAD_QUIRKS = (
    Quirk.blank, Quirk.blank_empty, Quirk.no_end, Quirk.miscounted, Quirk.flags_missing, Quirk.flags_null, Quirk.hidden,
)  # fmt: skip
_TYPES = {"instant": 1, "scheduled": 2, "recurring": 8, "personal": 4, "webinar": 5}


@dataclass(frozen=True, slots=True)
class Instance:
    """One meeting instance or webinar under Zoom's ids."""

    meeting: Meeting
    uuid: str
    number: int
    quirks: frozenset[Quirk]

    @property
    def type(self) -> int:
        """Zoom's number for the kind of meeting, as in its reports."""
        return _TYPES[self.meeting.kind]

    @property
    def topic(self) -> str:
        if self.meeting.topic is not None:
            return self.meeting.topic
        host = self.meeting.host.name
        return (
            f"{host}'s Personal Meeting Room" if self.meeting.kind == "personal" else f"{host}'s Zoom Meeting"
        )

    @property
    def blank(self) -> bool:
        return bool(self.quirks & {Quirk.blank, Quirk.blank_empty})


class Account:
    """Every instance, with the look-ups that the API needs. Instants are milliseconds since 1970."""

    def __init__(self, organisation: Organisation) -> None:
        self.organisation = organisation
        meetings = organisation.meetings(PLATFORM)
        quirks = _quirks(meetings)
        self.instances = [self._instance(n, m, quirks.get(m.seed)) for n, m in enumerate(meetings)]
        self._starts = [instance.meeting.start for instance in self.instances]
        self._by_uuid = {instance.uuid: instance for instance in self.instances}
        self._by_number: dict[int, list[Instance]] = {}
        for instance in self.instances:
            self._by_number.setdefault(instance.number, []).append(instance)
        self._people = {user_id(organisation.seed, person): person for person in organisation.people}
        self._by_email = {person.email: person for person in organisation.people}
        self._changes = sorted(self._future_changes())
        self.between = lru_cache(maxsize=512)(self._between)

    def _instance(self, position: int, meeting: Meeting, quirks: frozenset[Quirk] | None) -> Instance:
        seed = self.organisation.seed
        return Instance(meeting, _uuid(position, meeting), _number(seed, meeting), quirks or NO_QUIRKS)

    def _future_changes(self) -> Iterator[int]:
        now = self.organisation.now
        for instance in self.instances:
            meeting = instance.meeting
            if meeting.end > now or meeting.records_at > now or meeting.case is Case.late:
                yield meeting.end
                yield meeting.records_at
                for session in self.organisation.sessions(meeting):
                    yield from (session.join, session.leave, session.known_at)

    def epoch(self, instant: int) -> int:
        """Return a number that is the same for all instants with the same answers; the whole quiet hour is
        one epoch."""
        return bisect_right(self._changes, instant)

    def find(self, key: str, instant: int) -> Instance | None:
        """Find an instance by UUID, or the last one that has started by meeting number."""
        if key.isdigit():
            begun = [i for i in self._by_number.get(int(key), ()) if i.meeting.start <= instant]
            return begun[-1] if begun else None
        return self._by_uuid.get(key)

    def instances_of(self, number: int) -> Sequence[Instance]:
        return self._by_number.get(number, ())

    def _between(
        self, first: int, last: int, kind: ListType, webinars: bool, by_end: bool, epoch: int
    ) -> list[Instance]:
        """Return the instances that started (or ended) in [first, last], as of this epoch."""
        instant = self._changes[epoch - 1] if epoch else self.organisation.now
        low = bisect_left(self._starts, first - (3 * DAY if by_end else 0))
        high = bisect_right(self._starts, last)
        return [
            i
            for i in self.instances[low:high]
            if i.meeting.webinar is webinars
            and list_type(i.meeting, instant) == kind
            and (not by_end or first <= i.meeting.end <= last)
        ]

    def user(self, key: str) -> Person | None:
        """Return a person by id or e-mail address."""
        return self._people.get(key) or self._by_email.get(key.lower())


def list_type(meeting: Meeting, instant: int) -> ListType | None:
    """Return the listing that contains a meeting: none before its start, `pastOne` only once it is over."""
    if meeting.start > instant:
        return None
    if meeting.end > instant:
        return "live"
    return "pastOne" if meeting.alone else "past"


def user_id(seed: int, person: Person) -> str:
    return urlsafe_b64encode(seeded_random.digest(seed, "zoom user", person.index, size=16))[:22].decode()


def personal_number(seed: int, person: Person) -> int:
    return (
        2_200_000_000
        + (seeded_random.number(seed, "zoom room", size=4) + person.index * 104_729) % 7_000_000_000
    )


def _number(seed: int, meeting: Meeting) -> int:
    if meeting.kind == "personal":
        return personal_number(seed, meeting.host)
    return 80_000_000_000 + seeded_random.number(seed, meeting.series, size=6) % 19_999_999_999


def _uuid(position: int, meeting: Meeting) -> str:
    text = b64encode(seeded_random.digest("zoom instance", meeting.seed)).decode()
    oddity = position % 50
    if oddity == 3:
        return "/" + text[1:]
    if oddity == 7:
        return f"{text[:9]}//{text[11:]}"
    if oddity == 11:
        return f"/{text[1:5]}+/{text[7:]}"
    if oddity == 15:
        return f"{text[:6]}+{text[7:12]}/{text[13:]}"
    return text


def _quirks(meetings: Sequence[Meeting]) -> dict[int, frozenset[Quirk]]:
    """Assign each quirk once if there are enough meetings, and then to a few percent of the rest."""
    mixed = sorted((m for m in meetings if m.case is Case.mixed), key=lambda m: m.seed)
    quirks = {m.seed: _ROW_QUIRKS[n % len(_ROW_QUIRKS)] for n, m in enumerate(mixed)}
    ordinary = [m for m in meetings if m.case in {Case.plain, Case.recurring} and m.attendance > 2]
    ordinary.sort(key=lambda m: m.seed)
    for position, meeting in enumerate(ordinary):
        turn = (
            position
            if position < len(_HEAD_QUIRKS)
            else seeded_random.number("quirk", meeting.seed, size=2) % 180
        )
        if turn < len(_HEAD_QUIRKS):
            quirks[meeting.seed] = frozenset({_HEAD_QUIRKS[turn]})
    return quirks
