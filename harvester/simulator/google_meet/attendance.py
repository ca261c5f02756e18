"""Who attended each conference, endpoint by endpoint: the only source of Meet's participants, Reports' rows
and the expected documents.

An endpoint is one join of one device. Meet groups the endpoints of an account into one participant; every
join without an account or by telephone is a participant of its own.
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
    Session,
    Visitor,
)

JoinedBy = Literal["account", "anonymous", "phone", "room"]

_HALF = re.compile("[\ud800-\udfff]")
_DEVICES = {
    "windows": "web", "mac": "web", "linux": "web", "web": "web", "ios": "ios", "android": "android", "sip": "interop",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """One join of one device.

    participant_name, session_name: resource names.
    start, end: in nanoseconds.
    known_at: when Reports has the row, in milliseconds.
    person: a member of the organisation.
    email: of external people only if they have an account.
    second: the person is already present on another device.
    """

    id: str
    participant_name: str
    session_name: str
    joined_by: JoinedBy
    user: str | None
    name: str | None
    email: str | None
    person: Person | None
    device: str
    start: int
    end: int
    known_at: int
    second: bool
    session: Session

    @property
    def left_at(self) -> int:
        """The leave time in milliseconds, as in Reports."""
        return self.end // formats.MILLISECOND

    def is_reported(self, instant: int) -> bool:
        return self.known_at <= instant and self.left_at <= instant


@dataclass(frozen=True, slots=True)
class Participant:
    """One participant of Meet; `end` is None while they are present."""

    name: str
    endpoints: Sequence[Endpoint]
    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of Reports, rendered on demand. Instants are milliseconds."""

    left_at: int
    known_at: int
    conference: Conference
    position: int


