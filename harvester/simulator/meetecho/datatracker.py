"""The datatracker's resources: their fields, what may be filtered, and the rows of the organisation's groups.

Fields and filters are those of `ietf/*/resources.py`; of `attended` and `schedulingevent`, of which no version was to
be had, only the relations and the id may be filtered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from harvester.simulator.meetecho.account import Account, Gathering, Session
from harvester.simulator.meetecho.attendance import Attendance, Attended
from harvester.simulator.meetecho.formats import day
from harvester.simulator.meetecho.schedule import CONFIGURED, ELSEWHERE
from harvester.simulator.meetecho.tastypie import Api, Kind, Resource, Row, To
from harvester.simulator.organisation import DAY, HOUR, MINUTE, Guest

_GROUP_IDS = {acronym: 1_803 + 7 * place for place, acronym in enumerate((*CONFIGURED, ELSEWHERE))}
_AREA = 1_700
_SECRETARIAT = 21_000
_NAMES: Mapping[str, To] = {
    name: To(f"name/{name}name")
    for name in ("timeslottype", "sessionpurpose", "sessionstatus", "meetingtype", "groupstate", "grouptype")
}
_FIELDS: dict[str, dict[str, Kind | To]] = {
    "meeting/session": {
        "id": "number", "type": _NAMES["timeslottype"], "name": "text", "meeting": To("meeting/meeting"),
        "group": To("group/group"), "materials": To("doc/document", many=True), "scheduled": "time",
        "requested_duration": "span", "resources": To("meeting/resourceassociation", many=True), "agenda_note": "text",
        "assignments": To("meeting/schedtimesessassignment", many=True), "remote_instructions": "text",
        "short": "text", "attendees": "number", "modified": "time", "comments": "text", "on_agenda": "flag",
        "purpose": _NAMES["sessionpurpose"], "has_onsite_tool": "flag", "chat_room": "text",
    },
    "meeting/timeslot": {
        "id": "number", "type": _NAMES["timeslottype"], "meeting": To("meeting/meeting"),
        "sessions": To("meeting/session", many=True), "name": "text", "time": "time", "duration": "span",
        "location": To("meeting/room"), "show_location": "flag", "modified": "time",
    },
    "meeting/schedtimesessassignment": {
        "id": "number", "timeslot": To("meeting/timeslot"), "session": To("meeting/session"),
        "schedule": To("meeting/schedule"), "extendedfrom": To("meeting/schedtimesessassignment"),
        "modified": "time", "notes": "text", "badness": "number", "pinned": "flag",
    },
    "meeting/schedulingevent": {
        "id": "number", "session": To("meeting/session"), "time": "time", "status": _NAMES["sessionstatus"],
        "by": To("person/person"),
    },
    "meeting/attended": {
        "id": "number", "origin": "text", "person": To("person/person"), "session": To("meeting/session"),
        "time": "time",
    },
    "meeting/meeting": {
        "id": "number", "number": "text", "type": _NAMES["meetingtype"], "date": "date", "days": "number",
        "city": "text", "country": "text", "time_zone": "text", "venue_name": "text",
        "schedule": To("meeting/schedule"), "updated": "time", "proceedings_final": "flag",
    },
    "meeting/schedule": {
        "id": "number", "name": "text", "meeting": To("meeting/meeting"), "owner": To("person/person"),
        "visible": "flag", "public": "flag", "badness": "number",
    },
    "group/group": {
        "id": "number", "acronym": "text", "name": "text", "state": _NAMES["groupstate"],
        "type": _NAMES["grouptype"], "parent": To("group/group"), "description": "text", "time": "time",
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


class Presences:
    """The rows of `attended`, made session by session when they are asked for."""

    def __init__(self, account: Account, attendance: Attendance) -> None:
        self._account = account
        self._attendance = attendance

    def rows(self) -> Sequence[Row]:
        return [
            _presence(told) for session in self._account.sessions for told in self._attendance.of(session)
        ]

    def find(self, key: Any) -> Row | None:
        return next((row for row in self.rows() if row["id"] == key), None)

    def select(self, name: str, keys: Iterable[Any]) -> Sequence[Row] | None:
        if name != "session":
            return None
        sessions = [self._account.by_id[key] for key in sorted(set(keys)) if key in self._account.by_id]
        return [_presence(told) for session in sessions for told in self._attendance.of(session)]


def _presence(told: Attended) -> Row:
    return {
        "id": told.id,
        "origin": "datatracker",
        "person": told.person,
        "session": told.session,
        "time": told.time,
        "broken": told.broken,
    }


def _broken(row: Row) -> int | None:
    """As a `next` page with corrupt rows in it has been seen to answer."""
    return 404 if row["broken"] else None


class Rows:
    """The rows of everything but attendance."""

    def __init__(self, account: Account, attendance: Attendance) -> None:
        self._account = account
        self._attendance = attendance

    @cached_property
    def assignments(self) -> list[dict[str, Any]]:
        """In the schedule in force, and before that in a draft, in which the session is a day later."""
        made: list[dict[str, Any]] = []
        for session in self._account.sessions:
            gathering = session.gathering
            for schedule, wanted in (
                (gathering.draft, session.drafted),
                (gathering.schedule, session.start is not None),
            ):
                if wanted:
                    made.append(self._assignment(60_000 + len(made), session, schedule))
        return made

    def _assignment(self, pk: int, session: Session, schedule: int | None) -> dict[str, Any]:
        return {
            "id": pk,
            "timeslot": pk - 48_000,
            "session": session.id,
            "schedule": schedule,
            "extendedfrom": None,
            "modified": _asked(session),
            "notes": "",
            "badness": 0,
            "pinned": False,
        }

    @property
    def timeslots(self) -> list[dict[str, Any]]:
        return [self._timeslot(row, self._account.by_id[row["session"]]) for row in self.assignments]

    def _timeslot(self, row: Row, session: Session) -> dict[str, Any]:
        drafted = row["schedule"] == session.gathering.draft
        planned = session.gathering.start + 9 * HOUR if session.start is None else session.start
        return {
            "id": row["timeslot"],
            "type": "regular",
            "meeting": session.gathering.id,
            "sessions": [session.id],
            "name": "",
            "time": planned + DAY if drafted else planned,
            "duration": session.minutes + (30 if drafted else 0),
            "location": None if session.gathering.type == "interim" else 400 + row["id"] % 9,
            "show_location": True,
            "modified": _asked(session),
        }

    @property
    def sessions(self) -> list[dict[str, Any]]:
        assigned: dict[int, list[int]] = {}
        for row in self.assignments:
            assigned.setdefault(row["session"], []).append(row["id"])
        return [self._session(session, assigned.get(session.id, [])) for session in self._account.sessions]

    def _session(self, session: Session, assigned: list[int]) -> dict[str, Any]:
        label = f"{session.gathering.number}-{session.group}"
        return {
            "id": session.id,
            "type": "regular",
            "name": session.name,
            "meeting": session.gathering.id,
            "group": _GROUP_IDS[session.group],
            "materials": [f"agenda-{label}"] if session.id % 3 else [],
            "scheduled": _asked(session) if session.start is not None else None,
            "requested_duration": session.minutes,
            "resources": [],
            "agenda_note": "",
            "assignments": assigned,
            "remote_instructions": session.instructions,
            "short": "",
            "attendees": None if session.id % 4 == 0 else 40,
            "modified": _asked(session),
            "comments": "",
            "on_agenda": True,
            "purpose": "regular",
            "has_onsite_tool": session.gathering.type == "ietf",
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
                        "time": _asked(session) + step * HOUR,
                        "status": status,
                        "by": _SECRETARIAT,
                    }
                )
        return made

    @property
    def meetings(self) -> list[dict[str, Any]]:
        return [_meeting(gathering) for gathering in self._account.gatherings]

    @property
    def schedules(self) -> list[dict[str, Any]]:
        return [
            {
                "id": pk,
                "name": name,
                "meeting": gathering.id,
                "owner": _SECRETARIAT,
                "visible": True,
                "public": name == "agenda",
                "badness": None,
            }
            for gathering in self._account.gatherings
            for name, pk in (("agenda", gathering.schedule), ("draft", gathering.draft))
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


def _asked(session: Session) -> int:
    """When a session was asked for and last changed: before it took place, or would have."""
    planned = session.gathering.start if session.start is None else session.start
    return planned - 20 * DAY + session.id % 50 * MINUTE


def _meeting(gathering: Gathering) -> dict[str, Any]:
    ietf = gathering.type == "ietf"
    return {
        "id": gathering.id,
        "number": gathering.number,
        "type": gathering.type,
        "date": day(gathering.start).isoformat(),
        "days": 7 if ietf else 1,
        "city": "Nowhere" if ietf else "",
        "country": "",
        "time_zone": "Europe/Vienna" if ietf else "UTC",
        "venue_name": "",
        "schedule": gathering.schedule,
        "updated": gathering.start - 30 * DAY,
        "proceedings_final": False,
    }


def api(account: Account, attendance: Attendance) -> Api:
    """Every resource, over the rows of this account."""
    rows = Rows(account, attendance)
    tables: dict[str, Table | Presences] = {
        "meeting/session": Table(rows.sessions),
        "meeting/timeslot": Table(rows.timeslots),
        "meeting/schedtimesessassignment": Table(rows.assignments),
        "meeting/schedulingevent": Table(rows.events),
        "meeting/meeting": Table(rows.meetings),
        "meeting/schedule": Table(rows.schedules),
        "group/group": Table(rows.groups),
        "person/person": Table(rows.people),
        "meeting/attended": Presences(account, attendance),
    }
    return Api({name: _resource(name, table) for name, table in tables.items()})


def _resource(name: str, table: Table | Presences) -> Resource:
    fields = _FIELDS[name]
    attended = isinstance(table, Presences)
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
