"""What there is of the organisation's working groups: sessions in the datatracker, rooms at Meetecho, and what of both
belongs together.

Sessions are held at IETF meetings, each a week in which many groups meet, or at a group's own interim meetings.
Instants are milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harvester.simulator.meetecho.formats import day
from harvester.simulator.meetecho.schedule import CONFIGURED, Plan, plans
from harvester.simulator.organisation import DAY, MINUTE, Case, Meeting, Organisation, seeded_random

FIRST_SESSION = 31_001
CANCELED = frozenset({"canceled", "canceledpa", "notmeet", "deleted"})
"""Of a session with one of these as its latest status nobody expects anybody to have come."""

WEEK = 7 * DAY
_MONDAY = 4 * DAY  # the first one after 1970 began
_HISTORIES: dict[int, tuple[str, ...]] = {
    3: ("schedw", "sched", "canceled"),
    8: ("schedw", "sched", "notmeet"),
    11: ("sched", "canceled", "sched"),  # taken back
    13: ("apprw", "sched", "deleted"),
    16: ("sched", "canceledpa"),
}
_MET_ALL_THE_SAME = 6  # canceled, and some came
_ORDINARY = frozenset({Case.plain, Case.recurring, Case.alone, Case.personal})
_URL = "https://meetings.conf.meetecho.com/interim/?short="


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """A meeting of the datatracker's, which holds sessions. `schedule`: the one in force, if any; `draft`: another."""

    id: int
    number: str
    type: Literal["ietf", "interim"]
    start: int
    schedule: int | None
    draft: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """`start`: of its timeslot in the schedule in force, None where it has none there. `history`: its statuses, oldest
    first. `held`: what the organisation knows of it; None where nobody came."""

    id: int
    group: str
    gathering: Gathering
    name: str
    start: int | None
    minutes: int
    drafted: bool
    history: tuple[str, ...]
    instructions: str
    held: Meeting | None

    @property
    def canceled(self) -> bool:
        return self.history[-1] in CANCELED


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """`number`: the `id` that Meetecho tells. `session`: whose it is, None where nobody's."""

    uuid: str
    group: str
    number: int
    start: int
    minutes: int
    description: str
    session: int | None

    @property
    def url(self) -> str:
        return _URL + self.uuid


