"""Meetecho's rooms and the datatracker's records as meetings and sessions: pure functions.

What took place is known by who was there, and by nothing else: planned times are never passed off as real ones, and
nobody's leaving is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from connectors.meetecho.datatracker import CALLED_OFF, Slot, last_of
from connectors.meetecho.rooms import Room
from connectors.models import Detail, Meeting, MeetingRecord, Session, session_key
from connectors.parsing import parse_instant

Row = Mapping[str, Any]

_HIDDEN = ("token", "secret", "password", "passcode", "apikey", "email")
_FREE_TEXTS = frozenset({"remote_instructions", "comments", "agenda_note"})
"""What people wrote for those who come: links and codes of other services among it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One session of a group with its rooms, or a room of which the datatracker knows no session."""

    group: str
    session: Row | None = None
    meeting: Row | None = None
    slot: Slot | None = None
    status: str | None = None
    rooms: tuple[Room, ...] = ()
    """The one that tells leads."""
    attended: int | None = None

    @property
    def number(self) -> str | None:
        return None if self.session is None else last_of(self.session.get("id"))

    @property
    def uuid(self) -> str:
        return self.number or self.rooms[0].uuid

    @property
    def start(self) -> datetime | None:
        room = self.rooms[0].start if self.rooms else None
        return room or (self.slot.start if self.slot is not None else None)

    @property
    def end(self) -> datetime | None:
        if self.rooms and self.rooms[0].start is not None:
            return self.rooms[0].end
        return self.slot.end if self.slot is not None else None

    @property
    def topic(self) -> str | None:
        told = (
            self.rooms[0].description if self.rooms else None,
            (self.session or {}).get("name"),
            (self.meeting or {}).get("number"),
        )
        return next((str(text) for text in told if text), None)

    @property
    def series(self) -> str:
        """The group's acronym; of a room alone, as the room has it."""
        return self.group if self.session is not None or not self.rooms else self.rooms[0].group or self.group

    @property
    def is_called_off(self) -> bool:
        return self.session is not None and self.status in CALLED_OFF

    def is_ahead(self, now: datetime) -> bool:
        """Whether its planned end, or where none is told its planned start, is still to come."""
        last = self.end or self.start
        return last is not None and last > now

    def told(self) -> dict[str, Any]:
        """What makes it another one when it changes."""
        return {
            "uuid": self.uuid,
            "group": self.series,
            "topic": self.topic,
            "start": self.start,
            "end": self.end,
            "status": self.status,
            "rooms": sorted(room.uuid for room in self.rooms),
            "attended": self.attended,
        }


def to_meeting(
    plan: Plan, *, account: str, now: datetime, harvested_at: datetime, raw: bool = False
) -> Meeting:
    ahead = plan.is_ahead(now)
    past = Detail.full if plan.session is not None else Detail.basic
    return Meeting(
        vendor="meetecho",
        account=account,
        uuid=plan.uuid,
        detail=Detail.scheduled if ahead else past,
        harvested_at=harvested_at,
        meeting_series_id=plan.series,
        topic=plan.topic,
        scheduled_start_time=plan.start,
        scheduled_end_time=plan.end,
        state="scheduled" if ahead else None,
        vendor_data=raw_of(plan) if raw else None,
    )


def to_session(row: Row, names: Mapping[str, str], *, raw: bool = False) -> Session:
    """Out of a record of who attended: one for each person and session."""
    person = last_of(row.get("person"))
    return Session(
        key=session_key(last_of(row.get("id"))),
        id=person,
        user_name=names.get(person) if person is not None else None,
        join_time=parse_instant(row.get("time")),
        vendor_data={"attended": redact_row(row)} if raw else None,
    )


def with_attendance(harvest: MeetingRecord) -> MeetingRecord:
    """The harvest without the seconds that people were there: nobody's leaving is told, so that is not 0 but unknown."""
    return replace(harvest, meeting=replace(harvest.meeting, participant_seconds=None))


def people_in(rows: Sequence[Row]) -> list[str]:
    return [person for row in rows if (person := last_of(row.get("person"))) is not None]


def raw_of(plan: Plan) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "session": redact_row(plan.session) if plan.session is not None else None,
        "meeting": redact_row(plan.meeting) if plan.meeting is not None else None,
        "status": plan.status,
        "rooms": [room.told() for room in plan.rooms],
    }
    return {name: part for name, part in parts.items() if part}


def redact_row(row: Row) -> dict[str, Any]:
    """A record of the datatracker without what opens something, by its name, at any depth."""
    return {key: _cleaned(value) for key, value in row.items() if not _hides(key)}


def _cleaned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return redact_row(value)
    return [_cleaned(item) for item in value] if isinstance(value, list) else value


def _hides(key: str) -> bool:
    return key in _FREE_TEXTS or any(part in key.lower() for part in _HIDDEN)
