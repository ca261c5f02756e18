"""The datatracker's resources: fields, permitted filters, and the rows of the organisation's groups.

Fields and filters are those of `ietf/*/resources.py`. For `attended` and `schedulingevent`, whose source was
not available, only relations and the id can be filtered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from harvester.simulator.meetecho.account import Account, GroupSession, IetfMeeting
from harvester.simulator.meetecho.attendance import Attendance, AttendanceRecord
from harvester.simulator.meetecho.formats import day
from harvester.simulator.meetecho.schedule import CONFIGURED, ELSEWHERE
from harvester.simulator.meetecho.tastypie import FieldType, Relation, Resource, Row, TastypieApi
from harvester.simulator.organisation import DAY, HOUR, MINUTE, Guest

_GROUP_IDS = {acronym: 1_803 + 7 * position for position, acronym in enumerate((*CONFIGURED, ELSEWHERE))}
_AREA = 1_700
_SECRETARIAT = 21_000
_NAMES: Mapping[str, Relation] = {
    name: Relation(f"name/{name}name")
    for name in ("timeslottype", "sessionpurpose", "sessionstatus", "meetingtype", "groupstate", "grouptype")
}
_FIELDS: dict[str, dict[str, FieldType | Relation]] = {
    "meeting/session": {
        "id": "number", "type": _NAMES["timeslottype"], "name": "text", "meeting": Relation("meeting/meeting"),
        "group": Relation("group/group"), "materials": Relation("doc/document", many=True), "scheduled": "time",
        "requested_duration": "span", "resources": Relation("meeting/resourceassociation", many=True), "agenda_note": "text",
        "assignments": Relation("meeting/schedtimesessassignment", many=True), "remote_instructions": "text",
        "short": "text", "attendees": "number", "modified": "time", "comments": "text", "on_agenda": "flag",
        "purpose": _NAMES["sessionpurpose"], "has_onsite_tool": "flag", "chat_room": "text",
    },
    "meeting/timeslot": {
        "id": "number", "type": _NAMES["timeslottype"], "meeting": Relation("meeting/meeting"),
        "sessions": Relation("meeting/session", many=True), "name": "text", "time": "time", "duration": "span",
        "location": Relation("meeting/room"), "show_location": "flag", "modified": "time",
    },
    "meeting/schedtimesessassignment": {
        "id": "number", "timeslot": Relation("meeting/timeslot"), "session": Relation("meeting/session"),
        "schedule": Relation("meeting/schedule"), "extendedfrom": Relation("meeting/schedtimesessassignment"),
        "modified": "time", "notes": "text", "badness": "number", "pinned": "flag",
    },
    "meeting/schedulingevent": {
        "id": "number", "session": Relation("meeting/session"), "time": "time", "status": _NAMES["sessionstatus"],
        "by": Relation("person/person"),
    },
    "meeting/attended": {
        "id": "number", "origin": "text", "person": Relation("person/person"), "session": Relation("meeting/session"),
        "time": "time",
    },
    "meeting/meeting": {
        "id": "number", "number": "text", "type": _NAMES["meetingtype"], "date": "date", "days": "number",
        "city": "text", "country": "text", "time_zone": "text", "venue_name": "text",
        "schedule": Relation("meeting/schedule"), "updated": "time", "proceedings_final": "flag",
    },
    "meeting/schedule": {
        "id": "number", "name": "text", "meeting": Relation("meeting/meeting"), "owner": Relation("person/person"),
        "visible": "flag", "public": "flag", "badness": "number",
    },
    "group/group": {
        "id": "number", "acronym": "text", "name": "text", "state": _NAMES["groupstate"],
        "type": _NAMES["grouptype"], "parent": Relation("group/group"), "description": "text", "time": "time",
    },
    "person/person": {
        "id": "number", "name": "text", "ascii": "text", "ascii_short": "text", "plain": "text",
        "name_from_draft": "text", "biography": "text", "photo": "text", "photo_thumb": "text", "user": "text",
        "consent": "flag", "time": "time",
    },
}  # fmt: skip
_UNFILTERED = {
    "meeting/session": {"remote_instructions", "on_agenda", "purpose", "has_onsite_tool", "chat_room"},
    "meeting/schedulingevent": {"time"},
    "meeting/attended": {"time", "origin"},
    "meeting/meeting": {"days", "updated"},
    "person/person": {"plain", "name_from_draft", "photo_thumb", "consent"},
}
_ORDER = {
    "meeting/session": {"id", "modified", "scheduled", "meeting"},
    "meeting/timeslot": {"id", "time", "modified", "meeting"},
    "meeting/schedtimesessassignment": {"id", "modified"},
    "meeting/meeting": {"id", "date"},
}


class Table:
    """Rows in the order of their ids."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        self._rows = sorted(rows, key=lambda row: row["id"])
        self._by: dict[str, dict[Any, list[Row]]] = {}

    def rows(self) -> Sequence[Row]:
        return self._rows

    def find(self, key: Any) -> Row | None:
        return next(iter(self.select("id", [key])), None)

    def select(self, name: str, keys: Iterable[Any]) -> Sequence[Row]:
        if name not in self._by:
            found: dict[Any, list[Row]] = {}
            for row in self._rows:
                for key in row[name] if isinstance(row[name], list) else [row[name]]:
                    found.setdefault(key, []).append(row)
            self._by[name] = found
        chosen = {row["id"]: row for key in keys for row in self._by[name].get(key, ())}
        return [chosen[key] for key in sorted(chosen)]


