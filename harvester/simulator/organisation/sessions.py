"""The sessions of a meeting: who attended, on which device, from when to when. Generated on demand, always
the same.

A `Session` is one uninterrupted stay. Someone who rejoins or uses two devices has several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from harvester.simulator.organisation.meetings import HOUR, LIVE, MINUTE, QUIET, SECOND, Case, Meeting
from harvester.simulator.organisation.people import Device, Guest, Person, Visitor

SessionKind = Literal["meeting", "waiting_room", "breakout"]
LeaveReason = Literal["left", "ended", "dropped", "removed"]


@dataclass(slots=True)
class Session:
    """One stay of one participant.

    connection: number of the connection within the meeting; a session in a waiting room or a breakout room
        has the number of the connection that it belongs to.
    known_at: when the platform can first return it.
    """

    visitor: Visitor
    connection: int
    kind: SessionKind
    room: int
    join: int
    leave: int
    known_at: int
    device: Device
    role: Literal["host", "attendee", "panelist"]
    leave_reason: LeaveReason
    bits: int
    """32 random bits, for whatever else may differ between sessions."""


class SessionGenerator:
    """Generates the sessions of meetings from the people and devices of the organisation."""

    def __init__(
        self, people: Sequence[Person], guests: Sequence[Guest], odd_guests: Sequence[Guest], devices: Sequence[Device],
        special_devices: dict[str, list[Device]], now: int,
    ) -> None:  # fmt: skip
        self.people = people
        self.guests = guests
        self.odd_guests = odd_guests
        self.devices = devices
        self.special_devices = special_devices
        self.now = now

    def sessions(self, meeting: Meeting) -> list[Session]:
        """Return every session of a meeting in the order of joining."""
        builder = _SessionBuilder(self, meeting)
        for position in range(meeting.attendance):
            builder.add_visitor(position)
        if meeting.case in LIVE:
            builder.clear_quiet_hour()
        if meeting.case is Case.late:
            builder.delay()
        builder.sessions.sort(key=_by_join)
        return builder.sessions


def _by_join(session: Session) -> tuple[int, int]:
    return session.join, session.connection


class _SessionBuilder:
    """Builds the sessions of one meeting."""

    def __init__(self, generator: SessionGenerator, meeting: Meeting) -> None:
        self.generator = generator
        self.meeting = meeting
        self.rng = Random(meeting.seed)
        self.sessions: list[Session] = []
        self.connections = 0
        self.length = meeting.end - meeting.start
        self._staff = self.rng.randrange(len(generator.people))
        self._outsiders = self.rng.randrange(len(generator.guests))

    def add_visitor(self, position: int) -> None:
        """Add the sessions of one visitor, from the waiting room to the last leave."""
        rng, meeting = self.rng, self.meeting
        visitor, device = self._visitor(position)
        join, leave, leave_reason = self._times(position)
        bits = rng.getrandbits(32)
        if position and meeting.case is Case.mixed and position % 4 == 1:
            join = self._add_waiting_room(visitor, device, join, leave, bits)
        session = self._add_session(visitor, device, join, leave, leave_reason, bits)
        if self._happens(position, 5, 0.04):
            self._add_breakout(session)
        if self._happens(position, 3, 0.08):
            self._add_rejoin(session)
        if self._happens(position, 7, 0.02):
            self._add_second_device(session)

    def _happens(self, position: int, every: int, chance: float) -> bool:
        if self.meeting.case is Case.mixed:
            return position % every == every - 1
        return self.meeting.case is not Case.alone and self.rng.random() < chance

    def _visitor(self, position: int) -> tuple[Visitor, Device]:
        generator, rng = self.generator, self.rng
        if position == 0:
            return self.meeting.host, self._own_device(self.meeting.host)
        if self.meeting.case is Case.mixed and position <= len(generator.odd_guests):
            return self._unusual_visitor(position)
        draw = rng.random()
        if draw < 0.62 and position < len(generator.people):
            person = generator.people[(self._staff + position * 7) % len(generator.people)]
            if person.status in {"active", "inactive"} and person != self.meeting.host:
                return person, self._own_device(person)
        if draw > 0.965:
            return self._unusual_visitor(rng.randrange(1, len(generator.odd_guests)))
        if draw > 0.93 and self.meeting.dial_in:
            return self._caller()
        guest = generator.guests[(self._outsiders + position) % len(generator.guests)]
        return guest, rng.choice(generator.devices)

    def _unusual_visitor(self, position: int) -> tuple[Visitor, Device]:
        """Return a visitor who is hard to represent: in turn a caller, a room, someone without a name, or an
        odd name."""
        rng, generator = self.rng, self.generator
        turn = (position + self.meeting.seed) % 8
        if turn == 0:
            return self._caller()
        if turn == 1:
            kind = rng.choice(("room", "sip"))
            device = rng.choice(generator.special_devices[kind])
            return Guest(
                index=device.index, name=f"Room {device.index % 97}", email=None, joined_by="room"
            ), device
        if turn == 2:
            return Guest(index=200_000 + position, name=None, email=None), rng.choice(generator.devices)
        return rng.choice(generator.odd_guests), rng.choice(generator.devices)

    def _caller(self) -> tuple[Visitor, Device]:
        digits = self.rng.randrange(100, 200)
        caller = Guest(index=300_000 + digits, name=f"1555***0{digits}", email=None, joined_by="phone")
        return caller, self.rng.choice(self.generator.special_devices["phone"])

    def _own_device(self, person: Person) -> Device:
        # Usually the desktop, sometimes the mobile device.
        pocket = self.rng.random() < 0.25
        return self.generator.devices[(person.index * 2 + pocket) % len(self.generator.devices)]

    def _times(self, position: int) -> tuple[int, int, LeaveReason]:
        rng, meeting, length = self.rng, self.meeting, self.length
        if position == 0:
            return meeting.start, meeting.end, "dropped" if meeting.case is Case.drop else "left"
        late = int(length * min(0.9, rng.random() ** 3)) // SECOND * SECOND
        early = int((length - late) * rng.random() ** 6 * 0.9) // SECOND * SECOND
        join, leave = meeting.start + late, meeting.end - early
        if leave <= join:
            leave = join + SECOND
        return join, leave, "ended" if early < 2 * SECOND else "removed" if rng.random() < 0.02 else "left"

    def _add_session(
        self, visitor: Visitor, device: Device, join: int, leave: int, leave_reason: LeaveReason, bits: int
    ) -> Session:
        session = Session(
            visitor,
            self.connections,
            "meeting",
            0,
            join,
            leave,
            leave,
            device,
            self._role(visitor, bits),
            leave_reason,
            bits,
        )
        self.connections += 1
        self.sessions.append(session)
        return session

    def _role(self, visitor: Visitor, bits: int) -> Literal["host", "attendee", "panelist"]:
        if visitor == self.meeting.host:
            return "host"
        return "panelist" if self.meeting.webinar and bits % 5 == 0 else "attendee"

    def _add_waiting_room(self, visitor: Visitor, device: Device, join: int, leave: int, bits: int) -> int:
        """Add a session in the waiting room and return when they were admitted. Some platforms log both at
        the same instant."""
        admitted = (
            join + min(int((leave - join) * 0.3), self.rng.randrange(20, 240) * SECOND) // SECOND * SECOND
        )
        if admitted <= join:
            return join
        session = self._add_session(visitor, device, join, admitted, "left", bits)
        session.kind = "waiting_room"
        self.connections -= 1  # the same connection continues into the meeting
        return join if bits & 1 else admitted

    def _add_breakout(self, session: Session) -> None:
        quarter = (session.leave - session.join) // 4 // SECOND * SECOND
        if quarter < MINUTE:
            return
        connection = self.connections
        inner = self._add_session(
            session.visitor,
            session.device,
            session.join + quarter,
            session.join + 2 * quarter,
            "left",
            session.bits >> 1,
        )
        inner.kind, inner.room, inner.connection, self.connections = (
            "breakout",
            1 + session.bits % 3,
            session.connection,
            connection,
        )

    def _add_rejoin(self, session: Session) -> None:
        third = (session.leave - session.join) // 3 // SECOND * SECOND
        if third < 2 * MINUTE:
            return
        back = self._add_session(
            session.visitor,
            session.device,
            session.leave - third,
            session.leave,
            session.leave_reason,
            self.rng.getrandbits(32),
        )
        session.leave = session.known_at = back.join - self.rng.randrange(3, 90) * SECOND
        session.leave_reason = "dropped"

    def _add_second_device(self, session: Session) -> None:
        half = (session.leave - session.join) // 2 // SECOND * SECOND
        device = self.generator.devices[(session.device.index + 1) % len(self.generator.devices)]
        self._add_session(
            session.visitor, device, session.join + half, session.leave, "left", self.rng.getrandbits(32)
        )

    def clear_quiet_hour(self) -> None:
        """Move joins and leaves around "now" out of the quiet hour; some participants have left, others stay."""
        quiet_start, quiet_end = self.generator.now - 2 * MINUTE, self.generator.now + QUIET + 2 * MINUTE
        for position, session in enumerate(self.sessions):
            if position % 3 == 1:
                session.leave = min(session.leave, quiet_start - (position % 7) * SECOND)
            if quiet_start < session.join < quiet_end:
                session.join = quiet_start - MINUTE - (position % 11) * SECOND
            if quiet_start < session.leave < quiet_end:
                session.leave = quiet_end + position * SECOND
            if session.leave <= session.join:
                session.join = max(self.meeting.start, session.leave - MINUTE)
            session.known_at = session.join

    def delay(self) -> None:
        """Let every second session become available only long after the meeting."""
        for position, session in enumerate(self.sessions):
            if position % 2:
                session.known_at = self.generator.now + QUIET + HOUR
