"""Which meetings there were and are to be: the datatracker's sessions of each group, joined with Meetecho's rooms.

A room is of the session that has its number as id and is of the same group; rooms made before 2024-03 carry numbers of
Meetecho's own, and are found by their address in the session's `remote_instructions` (`ietf/meeting/helpers.py`). One
session may have several rooms (ietf-tools/datatracker, issue 11497): they are one meeting.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import RLock

from cachetools import LRUCache

from connectors.base import Context
from connectors.errors import Gone, VendorError
from connectors.meetecho.datatracker import Datatracker, last_of
from connectors.meetecho.endpoints import VENDOR
from connectors.meetecho.errors import MeetechoRefused
from connectors.meetecho.mapping import Plan, Row
from connectors.meetecho.rooms import Room, RoomsClient
from connectors.models import MeetingRef, Reason, SkippedPartition, Window, row_digest

FRESH_SECONDS = 600.0
"""What a group has is asked for again after so long: a backfill in several listings, and many meetings that are due at
once, need it once."""

GROUPS_KEPT = 32

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a group has. `number`: the datatracker's id of the group, where it knows one."""

    at: float
    number: str | None
    sessions: Mapping[str, Row]
    joined: Mapping[str, tuple[Room, ...]]
    alone: tuple[Room, ...]


