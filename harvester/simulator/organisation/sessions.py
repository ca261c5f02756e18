"""Who came to a meeting, when, on what, and when they left: made when it is asked for, always the same.

A `Stay` is one unbroken presence. Somebody who comes back, or sits there on two devices, has several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from harvester.simulator.organisation.meetings import HOUR, LIVE, MINUTE, QUIET, SECOND, Case, Meeting
from harvester.simulator.organisation.people import Guest, Kit, Person, Visitor

Place = Literal["meeting", "waiting_room", "breakout"]
Exit = Literal["left", "ended", "dropped", "removed"]


@dataclass(slots=True)
class Stay:
    """`visit`: which of the meeting's connections this was; a stay in a waiting room or a breakout room has that of
    the connection that it belongs to. `known_at`: when the platform can first tell of it."""

    visitor: Visitor
    visit: int
    place: Place
    room: int
    join: int
    leave: int
    known_at: int
    kit: Kit
    role: Literal["host", "attendee", "panelist"]
    exit: Exit
    bits: int
    """Thirty-two throws of a coin, for whatever else may differ between stays."""


class Cast:
    """Everybody who may come, and their devices."""

    def __init__(
        self, people: Sequence[Person], guests: Sequence[Guest], odd: Sequence[Guest], kits: Sequence[Kit],
        special: dict[str, list[Kit]], now: int,
    ) -> None:  # fmt: skip
        self.people = people
        self.guests = guests
        self.odd = odd
        self.kits = kits
        self.special = special
        self.now = now

    def stays(self, meeting: Meeting) -> list[Stay]:
        """Every stay of a meeting, in the order of joining."""
        scene = _Scene(self, meeting)
        for place in range(meeting.attendance):
            scene.enter(place)
        if meeting.case in LIVE:
            scene.keep_quiet()
        if meeting.case is Case.late:
            scene.delay()
        scene.stays.sort(key=_by_join)
        return scene.stays


def _by_join(stay: Stay) -> tuple[int, int]:
    return stay.join, stay.visit


class _Scene:
    """One meeting while it is being told."""

    def __init__(self, cast: Cast, meeting: Meeting) -> None:
        self.cast = cast
        self.meeting = meeting
        self.dice = Random(meeting.seed)
        self.stays: list[Stay] = []
        self.visits = 0
        self.length = meeting.end - meeting.start
        self._staff = self.dice.randrange(len(cast.people))
        self._outsiders = self.dice.randrange(len(cast.guests))

    def enter(self, place: int) -> None:
        """One visitor, from the first knock to the last goodbye."""
        dice, meeting = self.dice, self.meeting
        visitor, kit = self._visitor(place)
        join, leave, way_out = self._hours(place)
        bits = dice.getrandbits(32)
        if place and meeting.case is Case.mixed and place % 4 == 1:
            join = self._wait(visitor, kit, join, leave, bits)
        told = self._stay(visitor, kit, join, leave, way_out, bits)
        if self._happens(place, 5, 0.04):
            self._breakout(told)
        if self._happens(place, 3, 0.08):
            self._rejoin(told)
        if self._happens(place, 7, 0.02):
            self._second_device(told)

    def _happens(self, place: int, every: int, chance: float) -> bool:
        if self.meeting.case is Case.mixed:
            return place % every == every - 1
        return self.meeting.case is not Case.alone and self.dice.random() < chance

    def _visitor(self, place: int) -> tuple[Visitor, Kit]:
        cast, dice = self.cast, self.dice
        if place == 0:
            return self.meeting.host, self._own_kit(self.meeting.host)
        if self.meeting.case is Case.mixed and place <= len(cast.odd):
            return self._character(place)
        draw = dice.random()
        if draw < 0.62 and place < len(cast.people):
            person = cast.people[(self._staff + place * 7) % len(cast.people)]
            if person.standing in {"active", "inactive"} and person != self.meeting.host:
                return person, self._own_kit(person)
        if draw > 0.965:
            return self._character(dice.randrange(1, len(cast.odd)))
        if draw > 0.93 and self.meeting.dial_in:
            return self._caller()
        guest = cast.guests[(self._outsiders + place) % len(cast.guests)]
        return guest, dice.choice(cast.kits)

    def _character(self, place: int) -> tuple[Visitor, Kit]:
        """One of those who are hard to write down: by turns a caller, a room, somebody nameless, an odd name."""
        dice, cast = self.dice, self.cast
        turn = (place + self.meeting.seed) % 8
        if turn == 0:
            return self._caller()
        if turn == 1:
            kind = dice.choice(("room", "sip"))
            kit = dice.choice(cast.special[kind])
            return Guest(index=kit.index, name=f"Room {kit.index % 97}", email=None, means="room"), kit
        if turn == 2:
            return Guest(index=200_000 + place, name=None, email=None), dice.choice(cast.kits)
        return dice.choice(cast.odd), dice.choice(cast.kits)

    def _caller(self) -> tuple[Visitor, Kit]:
        digits = self.dice.randrange(100, 200)
        caller = Guest(index=300_000 + digits, name=f"1555***0{digits}", email=None, means="phone")
        return caller, self.dice.choice(self.cast.special["phone"])

    def _own_kit(self, person: Person) -> Kit:
        # Mostly the desk, sometimes the pocket.
        pocket = self.dice.random() < 0.25
        return self.cast.kits[(person.index * 2 + pocket) % len(self.cast.kits)]

    def _hours(self, place: int) -> tuple[int, int, Exit]:
        dice, meeting, length = self.dice, self.meeting, self.length
        if place == 0:
            return meeting.start, meeting.end, "dropped" if meeting.case is Case.drop else "left"
        late = int(length * min(0.9, dice.random() ** 3)) // SECOND * SECOND
        early = int((length - late) * dice.random() ** 6 * 0.9) // SECOND * SECOND
        join, leave = meeting.start + late, meeting.end - early
        if leave <= join:
            leave = join + SECOND
        return join, leave, "ended" if early < 2 * SECOND else "removed" if dice.random() < 0.02 else "left"

    def _stay(self, visitor: Visitor, kit: Kit, join: int, leave: int, way_out: Exit, bits: int) -> Stay:
        stay = Stay(
            visitor,
            self.visits,
            "meeting",
            0,
            join,
            leave,
            leave,
            kit,
            self._role(visitor, bits),
            way_out,
            bits,
        )
        self.visits += 1
        self.stays.append(stay)
        return stay

    def _role(self, visitor: Visitor, bits: int) -> Literal["host", "attendee", "panelist"]:
        if visitor == self.meeting.host:
            return "host"
        return "panelist" if self.meeting.webinar and bits % 5 == 0 else "attendee"

    def _wait(self, visitor: Visitor, kit: Kit, join: int, leave: int, bits: int) -> int:
        """A stay in the waiting room; when they are let in. Some platforms note both under the same instant."""
        admitted = (
            join + min(int((leave - join) * 0.3), self.dice.randrange(20, 240) * SECOND) // SECOND * SECOND
        )
        if admitted <= join:
            return join
        stay = self._stay(visitor, kit, join, admitted, "left", bits)
        stay.place = "waiting_room"
        self.visits -= 1  # the same connection goes on into the meeting
        return join if bits & 1 else admitted

    def _breakout(self, stay: Stay) -> None:
        quarter = (stay.leave - stay.join) // 4 // SECOND * SECOND
        if quarter < MINUTE:
            return
        visit = self.visits
        inner = self._stay(
            stay.visitor, stay.kit, stay.join + quarter, stay.join + 2 * quarter, "left", stay.bits >> 1
        )
        inner.place, inner.room, inner.visit, self.visits = "breakout", 1 + stay.bits % 3, stay.visit, visit

    def _rejoin(self, stay: Stay) -> None:
        third = (stay.leave - stay.join) // 3 // SECOND * SECOND
        if third < 2 * MINUTE:
            return
        back = self._stay(
            stay.visitor, stay.kit, stay.leave - third, stay.leave, stay.exit, self.dice.getrandbits(32)
        )
        stay.leave = stay.known_at = back.join - self.dice.randrange(3, 90) * SECOND
        stay.exit = "dropped"

    def _second_device(self, stay: Stay) -> None:
        half = (stay.leave - stay.join) // 2 // SECOND * SECOND
        kit = self.cast.kits[(stay.kit.index + 1) % len(self.cast.kits)]
        self._stay(stay.visitor, kit, stay.join + half, stay.leave, "left", self.dice.getrandbits(32))

    def keep_quiet(self) -> None:
        """Move what would happen around "now" out of the quiet hour; some have left, some stay."""
        hush, wake = self.cast.now - 2 * MINUTE, self.cast.now + QUIET + 2 * MINUTE
        for place, stay in enumerate(self.stays):
            if place % 3 == 1:
                stay.leave = min(stay.leave, hush - (place % 7) * SECOND)
            if hush < stay.join < wake:
                stay.join = hush - MINUTE - (place % 11) * SECOND
            if hush < stay.leave < wake:
                stay.leave = wake + place * SECOND
            if stay.leave <= stay.join:
                stay.join = max(self.meeting.start, stay.leave - MINUTE)
            stay.known_at = stay.join

    def delay(self) -> None:
        """Every second stay of a meeting turns up long after it."""
        for place, stay in enumerate(self.stays):
            if place % 2:
                stay.known_at = self.cast.now + QUIET + HOUR