class Account:
    """Everything there is, sessions in the order of their ids; `rooms` are those that Meetecho still lists."""

    def __init__(self, organisation: Organisation) -> None:
        self.organisation = organisation
        self.rooms: list[Room] = []
        self._gatherings: dict[str, Gathering] = {}
        self._interims: dict[tuple[int, str], int] = {}
        made = plans(organisation)
        ids = {id(plan): FIRST_SESSION + n for n, plan in enumerate(p for p in made if p.recorded)}
        self._groups = {ids[id(plan)]: plan.group for plan in made if plan.recorded}
        self.sessions: list[Session] = []
        turns = {"session": 0, "ordinary": 0, "interim": 0}
        for plan in made:
            if plan.recorded:
                self._add(plan, ids[id(plan)], turns)
            else:
                self._orphan(plan)
        self.gatherings: Sequence[Gathering] = list(self._gatherings.values())
        self.by_id = {session.id: session for session in self.sessions}

    def _add(self, plan: Plan, pk: int, turns: dict[str, int]) -> None:
        gathering = self._gathering(plan)
        turns["session"] += 1
        history, held = self._history(plan, turns)
        topic = plan.held.topic if plan.held is not None else None
        instructions = ""
        if gathering.type == "interim" and plan.group in CONFIGURED[:-1]:
            instructions = self._furnished(plan, gathering, pk, turns["interim"])
            turns["interim"] += 1
        elif turns["session"] % 2:
            instructions = "https://video.example.org/room/7"
        self.sessions.append(
            Session(
                id=pk,
                group=plan.group,
                gathering=gathering,
                name=(topic or "") if turns["session"] % 3 == 1 else "",
                start=None if plan.unscheduled else self._slot(plan, turns["interim"], gathering),
                minutes=plan.minutes,
                drafted=plan.unscheduled or pk % 5 == 2,
                history=history,
                instructions=instructions,
                held=held,
            )
        )

    def _history(self, plan: Plan, turns: dict[str, int]) -> tuple[tuple[str, ...], Meeting | None]:
        if plan.canceled:
            return ("sched", "canceled"), None
        if plan.unscheduled:
            return ("apprw", "schedw"), None
        usual = ("schedw", "sched"), plan.held
        if plan.held is None or plan.held.case not in _ORDINARY:
            return usual
        turns["ordinary"] += 1
        turn = turns["ordinary"] % 17
        if turn == _MET_ALL_THE_SAME:
            return ("sched", "canceled"), plan.held
        history = _HISTORIES.get(turn)
        return usual if history is None else (history, plan.held if history[-1] == "sched" else None)

    def _slot(self, plan: Plan, interims: int, gathering: Gathering) -> int:
        """Moved in the datatracker after the room was made, where that changes nothing about what is ahead."""
        later = plan.start + 30 * MINUTE
        moved = gathering.type == "interim" and interims % 8 == 0 and plan.group in CONFIGURED[:-1]
        over = later + plan.minutes * MINUTE < self.organisation.now - MINUTE
        return later if moved and over and plan.start >= self.organisation.first else plan.start

    def _furnished(self, plan: Plan, gathering: Gathering, pk: int, turn: int) -> str:
        """The rooms of an interim session, and what its instructions say of them."""
        way = turn % 8
        ahead = plan.start + plan.minutes * MINUTE > self.organisation.now
        room = self._room(plan, gathering.number, number=pk, session=pk)
        if way == 4:
            return "" if turn % 16 == 4 else "https://video.example.org/room/3"
        if way == 5 and not ahead:  # Meetecho lists it no more
            return room.url
        if way == 2:  # as rooms were before 2024: its number is another group's session
            stranger = next(
                (s for s, group in self._groups.items() if group != plan.group and s != pk), 4_711
            )
            topic = plan.held.topic if plan.held is not None else None
            room = self._room(plan, topic or gathering.number, number=stranger, session=pk)
        if way == 6:
            room = self._room(plan, gathering.number, number=4_000 + turn, session=pk)
        if way == 1:
            room = self._room(plan, "", number=pk, session=pk)
        self.rooms.append(room)
        if way == 3:  # the datatracker forgot the first one, and had another made
            self.rooms.append(self._room(plan, gathering.number, number=pk, session=pk, copy=1))
            return ""
        return f"Join at {room.url} (opens 15 minutes before)." if way == 6 else room.url

    def _orphan(self, plan: Plan) -> None:
        stranger = next((s for s, group in self._groups.items() if group != plan.group), 4_711)
        number = stranger if len(self.rooms) % 2 else 9_000 + len(self.rooms)
        self.rooms.append(self._room(plan, plan.description or "Test room", number=number, session=None))

    def _room(self, plan: Plan, description: str, *, number: int, session: int | None, copy: int = 0) -> Room:
        words = seeded_random.digest(self.organisation.seed, "meetecho room", plan.key, copy).hex()
        return Room(
            uuid="-".join((words[:8], words[8:12], "4" + words[13:16], "a" + words[17:20], words[20:])),
            group=plan.group,
            number=number,
            start=plan.start,
            minutes=plan.minutes,
            description=description,
            session=session,
        )

    def _gathering(self, plan: Plan) -> Gathering:
        weeks = (self.organisation.now - _MONDAY) // WEEK - (plan.start - _MONDAY) // WEEK
        if weeks % 3 == 0 and plan.plenary:
            return self._made(f"ietf:{weeks}", str(127 - weeks // 3), "ietf", plan)
        known = self._gatherings.get(plan.together)
        if known is not None:
            return known
        year = day(plan.start).year
        count = self._interims[year, plan.group] = self._interims.get((year, plan.group), 0) + 1
        return self._made(plan.together, f"interim-{year}-{plan.group}-{count:02}", "interim", plan)

    def _made(self, key: str, number: str, kind: Literal["ietf", "interim"], plan: Plan) -> Gathering:
        if key not in self._gatherings:
            place = len(self._gatherings)
            missing = plan.unscheduled and kind == "interim"
            self._gatherings[key] = Gathering(
                id=1_500 + place,
                number=number,
                type=kind,
                start=(plan.start - _MONDAY) // WEEK * WEEK + _MONDAY if kind == "ietf" else plan.start,
                schedule=None if missing else 7_000 + 2 * place,
                draft=7_001 + 2 * place,
            )
        return self._gatherings[key]


__all__ = ["CANCELED", "Account", "Gathering", "Room", "Session"]