class AttendedTable:
    """The rows of `attended`, generated per session on demand."""

    def __init__(self, account: Account, attendance: Attendance) -> None:
        self._account = account
        self._attendance = attendance

    def rows(self) -> Sequence[Row]:
        return [
            _attended_row(record)
            for session in self._account.sessions
            for record in self._attendance.records(session)
        ]

    def find(self, key: Any) -> Row | None:
        return next((row for row in self.rows() if row["id"] == key), None)

    def select(self, name: str, keys: Iterable[Any]) -> Sequence[Row] | None:
        if name != "session":
            return None
        sessions = [self._account.by_id[key] for key in sorted(set(keys)) if key in self._account.by_id]
        return [_attended_row(record) for session in sessions for record in self._attendance.records(session)]


def _attended_row(record: AttendanceRecord) -> Row:
    return {
        "id": record.id,
        "origin": "self declared" if record.self_declared else "datatracker",
        "person": record.person,
        "session": record.session,
        "time": record.time,
        "broken": record.broken,
    }


def _broken(row: Row) -> int | None:
    """Return the status with which a page with corrupt rows has been seen to fail."""
    return 404 if row["broken"] else None


class DatatrackerRows:
    """The rows of all resources but `attended`."""

    def __init__(self, account: Account, attendance: Attendance) -> None:
        self._account = account
        self._attendance = attendance

    @cached_property
    def assignments(self) -> list[dict[str, Any]]:
        """The assignments to the schedule in force, and before that to a draft in which the session is a day
        later."""
        made: list[dict[str, Any]] = []
        for session in self._account.sessions:
            ietf_meeting = session.ietf_meeting
            for schedule, assigned in (
                (ietf_meeting.draft, session.drafted),
                (ietf_meeting.schedule, session.start is not None),
            ):
                if assigned:
                    made.append(self._assignment(60_000 + len(made), session, schedule))
        return made

    def _assignment(self, pk: int, session: GroupSession, schedule: int | None) -> dict[str, Any]:
        return {
            "id": pk,
            "timeslot": pk - 48_000,
            "session": session.id,
            "schedule": schedule,
            "extendedfrom": None,
            "modified": _requested_at(session),
            "notes": "",
            "badness": 0,
            "pinned": False,
        }

    @property
    def timeslots(self) -> list[dict[str, Any]]:
        return [self._timeslot(row, self._account.by_id[row["session"]]) for row in self.assignments]

    def _timeslot(self, row: Row, session: GroupSession) -> dict[str, Any]:
        drafted = row["schedule"] == session.ietf_meeting.draft
        planned = session.ietf_meeting.start + 9 * HOUR if session.start is None else session.start
        return {
            "id": row["timeslot"],
            "type": "regular",
            "meeting": session.ietf_meeting.id,
            "sessions": [session.id],
            "name": "",
            "time": planned + DAY if drafted else planned,
            "duration": session.minutes + (30 if drafted else 0),
            "location": None if session.ietf_meeting.type == "interim" else 400 + row["id"] % 9,
            "show_location": True,
            "modified": _requested_at(session),
        }

    @property
    def sessions(self) -> list[dict[str, Any]]:
        assigned: dict[int, list[int]] = {}
        for row in self.assignments:
            assigned.setdefault(row["session"], []).append(row["id"])
        return [self._session(session, assigned.get(session.id, [])) for session in self._account.sessions]

    def _session(self, session: GroupSession, assigned: list[int]) -> dict[str, Any]:
        label = f"{session.ietf_meeting.number}-{session.group}"
        return {
            "id": session.id,
            "type": "regular",
            "name": session.name,
            "meeting": session.ietf_meeting.id,
            "group": _GROUP_IDS[session.group],
            "materials": [f"agenda-{label}"] if session.id % 3 else [],
            "scheduled": _requested_at(session) if session.start is not None else None,
            "requested_duration": session.minutes,
            "resources": [],
            "agenda_note": "",
            "assignments": assigned,
            "remote_instructions": session.instructions,
            "short": "",
            "attendees": None if session.id % 4 == 0 else 40,
            "modified": _requested_at(session),
            "comments": "",
            "on_agenda": True,
            "purpose": "regular",
            "has_onsite_tool": session.ietf_meeting.type == "ietf",
            "chat_room": "",
        }

    @property
    def events(self) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        for session in self._account.sessions:
            for step, status in enumerate(session.history):
                made.append(
                    {
                        "id": 90_000 + len(made),
                        "session": session.id,
                        "time": _requested_at(session) + step * HOUR,
                        "status": status,
                        "by": _SECRETARIAT,
                    }
                )
        return made

    @property
    def meetings(self) -> list[dict[str, Any]]:
        return [_meeting(ietf_meeting) for ietf_meeting in self._account.ietf_meetings]

    @property
    def schedules(self) -> list[dict[str, Any]]:
        return [
            {
                "id": pk,
                "name": name,
                "meeting": ietf_meeting.id,
                "owner": _SECRETARIAT,
                "visible": True,
                "public": name == "agenda",
                "badness": None,
            }
            for ietf_meeting in self._account.ietf_meetings
            for name, pk in (("agenda", ietf_meeting.schedule), ("draft", ietf_meeting.draft))
            if pk is not None
        ]

    @property
    def groups(self) -> list[dict[str, Any]]:
        return [
            {
                "id": pk,
                "acronym": acronym,
                "name": f"Invented group {acronym}",
                "state": "active",
                "type": "wg",
                "parent": None if pk % 2 else _AREA,
                "description": "",
                "time": self._account.organisation.first - 400 * DAY,
            }
            for acronym, pk in _GROUP_IDS.items()
        ]

    @property
    def people(self) -> list[dict[str, Any]]:
        return [
            {
                "id": pk,
                "name": self._attendance.name(pk),
                "ascii": f"{'Guest' if isinstance(visitor, Guest) else 'Person'} {pk}",
                "ascii_short": None,
                "plain": "" if pk % 5 else f"Plain {pk}",
                "name_from_draft": "",
                "biography": "",
                "photo": None,
                "photo_thumb": None,
                "user": "",
                "consent": True,
                "time": self._account.organisation.first - pk % 900 * DAY,
            }
            for pk, visitor in self._attendance.people.items()
        ]


