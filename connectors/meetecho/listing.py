"""List past and planned meetings: the datatracker's sessions of each group, with their Meetecho rooms.

A room belongs to the session of the same group that has the room's number as its id. Rooms created before 2024-03 have
numbers of Meetecho's own, and are matched by their URL in the session's `remote_instructions` (`ietf/meeting/helpers.py`).
A session may have several rooms (ietf-tools/datatracker, issue 11497); they are one meeting.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import RLock

from cachetools import LRUCache

from connectors.base import Context
from connectors.errors import BrokenResponse, Gone, VendorError
from connectors.meetecho.datatracker_api import Datatracker, id_from_uri
from connectors.meetecho.endpoints import VENDOR
from connectors.meetecho.errors import MeetechoRefused
from connectors.meetecho.http_client import RoomsClient
from connectors.meetecho.mapping import PlannedMeeting, Row
from connectors.meetecho.room_rows import Room
from connectors.models import MeetingRef, Reason, SkippedPartition, Window, row_digest

SNAPSHOT_SECONDS = 600.0
"""How long the data of a group is reused: a backfill makes several listings, and many meetings may be due at once."""

MAX_CACHED_GROUPS = 32

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSnapshot:
    """The sessions and rooms of one group."""

    read_at: float
    """`Context.elapsed()` when it was read."""
    group_id: str | None
    """The datatracker's id of the group; `None` if it has no such group."""
    sessions: Mapping[str, Row]
    session_rooms: Mapping[str, tuple[Room, ...]]
    """The rooms of each session, by the session's id."""
    other_rooms: tuple[Room, ...]
    """Rooms without a session."""


class MeetechoListing:
    """Thread-safe. Without credentials, `rooms` is `None`. With `upcoming_only`, only planned meetings are listed."""

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
        """The meetings planned for the window. A group that cannot be read is yielded as a skipped partition."""
        meeting_ids = self._datatracker.meetings(window)
        for group in self._groups:
            if partitions and group_partition(group) not in partitions:
                continue
            try:
                yield from self._list_group(group, window, meeting_ids)
            except MeetechoRefused:
                if self._datatracker.group(group) is None:
                    yield self._unknown_group(group)
                    continue
                self._context.notify_once(
                    f"{VENDOR}: Meetecho refuses the group {group} of MEETECHO_GROUPS; it is skipped, and the next run tries again"
                )
                yield SkippedPartition(
                    partition=group_partition(group), reason=Reason.refused, permanent=False
                )
            except VendorError:
                yield SkippedPartition(partition=group_partition(group), reason=Reason.error, permanent=False)

    def planned_meeting(self, ref: MeetingRef) -> PlannedMeeting:
        """The meeting as listed, or as planned now for a ref from the journal.

        Raises Gone if it no longer exists, or if the room has become part of a session.
        """
        if ref.row is not None:
            listed: PlannedMeeting = ref.row["planned"]
            return listed
        group = str(ref.hint["group"])
        snapshot = self._snapshot(group)
        if ref.hint.get("kind") == "session":
            session = snapshot.sessions.get(ref.uuid) or self._datatracker.session(ref.uuid)
            if session is None:
                raise Gone(f"{VENDOR}: the datatracker no longer has this session", reason=Reason.deleted)
            if id_from_uri(session.get("id")) != ref.uuid:
                raise BrokenResponse(f"{VENDOR}: the datatracker answered with another session, or with none")
            return self._with_outcome(
                self._to_planned(group, session, snapshot.session_rooms.get(ref.uuid, ()))
            )
        if any(room.uuid == ref.uuid for rooms in snapshot.session_rooms.values() for room in rooms):
            raise Gone(f"{VENDOR}: a room that now belongs to a session", reason=Reason.replaced)
        room = next((room for room in snapshot.other_rooms if room.uuid == ref.uuid), None)
        if room is None:
            raise Gone(f"{VENDOR}: Meetecho no longer lists this room", reason=Reason.deleted)
        return PlannedMeeting(group=group, rooms=(room,))

    def _list_group(
        self, group: str, window: Window, meeting_ids: Collection[str]
    ) -> Iterator[MeetingRef | SkippedPartition]:
        snapshot = self._snapshot(group)
        if snapshot.group_id is None:
            yield self._unknown_group(group)
        for number, session in snapshot.sessions.items():
            rooms = snapshot.session_rooms.get(number, ())
            start = rooms[0].start if rooms else None
            if (
                (start in window)
                if start is not None
                else (id_from_uri(session.get("meeting")) in meeting_ids)
            ):
                planned = self._to_planned(group, session, rooms)
                if planned.start is not None and planned.start not in window:
                    continue
                planned = self._with_outcome(planned)
                if self._is_wanted(planned, window):
                    yield to_ref(planned, self._context.now())
        for room in snapshot.other_rooms:
            planned = PlannedMeeting(group=group, rooms=(room,))
            if self._is_wanted(planned, window):
                yield to_ref(planned, self._context.now())

    def _unknown_group(self, group: str) -> SkippedPartition:
        self._context.notify_once(
            f"{VENDOR}: the datatracker has no group {group}: correct or remove it in MEETECHO_GROUPS; the others are read"
        )
        return SkippedPartition(
            partition=group_partition(group), reason=Reason.unknown_group, permanent=False
        )

    def _is_wanted(self, planned: PlannedMeeting, window: Window) -> bool:
        """Whether to list it: a canceled meeting only if anyone attended, one without a time if anyone attended or it
        is a room."""
        if planned.is_canceled and planned.attended == 0:
            return False
        if planned.start is None:
            return not self._upcoming_only and (planned.session is None or bool(planned.attended))
        return planned.start in window

    def _to_planned(self, group: str, session: Row, rooms: tuple[Room, ...]) -> PlannedMeeting:
        """The session with its planned time: that of its room, else that of its timeslot."""
        meeting, number = self._datatracker.meeting(session), id_from_uri(session.get("id"))
        by_room = bool(rooms) and rooms[0].start is not None
        slot = (
            None if by_room or not (meeting and number) else self._datatracker.planned_time(number, meeting)
        )
        return PlannedMeeting(group=group, session=session, meeting=meeting, time=slot, rooms=rooms)

    def _with_outcome(self, planned: PlannedMeeting) -> PlannedMeeting:
        """The meeting with its status and attendance."""
        number = planned.session_id or ""
        begun = planned.start is None or planned.start <= self._context.now()
        return replace(
            planned,
            status=self._datatracker.status(number),
            attended=self._datatracker.attendance_count(number) if begun else 0,
        )

    def _snapshot(self, group: str) -> GroupSnapshot:
        with self._lock:
            snapshot = self._snapshots.get(group)
            if snapshot is None or self._context.elapsed() - snapshot.read_at > SNAPSHOT_SECONDS:
                snapshot = self._read_group(group)
                self._snapshots[group] = snapshot
            return snapshot

    def _read_group(self, group: str) -> GroupSnapshot:
        at = self._context.elapsed()
        rooms = self._rooms.list_rooms(group) if self._rooms is not None else []
        number = self._datatracker.group(group)
        rows = self._datatracker.sessions(number) if number is not None else []
        sessions = {key: row for row in rows if (key := id_from_uri(row.get("id"))) is not None}
        session_rooms, other_rooms = match_rooms(sessions, rooms, group)
        return GroupSnapshot(
            read_at=at,
            group_id=number,
            sessions=sessions,
            session_rooms=session_rooms,
            other_rooms=other_rooms,
        )


