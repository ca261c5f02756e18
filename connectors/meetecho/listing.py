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
from connectors.meetecho.client import RoomsClient
from connectors.meetecho.datatracker import Datatracker, id_from_uri
from connectors.meetecho.endpoints import VENDOR
from connectors.meetecho.errors import MeetechoRefused
from connectors.meetecho.mapping import PlannedMeeting, Row
from connectors.meetecho.rooms import Room
from connectors.models import MeetingRef, Reason, SkippedPartition, Window, row_digest

SNAPSHOT_SECONDS = 600.0
"""What a group has is asked for again after so long: a backfill in several listings, and many meetings that are due at
once, need it once."""

MAX_CACHED_GROUPS = 32

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSnapshot:
    """What a group has. `number`: the datatracker's id of the group, where it knows one."""

    read_at: float
    group_id: str | None
    sessions: Mapping[str, Row]
    session_rooms: Mapping[str, tuple[Room, ...]]
    other_rooms: tuple[Room, ...]


class MeetechoListing:
    """`rooms`: `None` without credentials. `ahead`: only what is still to come is listed."""

    def __init__(
        self,
        datatracker: Datatracker,
        rooms: RoomsClient | None,
        context: Context,
        groups: Sequence[str],
        *,
        upcoming_only: bool,
    ) -> None:
        self._datatracker = datatracker
        self._rooms = rooms
        self._context = context
        self._groups = tuple(groups)
        self._upcoming_only = upcoming_only
        self._snapshots: LRUCache[str, GroupSnapshot] = LRUCache(MAX_CACHED_GROUPS)
        self._lock = RLock()

    def list_meetings(
        self, window: Window, partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        """What was planned for the window. A group that cannot be had is left out, and said to be."""
        dated = self._datatracker.meetings(window)
        for group in self._groups:
            if partitions and group_partition(group) not in partitions:
                continue
            try:
                yield from self._list_group(group, window, dated)
            except MeetechoRefused:
                self._context.notify_once(
                    f"{VENDOR}: Meetecho refuses a group of MEETECHO_GROUPS ({group}): it is left out, and tried again"
                )
                yield SkippedPartition(
                    partition=group_partition(group), reason=Reason.refused, permanent=False
                )
            except VendorError:
                yield SkippedPartition(partition=group_partition(group), reason=Reason.error, permanent=False)

    def planned_meeting(self, ref: MeetingRef) -> PlannedMeeting:
        """The plan that was listed, or for a ref out of the journal what is planned now. Raises Gone for what is no
        longer known, or is known as a session by now."""
        if ref.row is not None:
            found: PlannedMeeting = ref.row["plan"]
            return found
        group = str(ref.hint["group"])
        known = self._snapshot(group)
        if ref.hint.get("kind") == "session":
            session = known.sessions.get(ref.uuid) or self._datatracker.session(ref.uuid)
            if session is None:
                raise Gone(f"{VENDOR}: a session that the datatracker no longer knows", reason=Reason.deleted)
            return self._with_outcome(self._to_planned(group, session, known.session_rooms.get(ref.uuid, ())))
        if any(room.uuid == ref.uuid for rooms in known.session_rooms.values() for room in rooms):
            raise Gone(f"{VENDOR}: a room that has a session by now", reason=Reason.replaced)
        room = next((room for room in known.other_rooms if room.uuid == ref.uuid), None)
        if room is None:
            raise Gone(f"{VENDOR}: a room that Meetecho no longer lists", reason=Reason.deleted)
        return PlannedMeeting(group=group, rooms=(room,))

    def _list_group(
        self, group: str, window: Window, dated: Collection[str]
    ) -> Iterator[MeetingRef | SkippedPartition]:
        known = self._snapshot(group)
        if known.group_id is None:
            self._context.notify_once(
                f"{VENDOR}: the datatracker knows no group {group}: look at MEETECHO_GROUPS, or --groups"
            )
            yield SkippedPartition(partition=group_partition(group), reason=Reason.error, permanent=False)
        for number, session in known.sessions.items():
            rooms = known.session_rooms.get(number, ())
            start = rooms[0].start if rooms else None
            if (start in window) if start is not None else (id_from_uri(session.get("meeting")) in dated):
                plan = self._to_planned(group, session, rooms)
                if plan.start is not None and plan.start not in window:
                    continue
                plan = self._with_outcome(plan)
                if self._is_wanted(plan, window):
                    yield to_ref(plan, self._context.now())
        for room in known.other_rooms:
            plan = PlannedMeeting(group=group, rooms=(room,))
            if self._is_wanted(plan, window):
                yield to_ref(plan, self._context.now())

    def _is_wanted(self, plan: PlannedMeeting, window: Window) -> bool:
        """What was called off counts where somebody came all the same; what has no time, where somebody came or a room
        is there."""
        if plan.is_canceled and plan.attended == 0:
            return False
        if plan.start is None:
            return not self._upcoming_only and (plan.session is None or bool(plan.attended))
        return plan.start in window

    def _to_planned(self, group: str, session: Row, rooms: tuple[Room, ...]) -> PlannedMeeting:
        """When it was planned for: by its room, else by its timeslot."""
        meeting, number = self._datatracker.meeting(session), id_from_uri(session.get("id"))
        by_room = bool(rooms) and rooms[0].start is not None
        slot = (
            None if by_room or not (meeting and number) else self._datatracker.planned_time(number, meeting)
        )
        return PlannedMeeting(group=group, session=session, meeting=meeting, time=slot, rooms=rooms)

    def _with_outcome(self, plan: PlannedMeeting) -> PlannedMeeting:
        """The plan with what became of it."""
        number = plan.session_id or ""
        begun = plan.start is None or plan.start <= self._context.now()
        return replace(
            plan,
            status=self._datatracker.status(number),
            attended=self._datatracker.attendance_count(number) if begun else 0,
        )

    def _snapshot(self, group: str) -> GroupSnapshot:
        with self._lock:
            found = self._snapshots.get(group)
            if found is None or self._context.elapsed() - found.read_at > SNAPSHOT_SECONDS:
                found = self._read_group(group)
                self._snapshots[group] = found
            return found

    def _read_group(self, group: str) -> GroupSnapshot:
        at = self._context.elapsed()
        rooms = self._rooms.list_rooms(group) if self._rooms is not None else []
        number = self._datatracker.group(group)
        rows = self._datatracker.sessions(number) if number is not None else []
        sessions = {key: row for row in rows if (key := id_from_uri(row.get("id"))) is not None}
        joined, alone = match_rooms(sessions, rooms, group)
        return GroupSnapshot(
            read_at=at, group_id=number, sessions=sessions, session_rooms=joined, other_rooms=alone
        )


def match_rooms(
    sessions: Mapping[str, Row], rooms: Iterable[Room], group: str
) -> tuple[dict[str, tuple[Room, ...]], tuple[Room, ...]]:
    """The rooms of each session of a group, by the session's id, and the rooms of none."""
    found: dict[str, list[Room]] = {}
    alone = []
    for room in rooms:
        number = find_session(room, sessions, group)
        if number is None:
            alone.append(room)
        else:
            found.setdefault(number, []).append(room)
    return {number: order_rooms(sessions[number], several) for number, several in found.items()}, tuple(alone)


def find_session(room: Room, sessions: Mapping[str, Row], group: str) -> str | None:
    if room.number in sessions and room.group == group:
        return room.number
    return next((number for number, row in sessions.items() if is_linked(row, room)), None)


def is_linked(session: Row, room: Room) -> bool:
    return bool(room.url) and str(room.url) in str(session.get("remote_instructions") or "")


def order_rooms(session: Row, rooms: Iterable[Room]) -> tuple[Room, ...]:
    """The room that the session names first, then the latest: an earlier one was left over when the plan changed."""
    return tuple(
        sorted(
            rooms, key=lambda room: (is_linked(session, room), room.start or _NEVER, room.uuid), reverse=True
        )
    )


def to_ref(plan: PlannedMeeting, now: datetime) -> MeetingRef:
    return MeetingRef(
        uuid=plan.uuid,
        start_time=plan.start,
        digest=row_digest(plan.digest_fields()),
        hint={
            "group": plan.group,
            "kind": "room" if plan.session is None else "session",
            "listed": now.isoformat(),
        },
        row={"plan": plan},
    )


def group_partition(group: str) -> str:
    return f"group {group}"
