"""The organisation's working groups: sessions in the datatracker, rooms at Meetecho, and how they belong
together.

Sessions are held at IETF meetings, weeks in which many groups meet, or at a group's own interim meetings.
Instants are milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harvester.simulator.meetecho.formats import day
from harvester.simulator.meetecho.schedule import CONFIGURED, PlannedSession, plan_sessions
from harvester.simulator.organisation import DAY, MINUTE, Case, Meeting, Organisation, seeded_random

FIRST_SESSION = 31_001
CANCELED = frozenset({"canceled", "canceledpa", "notmeet", "deleted"})
"""Latest statuses of a session that is not expected to have participants."""

WEEK = 7 * DAY
_MONDAY = 4 * DAY  # the first Monday after the beginning of 1970
_HISTORIES: dict[int, tuple[str, ...]] = {
    3: ("schedw", "sched", "canceled"),
    8: ("schedw", "sched", "notmeet"),
    11: ("sched", "canceled", "sched"),  # canceled and reinstated
    13: ("apprw", "sched", "deleted"),
    16: ("sched", "canceledpa"),
}
_MET_ALL_THE_SAME = 6  # canceled, but some people came
_ORDINARY = frozenset({Case.plain, Case.recurring, Case.alone, Case.personal})
_URL = "https://meetings.conf.meetecho.com/interim/?short="


@dataclass(frozen=True, slots=True, kw_only=True)
class IetfMeeting:
    """A meeting of the datatracker, which contains sessions.

    `schedule` is the one in force, if any; `draft` is another one.
    """

    id: int
    number: str
    type: Literal["ietf", "interim"]
    start: int
    schedule: int | None
    draft: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSession:
    """One session of a group.

    start: of its timeslot in the schedule in force, None without one.
    history: its statuses, oldest first.
    meeting: the organisation's meeting, None if no participant came.
    """

    id: int
    group: str
    ietf_meeting: IetfMeeting
    name: str
    start: int | None
    minutes: int
    drafted: bool
    history: tuple[str, ...]
    instructions: str
    meeting: Meeting | None

    @property
    def canceled(self) -> bool:
        return self.history[-1] in CANCELED


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A room at Meetecho.

    `number` is the `id` that Meetecho returns. `session` is None if the room belongs to no session.
    `extrainfo` is a message to Meetecho's staff, which no answer contains.
    """

    uuid: str
    group: str
    number: int
    start: int
    minutes: int
    description: str
    session: int | None
    extrainfo: str = ""

    @property
    def url(self) -> str:
        return _URL + self.uuid