def match_rooms(
    sessions: Mapping[str, Row], rooms: Iterable[Room], group: str
) -> tuple[dict[str, tuple[Room, ...]], tuple[Room, ...]]:
    """The rooms of each session of a group, by the session's id, and the rooms without a session."""
    by_session: dict[str, list[Room]] = {}
    other = []
    for room in rooms:
        number = find_session(room, sessions, group)
        if number is None:
            other.append(room)
        else:
            by_session.setdefault(number, []).append(room)
    return {number: order_rooms(sessions[number], several) for number, several in by_session.items()}, tuple(
        other
    )


def find_session(room: Room, sessions: Mapping[str, Row], group: str) -> str | None:
    if room.number in sessions and room.group == group:
        return room.number
    return next((number for number, row in sessions.items() if is_linked(row, room)), None)


def is_linked(session: Row, room: Room) -> bool:
    return bool(room.url) and str(room.url) in str(session.get("remote_instructions") or "")


def order_rooms(session: Row, rooms: Iterable[Room]) -> tuple[Room, ...]:
    """The room that the session links to first, then the latest: earlier ones remain from earlier plans."""
    return tuple(
        sorted(
            rooms, key=lambda room: (is_linked(session, room), room.start or _NEVER, room.uuid), reverse=True
        )
    )


def to_ref(planned: PlannedMeeting, now: datetime) -> MeetingRef:
    return MeetingRef(
        uuid=planned.uuid,
        start_time=planned.start,
        digest=row_digest(planned.digest_fields()),
        hint={
            "group": planned.group,
            "kind": "room" if planned.session is None else "session",
            "listed": now.isoformat(),
        },
        row={"planned": planned},
    )


def group_partition(group: str) -> str:
    return f"group {group}"