class Attendance:
    def __init__(self, account: Account) -> None:
        self._account = account
        self._organisation: Organisation = account.organisation
        self.endpoints = lru_cache(maxsize=2048)(self._endpoints)

    def _endpoints(self, conference: Conference) -> Sequence[Endpoint]:
        """Return the endpoints in the order of joining, including future ones."""
        present: dict[tuple[bool, int], int] = {}
        result = []
        for session in self._organisation.sessions(conference.meeting):
            if session.kind == "meeting":
                visitor = _visitor(conference, session)
                who = isinstance(visitor, Person), visitor.index
                second = session.join < present.get(who, 0)
                present[who] = max(session.leave, present.get(who, 0))
                result.append(self._endpoint(conference, session, visitor, second=second))
        return result

    def _endpoint(
        self, conference: Conference, session: Session, visitor: Visitor, *, second: bool
    ) -> Endpoint:
        joined_by = _joined_by(visitor, session, second=second)
        person = visitor if isinstance(visitor, Person) and joined_by == "account" else None
        seed, bits = conference.meeting.seed, session.bits
        who = (
            f"{type(visitor).__name__} {visitor.index}"
            if joined_by in {"account", "room"}
            else str(session.connection)
        )
        participant = f"conferenceRecords/{conference.record_id}/participants/{formats.digits(seed, 'participant', joined_by, who)}"
        device = _device(session, joined_by)
        start = session.join * formats.MILLISECOND + formats.fraction(bits)
        end = session.leave * formats.MILLISECOND + formats.fraction(bits >> 5)
        return Endpoint(
            f"meet_{device}_{formats.digits(seed, 'endpoint', session.connection)[:19]}",
            participant,
            f"{participant}/participantSessions/{formats.digits(seed, 'session', session.connection)}",
            joined_by,
            self._user(visitor, person, joined_by),
            _name(visitor, session, joined_by),
            visitor.email if joined_by == "account" else None,
            person,
            device,
            start,
            end,
            self._known_at(conference, session, end // formats.MILLISECOND),
            second,
            session,
        )

    def _user(self, visitor: Visitor, person: Person | None, joined_by: JoinedBy) -> str | None:
        """Return the id of an account: of a member, an external person, or a room's robot."""
        if person is not None:
            return self._account.user_id(person)
        return formats.digits("user elsewhere", visitor.index) if joined_by in {"account", "room"} else None

    def _known_at(self, conference: Conference, session: Session, left: int) -> int:
        """Return when Reports has the row: usually within an hour, sometimes days later, never within the
        quiet hour."""
        now, meeting = self._organisation.now, conference.meeting
        if meeting.case is Case.late and session.known_at > now:
            return session.known_at
        if meeting.case is Case.records_pending:
            return meeting.records_at
        draw, rest = session.bits >> 3 & 127, session.bits >> 10
        if draw < 96:
            lag = 3 * MINUTE + rest % (42 * MINUTE)
        elif draw < 123:
            lag = 45 * MINUTE + rest % (3 * HOUR)
        else:
            lag = 4 * HOUR + rest * 977 % (2 * DAY)
        known = left + lag
        return max(left, now - 2 * MINUTE) if now - MINUTE < known <= now + QUIET + MINUTE else known

    def present(self, conference: Conference, instant: int) -> list[Endpoint]:
        """Return the endpoints that have joined by then, whether or not they have left."""
        return [e for e in self.endpoints(conference) if e.start // formats.MILLISECOND <= instant]

    def participants(self, conference: Conference, instant: int) -> list[Participant]:
        """Return the participants who have joined by then, the latest first."""
        return self.group_participants(self.present(conference, instant), instant)

    def group_participants(self, present: Sequence[Endpoint], instant: int) -> list[Participant]:
        """Group endpoints into participants, the latest first."""
        result = []
        everybody = sorted(present, key=_participant)
        for name, group in groupby(everybody, key=_participant):
            endpoints = sorted(group, key=_start)
            still = any(known_end(endpoint, instant) is None for endpoint in endpoints)
            end = None if still else max(endpoint.end for endpoint in endpoints)
            result.append(Participant(name, endpoints, endpoints[0].start, end))
        return sorted(result, key=lambda participant: (-participant.start, participant.name))

    def reported_endpoints(self, conference: Conference) -> list[Endpoint]:
        """Return the endpoints that Reports will have: only members' in a foreign conference."""
        return [e for e in self.endpoints(conference) if not conference.foreign or e.person is not None]

    @cached_property
    def attended(self) -> dict[int, list[tuple[Conference, int]]]:
        """By a person's index, the conferences that they attended and when they joined, in milliseconds;
        oldest first."""
        return self._attended_and_rows[0]

    @cached_property
    def every_row(self) -> list[Row]:
        """The rows of all conferences, the latest leave first."""
        return sorted(
            self._attended_and_rows[1],
            key=lambda row: (-row.left_at, row.conference.meeting.seed, row.position),
        )

    @cached_property
    def _attended_and_rows(self) -> tuple[dict[int, list[tuple[Conference, int]]], list[Row]]:
        # Both in one pass: the endpoints of a year are not kept, and generating them takes time.
        attended: dict[int, list[tuple[Conference, int]]] = {}
        reported_endpoints: list[Row] = []
        for conference in self._account.conferences:
            seen: set[int] = set()
            for position, endpoint in enumerate(self.reported_endpoints(conference)):
                reported_endpoints.append(Row(endpoint.left_at, endpoint.known_at, conference, position))
                person = endpoint.person
                if person is not None and person.index not in seen:
                    seen.add(person.index)
                    joined = endpoint.start // formats.MILLISECOND
                    attended.setdefault(person.index, []).append((conference, joined))
        return attended, reported_endpoints

    @cached_property
    def owned(self) -> dict[int, list[Conference]]:
        """By a person's index, the conferences in their spaces, oldest first."""
        result: dict[int, list[Conference]] = {}
        for conference in self._account.conferences:
            if conference.owner is not None:
                result.setdefault(conference.owner.index, []).append(conference)
        return result

    def listed_to(self, person: Person, instant: int, *, attended: bool) -> list[Conference]:
        """Return the conferences with a record that are listed to a person, latest first.

        With `attended`, not only the person's own conferences.
        """
        if not has_meet(person):
            return []
        listed = list(self.owned.get(person.index, ()))
        if attended:
            listed += [
                c
                for c, joined in self.attended.get(person.index, ())
                if joined <= instant and c.owner != person
            ]
        kept = [conference for conference in listed if conference.has_record(instant)]
        return sorted(kept, key=lambda c: (-c.start, c.record_id))

    def may_read(self, person: Person, conference: Conference, instant: int) -> bool:
        """Return whether the person is the owner or a participant."""
        if conference.owner is person:
            return True
        return any(endpoint.person is person for endpoint in self.present(conference, instant))


def known_end(endpoint: Endpoint, instant: int) -> int | None:
    """Return the leave time in nanoseconds, None if the endpoint is still present at this instant."""
    return endpoint.end if endpoint.left_at <= instant else None


def _visitor(conference: Conference, session: Session) -> Visitor:
    """Return the visitor; a foreign conference has an external host."""
    visitor = session.visitor
    if conference.foreign and visitor == conference.meeting.host:
        index = 500_000 + visitor.index
        return Guest(index=index, name="Organizer Elsewhere", email=f"organizer{index}@partner.example")
    return visitor


def _joined_by(visitor: Visitor, session: Session, *, second: bool) -> JoinedBy:
    if isinstance(visitor, Person):
        # Some use a telephone for audio, others a second screen.
        return "phone" if second and session.bits % 3 == 0 else "account"
    if visitor.joined_by == "guest":
        return "account" if visitor.email else "anonymous"
    return visitor.joined_by


def _device(session: Session, joined_by: JoinedBy) -> str:
    if joined_by == "phone":
        return "pstn_out" if session.bits & 32 else "pstn_in"
    if session.device.platform == "room":
        return "chromebase" if session.device.index % 3 == 0 else "chromebox"
    return _DEVICES.get(session.device.platform, "other_client")


def _name(visitor: Visitor, session: Session, joined_by: JoinedBy) -> str | None:
    if joined_by == "phone":
        return f"1555***0{100 + session.bits % 100}"
    # Google's text is valid Unicode: a lone surrogate becomes the replacement character.
    return None if visitor.name is None else _HALF.sub("\ufffd", visitor.name)


def _participant(endpoint: Endpoint) -> str:
    return endpoint.participant_name


def _start(endpoint: Endpoint) -> int:
    return endpoint.start