class Account:
    """Everything there is, sessions in the order of their ids; `rooms` are those that Meetecho still lists."""

    def __init__(self, organisation: Organisation) -> None:
        self.organisation = organisation
        self.rooms: list[Room] = []
        self._ietf_meetings: dict[str, IetfMeeting] = {}
        self._interims: dict[tuple[int, str], int] = {}
        planned_sessions = plan_sessions(organisation)
        ids = {
            id(planned): FIRST_SESSION + n
            for n, planned in enumerate(p for p in planned_sessions if p.recorded)
        }
        self._groups = {ids[id(planned)]: planned.group for planned in planned_sessions if planned.recorded}
        self.sessions: list[GroupSession] = []
        turns = {"session": 0, "ordinary": 0, "interim": 0}
        for planned in planned_sessions:
            if planned.recorded:
                self._add(planned, ids[id(planned)], turns)
            else:
                self._add_room_without_session(planned)
        self.ietf_meetings: Sequence[IetfMeeting] = list(self._ietf_meetings.values())
        self.by_id = {session.id: session for session in self.sessions}

    def _add(self, planned: PlannedSession, pk: int, turns: dict[str, int]) -> None:
        ietf_meeting = self._ietf_meeting(planned)
        turns["session"] += 1
        history, meeting = self._history(planned, turns)
        topic = planned.meeting.topic if planned.meeting is not None else None
        instructions = ""
        if ietf_meeting.type == "interim" and planned.group in CONFIGURED[:-1]:
            instructions = self._add_rooms(planned, ietf_meeting, pk, turns["interim"])
            turns["interim"] += 1
        elif turns["session"] % 2:
            instructions = "https://video.example.org/room/7"
        self.sessions.append(
            GroupSession(
                id=pk,
                group=planned.group,
                ietf_meeting=ietf_meeting,
                name=(topic or "") if turns["session"] % 3 == 1 else "",
                start=None if planned.unscheduled else self._slot(planned, turns["interim"], ietf_meeting),
                minutes=planned.minutes,
                drafted=planned.unscheduled or pk % 5 == 2,
                history=history,
                instructions=instructions,
                meeting=meeting,
            )
        )

    def _history(
        self, planned: PlannedSession, turns: dict[str, int]
    ) -> tuple[tuple[str, ...], Meeting | None]:
        if planned.canceled:
            return ("sched", "canceled"), None
        if planned.unscheduled:
            return ("apprw", "schedw"), None
        usual = ("schedw", "sched"), planned.meeting
        if planned.meeting is None or planned.meeting.case not in _ORDINARY:
            return usual
        turns["ordinary"] += 1
        turn = turns["ordinary"] % 17
        if turn == _MET_ALL_THE_SAME:
            return ("sched", "canceled"), planned.meeting
        history = _HISTORIES.get(turn)
        return usual if history is None else (history, planned.meeting if history[-1] == "sched" else None)

    def _slot(self, planned: PlannedSession, interims: int, ietf_meeting: IetfMeeting) -> int:
        """Return the start; some past sessions were moved in the datatracker after their room was created."""
        later = planned.start + 30 * MINUTE
        moved = ietf_meeting.type == "interim" and interims % 8 == 0 and planned.group in CONFIGURED[:-1]
        over = later + planned.minutes * MINUTE < self.organisation.now - MINUTE
        return later if moved and over and planned.start >= self.organisation.first else planned.start

    def _add_rooms(self, planned: PlannedSession, ietf_meeting: IetfMeeting, pk: int, turn: int) -> str:
        """Create the rooms of an interim session and return the session's instructions."""
        way = turn % 8
        ahead = planned.start + planned.minutes * MINUTE > self.organisation.now
        room = self._room(planned, ietf_meeting.number, number=pk, session=pk)
        if way == 4:
            return "" if turn % 16 == 4 else "https://video.example.org/room/3"
        if way == 5 and not ahead:  # Meetecho no longer lists it
            return room.url
        if way == 2:  # as rooms were before 2024: the room's number is another group's session
            stranger = next(
                (s for s, group in self._groups.items() if group != planned.group and s != pk), 4_711
            )
            topic = planned.meeting.topic if planned.meeting is not None else None
            room = self._room(planned, topic or ietf_meeting.number, number=stranger, session=pk)
        if way == 6:
            room = self._room(planned, ietf_meeting.number, number=4_000 + turn, session=pk)
        if way == 1:
            room = self._room(planned, "", number=pk, session=pk)
        self.rooms.append(room)
        if way == 3:  # the datatracker lost the first room and had another one created
            self.rooms.append(self._room(planned, ietf_meeting.number, number=pk, session=pk, copy=1))
            return ""
        return f"Join at {room.url} (opens 15 minutes before)." if way == 6 else room.url

    def _add_room_without_session(self, planned: PlannedSession) -> None:
        stranger = next((s for s, group in self._groups.items() if group != planned.group), 4_711)
        number = stranger if len(self.rooms) % 2 else 9_000 + len(self.rooms)
        self.rooms.append(
            self._room(planned, planned.description or "Test room", number=number, session=None)
        )

    def _room(
        self, planned: PlannedSession, description: str, *, number: int, session: int | None, copy: int = 0
    ) -> Room:
        digits = seeded_random.digest(self.organisation.seed, "meetecho room", planned.key, copy).hex()
        return Room(
            uuid="-".join((digits[:8], digits[8:12], "4" + digits[13:16], "a" + digits[17:20], digits[20:])),
            group=planned.group,
            number=number,
            start=planned.start,
            minutes=planned.minutes,
            description=description,
            session=session,
        )

    def _ietf_meeting(self, planned: PlannedSession) -> IetfMeeting:
        weeks = (self.organisation.now - _MONDAY) // WEEK - (planned.start - _MONDAY) // WEEK
        if weeks % 3 == 0 and planned.plenary:
            return self._add_ietf_meeting(f"ietf:{weeks}", str(127 - weeks // 3), "ietf", planned)
        known = self._ietf_meetings.get(planned.together)
        if known is not None:
            return known
        year = day(planned.start).year
        count = self._interims[year, planned.group] = self._interims.get((year, planned.group), 0) + 1
        return self._add_ietf_meeting(
            planned.together, f"interim-{year}-{planned.group}-{count:02}", "interim", planned
        )

    def _add_ietf_meeting(
        self, key: str, number: str, kind: Literal["ietf", "interim"], planned: PlannedSession
    ) -> IetfMeeting:
        if key not in self._ietf_meetings:
            position = len(self._ietf_meetings)
            missing = planned.unscheduled and kind == "interim"
            self._ietf_meetings[key] = IetfMeeting(
                id=1_500 + position,
                number=number,
                type=kind,
                start=(planned.start - _MONDAY) // WEEK * WEEK + _MONDAY if kind == "ietf" else planned.start,
                schedule=None if missing else 7_000 + 2 * position,
                draft=7_001 + 2 * position,
            )
        return self._ietf_meetings[key]


__all__ = ["CANCELED", "Account", "GroupSession", "IetfMeeting", "Room"]
