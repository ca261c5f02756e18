"""Who was in a conference, endpoint by endpoint: the one source of Meet's participants, of Reports' rows and of the truth.

An endpoint is one join of one device. Meet groups those of one account into a participant; whoever has none, or calls
by telephone, is another participant each time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Literal

from harvester.simulator.google_meet import formats
from harvester.simulator.google_meet.account import Account, Conference, has_meet
from harvester.simulator.organisation import (
    DAY,
    HOUR,
    MINUTE,
    QUIET,
    Case,
    Guest,
    Organisation,
    Person,
    Stay,
    Visitor,
)

Means = Literal["account", "anonymous", "phone", "room"]

_HALF = re.compile("[\ud800-\udfff]")
_DEVICES = {
    "windows": "web", "mac": "web", "linux": "web", "web": "web", "ios": "ios", "android": "android", "sip": "interop",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """`participant`, `session`: resource names. `start`, `end`: nanoseconds. `known_at`: from when on, in
    milliseconds, Reports tells of it. `person`: somebody of the organisation; `email` of others where they have an
    account. `second`: somebody who is there already, on another device."""

    id: str
    participant: str
    session: str
    means: Means
    user: str | None
    name: str | None
    email: str | None
    person: Person | None
    device: str
    start: int
    end: int
    known_at: int
    second: bool
    stay: Stay

    @property
    def left_at(self) -> int:
        """The milliseconds of a row in Reports."""
        return self.end // formats.MILLISECOND

    def reported(self, instant: int) -> bool:
        return self.known_at <= instant and self.left_at <= instant


@dataclass(frozen=True, slots=True)
class Participant:
    """`end` None: somebody who is still there."""

    name: str
    endpoints: Sequence[Endpoint]
    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of Reports, to be made when it is asked for. Instants are milliseconds."""

    left_at: int
    known_at: int
    conference: Conference
    place: int