def _requested_at(session: GroupSession) -> int:
    """Return when a session was requested and last changed: some weeks before its start."""
    planned = session.ietf_meeting.start if session.start is None else session.start
    return planned - 20 * DAY + session.id % 50 * MINUTE


def _meeting(ietf_meeting: IetfMeeting) -> dict[str, Any]:
    ietf = ietf_meeting.type == "ietf"
    return {
        "id": ietf_meeting.id,
        "number": ietf_meeting.number,
        "type": ietf_meeting.type,
        "date": day(ietf_meeting.start).isoformat(),
        "days": 7 if ietf else 1,
        "city": "Nowhere" if ietf else "",
        "country": "",
        "time_zone": "Europe/Vienna" if ietf else "UTC",
        "venue_name": "",
        "schedule": ietf_meeting.schedule,
        "updated": ietf_meeting.start - 30 * DAY,
        "proceedings_final": False,
    }


def datatracker_api(account: Account, attendance: Attendance) -> TastypieApi:
    """Return the API with every resource of this account."""
    rows = DatatrackerRows(account, attendance)
    tables: dict[str, Table | AttendedTable] = {
        "meeting/session": Table(rows.sessions),
        "meeting/timeslot": Table(rows.timeslots),
        "meeting/schedtimesessassignment": Table(rows.assignments),
        "meeting/schedulingevent": Table(rows.events),
        "meeting/meeting": Table(rows.meetings),
        "meeting/schedule": Table(rows.schedules),
        "group/group": Table(rows.groups),
        "person/person": Table(rows.people),
        "meeting/attended": AttendedTable(account, attendance),
    }
    return TastypieApi({name: _resource(name, table) for name, table in tables.items()})


def _resource(name: str, table: Table | AttendedTable) -> Resource:
    fields = _FIELDS[name]
    attended = isinstance(table, AttendedTable)
    return Resource(
        name=name,
        fields=fields,
        filters=frozenset(fields.keys() - _UNFILTERED.get(name, set())),
        order=frozenset(_ORDER.get(name, {"id"})),
        rows=table.rows,
        find=table.find,
        select=table.select,
        broken=_broken if attended else lambda _row: None,
    )
