"""What a perfect harvest of the simulated working groups holds: the datatracker's sessions and Meetecho's rooms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from harvester.simulator.expected.document_fields import Fields, figures, key, moment, told
from harvester.simulator.meetecho.access import Terms
from harvester.simulator.meetecho.account import Account, Room, Session
from harvester.simulator.meetecho.attendance import Attendance, Attended
from harvester.simulator.meetecho.schedule import CONFIGURED
from harvester.simulator.organisation import MINUTE, Organisation


class MeetechoTruth:
    """`terms`: what is agreed with Meetecho. `upcoming`: what is planned beyond now, instead of what has begun.
    `later`: how long after the organisation's now the harvest begins; who attended does not change any more."""

    def __init__(
        self, organisation: Organisation, *, terms: Terms, account: str, upcoming: bool = False,
        later: timedelta = timedelta(),
    ) -> None:  # fmt: skip
        self._account = Account(organisation)
        self._attendance = Attendance(self._account)
        self._first = organisation.first
        self._now = organisation.now + later // timedelta(milliseconds=1)
        self._terms = terms
        self._label = account
        self._upcoming = upcoming

    def documents(self) -> Iterator[Fields]:
        """Of every session and every room that is nobody's, whose planned start is since the first day."""
        rooms: dict[int | None, list[Room]] = {}
        for room in self._account.rooms:
            if self._terms.rooms(room.group):
                rooms.setdefault(room.session, []).append(room)
        for session in self._account.sessions:
            if session.group in CONFIGURED:
                yield from self._of(session, rooms.get(session.id, []))
        for room in rooms.get(None, []):
            if self._wanted(room.start):
                head = self._head(room.group, room.description, room.start, room.minutes)
                detail = "scheduled" if self._ahead(room.start, room.minutes) else "basic"
                yield self._meeting(room.uuid, detail, head)

    def _wanted(self, start: int) -> bool:
        return start > self._now if self._upcoming else self._first <= start <= self._now

    def _ahead(self, start: int, minutes: int) -> bool:
        return start + minutes * MINUTE > self._now

    def _of(self, session: Session, rooms: Sequence[Room]) -> Iterator[Fields]:
        """Several rooms of one session are alike."""
        start, minutes = session.start, session.minutes
        if rooms:
            start, minutes = rooms[0].start, rooms[0].minutes
        attended = [record for record in self._attendance.of(session) if not record.broken]
        if start is None or not self._wanted(start) or (session.canceled and not attended):
            return
        topic = (rooms[0].description if rooms else "") or session.name or session.gathering.number
        head = self._head(session.group, topic, start, minutes)
        detail = "scheduled" if self._ahead(start, minutes) else "full"
        stays = [(key(str(record.id)), self._stay(record)) for record in attended]
        if start <= self._now:
            head |= figures([fields for _, fields in stays])
            del head["participant_seconds"]  # nobody's leaving is told
        uuid = str(session.id)
        yield self._meeting(uuid, detail, head)
        for name, fields in stays:
            yield self._session(uuid, name, detail, head, fields)

    def _head(self, group: str, topic: str, start: int, minutes: int) -> Fields:
        return told(
            {
                "@timestamp": moment(start),
                "meeting_series_id": group,
                "topic": topic or None,
                "scheduled_start_time": moment(start),
                "scheduled_end_time": moment(start + minutes * MINUTE),
                "state": "scheduled" if self._ahead(start, minutes) else None,
            }
        )

    def _stay(self, record: Attended) -> Fields:
        return told(
            {
                "stay": "meeting",
                "id": str(record.person),
                "user_name": self._attendance.name(record.person),
                "join_time": None if record.time is None else moment(record.time),
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
        return told(
            {
                "document_id": f"meetecho:{self._label}:{uuid}:{name}",
                "@timestamp": fields.get("join_time", head["@timestamp"]),
                "kind": "session",
                "vendor": "meetecho",
                "account": self._label,
                "meeting": uuid,
                "topic": head.get("topic"),
                "meeting_timestamp": head["@timestamp"],
                "detail": detail,
                **fields,
            }
        )
