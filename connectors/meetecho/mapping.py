"""Meetecho's rooms and the datatracker's records as meetings and sessions: pure functions.

What took place is known by who was there, and by nothing else: planned times are never passed off as real ones, and
nobody's leaving is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from connectors.meetecho.datatracker import CANCELED_STATUSES, PlannedTime, id_from_uri
from connectors.meetecho.redaction import redact_row
from connectors.meetecho.rooms import Room
from connectors.models import Detail, Meeting, MeetingRecord, Session, session_key
from connectors.parsing import parse_instant

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMeeting:
    """One session of a group with its rooms, or a room of which the datatracker knows no session."""

    group: str
    session: Row | None = None
    meeting: Row | None = None
    time: PlannedTime | None = None
    status: str | None = None
    rooms: tuple[Room, ...] = ()
    """The one that tells leads."""
    attended: int | None = None

    @property
    def session_id(self) -> str | None:
        return None if self.session is None else id_from_uri(self.session.get("id"))

    @property
    def uuid(self) -> str:
        return self.session_id or self.rooms[0].uuid

    @property
    def start(self) -> datetime | None:
        room = self.rooms[0].start if self.rooms else None
        return room or (self.time.start if self.time is not None else None)

    @property
    def end(self) -> datetime | None:
        if self.rooms and self.rooms[0].start is not None:
            return self.rooms[0].end
        return self.time.end if self.time is not None else None

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
    def is_canceled(self) -> bool:
        return self.session is not None and self.status in CANCELED_STATUSES

    def is_upcoming(self, now: datetime) -> bool:
        """Whether its planned end, or where none is told its planned start, is still to come."""
        last = self.end or self.start
        return last is not None and last > now

    def digest_fields(self) -> dict[str, Any]:
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
    plan: PlannedMeeting, *, account: str, now: datetime, harvested_at: datetime, raw: bool = False
) -> Meeting:
    ahead = plan.is_upcoming(now)
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
        vendor_data=to_vendor_data(plan) if raw else None,
    )


def to_session(row: Row, names: Mapping[str, str], *, raw: bool = False) -> Session:
    """Out of a record of who attended: one for each person and session."""
    person = id_from_uri(row.get("person"))
    return Session(
        key=session_key(id_from_uri(row.get("id"))),
        id=person,
        user_name=names.get(person) if person is not None else None,
        join_time=parse_instant(row.get("time")),
        vendor_data={"attended": redact_row(row)} if raw else None,
    )


def without_participant_seconds(harvest: MeetingRecord) -> MeetingRecord:
    """The harvest without the seconds that people were there: nobody's leaving is told, so that is not 0 but unknown."""
    return replace(harvest, meeting=replace(harvest.meeting, participant_seconds=None))


def person_ids(rows: Sequence[Row]) -> list[str]:
    return [person for row in rows if (person := id_from_uri(row.get("person"))) is not None]


def to_vendor_data(plan: PlannedMeeting) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "session": redact_row(plan.session) if plan.session is not None else None,
        "meeting": redact_row(plan.meeting) if plan.meeting is not None else None,
        "status": plan.status,
        "rooms": [room.public_fields() for room in plan.rooms],
    }
    return {name: part for name, part in parts.items() if part}