class Meetings:
    """`rooms`: `None` without credentials. `ahead`: only what is still to come is listed."""

    def __init__(
        self,
        datatracker: Datatracker,
        rooms: RoomsClient | None,
        context: Context,
        groups: Sequence[str],
        *,
        ahead: bool,
    ) -> None:
        self._datatracker = datatracker
        self._rooms = rooms
        self._context = context
        self._groups = tuple(groups)
        self._ahead = ahead
        self._recent: LRUCache[str, Known] = LRUCache(GROUPS_KEPT)
        self._lock = RLock()

    def listed(
        self, window: Window, subjects: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        """What was planned for the window. A group that cannot be had is left out, and said to be."""
        dated = self._datatracker.meetings(window)
        for group in self._groups:
            if subjects and subject(group) not in subjects:
                continue
            try:
                yield from self._of_group(group, window, dated)
            except MeetechoRefused:
                self._context.notify_once(
                    f"{VENDOR}: Meetecho refuses a group of MEETECHO_GROUPS ({group}): it is left out, and tried again"
                )
                yield SkippedPartition(partition=subject(group), reason=Reason.refused, permanent=False)
            except VendorError:
                yield SkippedPartition(partition=subject(group), reason=Reason.error, permanent=False)

    def plan(self, ref: MeetingRef) -> Plan:
        """The plan that was listed, or for a ref out of the journal what is planned now. Raises Gone for what is no
        longer known, or is known as a session by now."""
        if ref.row is not None:
            found: Plan = ref.row["plan"]
            return found
        group = str(ref.hint["group"])
        known = self._known(group)
        if ref.hint.get("kind") == "session":
            session = known.sessions.get(ref.uuid) or self._datatracker.session(ref.uuid)
            if session is None:
                raise Gone(f"{VENDOR}: a session that the datatracker no longer knows", reason=Reason.deleted)
            return self._told(self._timed(group, session, known.joined.get(ref.uuid, ())))
        if any(room.uuid == ref.uuid for rooms in known.joined.values() for room in rooms):
            raise Gone(f"{VENDOR}: a room that has a session by now", reason=Reason.replaced)
        room = next((room for room in known.alone if room.uuid == ref.uuid), None)
        if room is None:
            raise Gone(f"{VENDOR}: a room that Meetecho no longer lists", reason=Reason.deleted)
        return Plan(group=group, rooms=(room,))

    def _of_group(
        self, group: str, window: Window, dated: Collection[str]
    ) -> Iterator[MeetingRef | SkippedPartition]:
        known = self._known(group)
        if known.number is None:
            self._context.notify_once(
                f"{VENDOR}: the datatracker knows no group {group}: look at MEETECHO_GROUPS, or --groups"
            )
            yield SkippedPartition(partition=subject(group), reason=Reason.error, permanent=False)
        for number, session in known.sessions.items():
            rooms = known.joined.get(number, ())
            start = rooms[0].start if rooms else None
            if (start in window) if start is not None else (last_of(session.get("meeting")) in dated):
                plan = self._timed(group, session, rooms)
                if plan.start is not None and plan.start not in window:
                    continue
                plan = self._told(plan)
                if self._is_wanted(plan, window):
                    yield to_ref(plan, self._context.now())
        for room in known.alone:
            plan = Plan(group=group, rooms=(room,))
            if self._is_wanted(plan, window):
                yield to_ref(plan, self._context.now())

    def _is_wanted(self, plan: Plan, window: Window) -> bool:
        """What was called off counts where somebody came all the same; what has no time, where somebody came or a room
        is there."""
        if plan.is_called_off and plan.attended == 0:
            return False
        if plan.start is None:
            return not self._ahead and (plan.session is None or bool(plan.attended))
        return plan.start in window

    def _timed(self, group: str, session: Row, rooms: tuple[Room, ...]) -> Plan:
        """When it was planned for: by its room, else by its timeslot."""
        meeting, number = self._datatracker.meeting(session), last_of(session.get("id"))
        by_room = bool(rooms) and rooms[0].start is not None
        slot = None if by_room or not (meeting and number) else self._datatracker.slot(number, meeting)
        return Plan(group=group, session=session, meeting=meeting, slot=slot, rooms=rooms)

    def _told(self, plan: Plan) -> Plan:
        """The plan with what became of it."""
        number = plan.number or ""
        begun = plan.start is None or plan.start <= self._context.now()
        return replace(
            plan,
            status=self._datatracker.status(number),
            attended=self._datatracker.attendance_count(number) if begun else 0,
        )

    def _known(self, group: str) -> Known:
        with self._lock:
            found = self._recent.get(group)
            if found is None or self._context.elapsed() - found.at > FRESH_SECONDS:
                found = self._asked(group)
                self._recent[group] = found
            return found

    def _asked(self, group: str) -> Known:
        at = self._context.elapsed()
        rooms = self._rooms.of(group) if self._rooms is not None else []
        number = self._datatracker.group(group)
        rows = self._datatracker.sessions(number) if number is not None else []
        sessions = {key: row for row in rows if (key := last_of(row.get("id"))) is not None}
        joined, alone = join(sessions, rooms, group)
        return Known(at=at, number=number, sessions=sessions, joined=joined, alone=alone)


def join(
    sessions: Mapping[str, Row], rooms: Iterable[Room], group: str
) -> tuple[dict[str, tuple[Room, ...]], tuple[Room, ...]]:
    """The rooms of each session of a group, by the session's id, and the rooms of none."""
    found: dict[str, list[Room]] = {}
    alone = []
    for room in rooms:
        number = session_of(room, sessions, group)
        if number is None:
            alone.append(room)
        else:
            found.setdefault(number, []).append(room)
    return {number: ordered(sessions[number], several) for number, several in found.items()}, tuple(alone)


def session_of(room: Room, sessions: Mapping[str, Row], group: str) -> str | None:
    if room.number in sessions and room.group == group:
        return room.number
    return next((number for number, row in sessions.items() if is_linked(row, room)), None)


def is_linked(session: Row, room: Room) -> bool:
    return bool(room.url) and str(room.url) in str(session.get("remote_instructions") or "")


def ordered(session: Row, rooms: Iterable[Room]) -> tuple[Room, ...]:
    """The room that the session names first, then the latest: an earlier one was left over when the plan changed."""
    return tuple(
        sorted(
            rooms, key=lambda room: (is_linked(session, room), room.start or _NEVER, room.uuid), reverse=True
        )
    )


def to_ref(plan: Plan, now: datetime) -> MeetingRef:
    return MeetingRef(
        uuid=plan.uuid,
        start_time=plan.start,
        digest=row_digest(plan.told()),
        hint={
            "group": plan.group,
            "kind": "room" if plan.session is None else "session",
            "listed": now.isoformat(),
        },
        row={"plan": plan},
    )


def subject(group: str) -> str:
    return f"group {group}"