class Presences:
    def __init__(self, account: Account) -> None:
        self._account = account
        self._organisation: Organisation = account.organisation
        self.endpoints = lru_cache(maxsize=2048)(self._endpoints)

    def _endpoints(self, conference: Conference) -> Sequence[Endpoint]:
        """In the order of joining, also those of later."""
        there: dict[tuple[bool, int], int] = {}
        found = []
        for stay in self._organisation.stays(conference.meeting):
            if stay.place == "meeting":
                visitor = _visitor(conference, stay)
                who = isinstance(visitor, Person), visitor.index
                second = stay.join < there.get(who, 0)
                there[who] = max(stay.leave, there.get(who, 0))
                found.append(self._endpoint(conference, stay, visitor, second=second))
        return found

    def _endpoint(self, conference: Conference, stay: Stay, visitor: Visitor, *, second: bool) -> Endpoint:
        means = _means(visitor, stay, second=second)
        person = visitor if isinstance(visitor, Person) and means == "account" else None
        seed, bits = conference.meeting.seed, stay.bits
        who = f"{type(visitor).__name__} {visitor.index}" if means in {"account", "room"} else str(stay.visit)
        participant = f"conferenceRecords/{conference.record}/participants/{formats.digits(seed, 'participant', means, who)}"
        device = _device(stay, means)
        start = stay.join * formats.MILLISECOND + formats.fraction(bits)
        end = stay.leave * formats.MILLISECOND + formats.fraction(bits >> 5)
        return Endpoint(
            f"meet_{device}_{formats.digits(seed, 'endpoint', stay.visit)[:19]}",
            participant,
            f"{participant}/participantSessions/{formats.digits(seed, 'session', stay.visit)}",
            means,
            self._user(visitor, person, means),
            _name(visitor, stay, means),
            visitor.email if means == "account" else None,
            person,
            device,
            start,
            end,
            self._known_at(conference, stay, end // formats.MILLISECOND),
            second,
            stay,
        )

    def _user(self, visitor: Visitor, person: Person | None, means: Means) -> str | None:
        """The id of an account: of the organisation's people, of others, of a room's robot."""
        if person is not None:
            return self._account.user_id(person)
        return formats.digits("user elsewhere", visitor.index) if means in {"account", "room"} else None

    def _known_at(self, conference: Conference, stay: Stay, left: int) -> int:
        """Mostly within the hour, of some days later, never within the quiet hour."""
        now, meeting = self._organisation.now, conference.meeting
        if meeting.case is Case.late and stay.known_at > now:
            return stay.known_at
        if meeting.case is Case.unsettled:
            return meeting.records_at
        draw, rest = stay.bits >> 3 & 127, stay.bits >> 10
        if draw < 96:
            lag = 3 * MINUTE + rest % (42 * MINUTE)
        elif draw < 123:
            lag = 45 * MINUTE + rest % (3 * HOUR)
        else:
            lag = 4 * HOUR + rest * 977 % (2 * DAY)
        known = left + lag
        return max(left, now - 2 * MINUTE) if now - MINUTE < known <= now + QUIET + MINUTE else known

    def present(self, conference: Conference, instant: int) -> list[Endpoint]:
        """Who has joined by then, whether they are still there or not."""
        return [e for e in self.endpoints(conference) if e.start // formats.MILLISECOND <= instant]

    def participants(self, conference: Conference, instant: int) -> list[Participant]:
        """Who has joined by then, last joined first."""
        return self.grouped(self.present(conference, instant), instant)

    def grouped(self, there: Sequence[Endpoint], instant: int) -> list[Participant]:
        """The participants whose endpoints these are, last joined first."""
        found = []
        everybody = sorted(there, key=_participant)
        for name, group in groupby(everybody, key=_participant):
            endpoints = sorted(group, key=_start)
            still = any(gone(endpoint, instant) is None for endpoint in endpoints)
            end = None if still else max(endpoint.end for endpoint in endpoints)
            found.append(Participant(name, endpoints, endpoints[0].start, end))
        return sorted(found, key=lambda participant: (-participant.start, participant.name))

    def rows(self, conference: Conference) -> list[Endpoint]:
        """Those of whom Reports tells, sooner or later: of a conference of others only one's own people."""
        return [e for e in self.endpoints(conference) if not conference.foreign or e.person is not None]

    @cached_property
    def attended(self) -> dict[int, list[tuple[Conference, int]]]:
        """By a person's index the conferences that they came to, and when, in milliseconds; oldest first."""
        return self._walked[0]

    @cached_property
    def every_row(self) -> list[Row]:
        """Of all conferences, last left first."""
        return sorted(self._walked[1], key=lambda row: (-row.left_at, row.conference.meeting.seed, row.place))

    @cached_property
    def _walked(self) -> tuple[dict[int, list[tuple[Conference, int]]], list[Row]]:
        # Both in one walk: the endpoints of a year are not kept, and making them takes its time.
        attended: dict[int, list[tuple[Conference, int]]] = {}
        rows: list[Row] = []
        for conference in self._account.conferences:
            seen: set[int] = set()
            for place, endpoint in enumerate(self.rows(conference)):
                rows.append(Row(endpoint.left_at, endpoint.known_at, conference, place))
                person = endpoint.person
                if person is not None and person.index not in seen:
                    seen.add(person.index)
                    joined = endpoint.start // formats.MILLISECOND
                    attended.setdefault(person.index, []).append((conference, joined))
        return attended, rows

    @cached_property
    def owned(self) -> dict[int, list[Conference]]:
        """By a person's index the conferences in their spaces, oldest first."""
        found: dict[int, list[Conference]] = {}
        for conference in self._account.conferences:
            if conference.owner is not None:
                found.setdefault(conference.owner.index, []).append(conference)
        return found

    def seen_by(self, person: Person, instant: int, *, attended: bool) -> list[Conference]:
        """The conferences with a record that are listed to somebody, latest first. `attended`: not only their own."""
        if not has_meet(person):
            return []
        seen = list(self.owned.get(person.index, ()))
        if attended:
            seen += [
                c
                for c, joined in self.attended.get(person.index, ())
                if joined <= instant and c.owner != person
            ]
        kept = [conference for conference in seen if conference.kept(instant)]
        return sorted(kept, key=lambda c: (-c.start, c.record))

    def may_read(self, person: Person, conference: Conference, instant: int) -> bool:
        """Owners and participants."""
        if conference.owner is person:
            return True
        return any(endpoint.person is person for endpoint in self.present(conference, instant))


def gone(endpoint: Endpoint, instant: int) -> int | None:
    """When they left, in nanoseconds, as is known at this instant."""
    return endpoint.end if endpoint.left_at <= instant else None


def _visitor(conference: Conference, stay: Stay) -> Visitor:
    """Of a foreign conference the host is somebody else."""
    visitor = stay.visitor
    if conference.foreign and visitor == conference.meeting.host:
        index = 500_000 + visitor.index
        return Guest(index=index, name="Organizer Elsewhere", email=f"organizer{index}@partner.example")
    return visitor


def _means(visitor: Visitor, stay: Stay, *, second: bool) -> Means:
    if isinstance(visitor, Person):
        # Some take the sound by telephone, others have a second screen.
        return "phone" if second and stay.bits % 3 == 0 else "account"
    if visitor.means == "guest":
        return "account" if visitor.email else "anonymous"
    return visitor.means


def _device(stay: Stay, means: Means) -> str:
    if means == "phone":
        return "pstn_out" if stay.bits & 32 else "pstn_in"
    if stay.kit.platform == "room":
        return "chromebase" if stay.kit.index % 3 == 0 else "chromebox"
    return _DEVICES.get(stay.kit.platform, "other_client")


def _name(visitor: Visitor, stay: Stay, means: Means) -> str | None:
    if means == "phone":
        return f"1555***0{100 + stay.bits % 100}"
    # Google's text is whole: half a character becomes the one that stands for what cannot be read.
    return None if visitor.name is None else _HALF.sub("\ufffd", visitor.name)


def _participant(endpoint: Endpoint) -> str:
    return endpoint.participant


def _start(endpoint: Endpoint) -> int:
    return endpoint.start
