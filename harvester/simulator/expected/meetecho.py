"""The documents of a perfect harvest of the simulated working groups: the datatracker's sessions and
Meetecho's rooms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from harvester.simulator.expected.document_fields import (
    Fields,
    attendance_fields,
    session_key,
    to_datetime,
    without_none,
)
from harvester.simulator.meetecho.account import Account, GroupSession, Room
from harvester.simulator.meetecho.attendance import Attendance, AttendanceRecord
from harvester.simulator.meetecho.options import MeetechoOptions
from harvester.simulator.meetecho.schedule import CONFIGURED
from harvester.simulator.organisation import MINUTE, Organisation


class ExpectedMeetecho:
    """Expected documents of the working groups.

    options: of the simulated account.
    upcoming: what is scheduled after now instead of what has started.
    later: how long after the organisation's now the harvest starts; attendance does not change in that time.
    """

    def __init__(
        self, organisation: Organisation, *, options: MeetechoOptions, account: str, upcoming: bool = False,
        later: timedelta = timedelta(),
    ) -> None:  # fmt: skip
        self._account = Account(organisation)
        self._attendance = Attendance(self._account)
        self._first = organisation.first
        self._now = organisation.now + later // timedelta(milliseconds=1)
        self._options = options
        self._label = account
        self._upcoming = upcoming

    def documents(self) -> Iterator[Fields]:
        """Yield the documents of every session, and of every room without one, whose scheduled start is since
        the first day."""
        rooms: dict[int | None, list[Room]] = {}
        for room in self._account.rooms:
            if self._options.rooms(room.group):
                rooms.setdefault(room.session, []).append(room)
        for session in self._account.sessions:
            if session.group in CONFIGURED:
                yield from self._documents_of(session, rooms.get(session.id, []))
        for room in rooms.get(None, []):
            if self._in_range(room.start):
                head = self._head(room.group, room.description, room.start, room.minutes)
                detail = "scheduled" if self._is_ahead(room.start, room.minutes) else "basic"
                yield self._meeting(room.uuid, detail, head)

    def _in_range(self, start: int) -> bool:
        return start > self._now if self._upcoming else self._first <= start <= self._now

    def _is_ahead(self, start: int, minutes: int) -> bool:
        return start + minutes * MINUTE > self._now

    def _documents_of(self, session: GroupSession, rooms: Sequence[Room]) -> Iterator[Fields]:
        """Yield the documents of one session; all rooms of a session are alike."""
        start, minutes = session.start, session.minutes
        if rooms:
            start, minutes = rooms[0].start, rooms[0].minutes
        attended = [record for record in self._attendance.records(session) if not record.broken]
        if start is None or not self._in_range(start) or (session.canceled and not attended):
            return
        topic = (rooms[0].description if rooms else "") or session.name or session.ietf_meeting.number
        head = self._head(session.group, topic, start, minutes)
        detail = "scheduled" if self._is_ahead(start, minutes) else "full"
        sessions = [(session_key(str(record.id)), self._session_fields(record)) for record in attended]
        if start <= self._now:
            head |= attendance_fields([fields for _, fields in sessions])
            del head["participant_seconds"]  # leave times are not available
        uuid = str(session.id)
        yield self._meeting(uuid, detail, head)
        for name, fields in sessions:
            yield self._session(uuid, name, detail, head, fields)

    def _head(self, group: str, topic: str, start: int, minutes: int) -> Fields:
        return without_none(
            {
                "@timestamp": to_datetime(start),
                "meeting_series_id": group,
                "topic": topic or None,
                "scheduled_start_time": to_datetime(start),
                "scheduled_end_time": to_datetime(start + minutes * MINUTE),
                "state": "scheduled" if self._is_ahead(start, minutes) else None,
            }
        )

    def _session_fields(self, record: AttendanceRecord) -> Fields:
        return without_none(
            {
                "stay": "meeting",
                "id": str(record.person),
                "user_name": self._attendance.name(record.person),
                "join_time": None
                if record.time is None or record.self_declared
                else to_datetime(record.time),
            }
        )

    def _meeting(self, uuid: str, detail: str, head: Fields) -> Fields:
        return {
            "document_id": f"meetecho:{self._label}:{uuid}",
            "kind": "meeting",
            "vendor": "meetecho",
            "account": self._label,
            "uuid": uuid,
            "detail": detail,
            **head,
        }

    def _session(self, uuid: str, name: str, detail: str, head: Fields, fields: Fields) -> Fields:
        return without_none(
            {
                "document_id": f"meetecho:{self._label}:{uuid}:{name}",
                "@timestamp": fields.get("join_time", head["@timestamp"]),
                "kind": "session",
                "vendor": "meetecho",
                "account": self._label,
                "meeting": uuid,
                "meeting_series_id": head.get("meeting_series_id"),
                "topic": head.get("topic"),
                "meeting_timestamp": head["@timestamp"],
                "detail": detail,
                **fields,
            }
        )
