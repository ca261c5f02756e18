"""Map Meetecho's rooms and the datatracker's records to meetings and sessions. Pure functions.

Only the attendance shows that a meeting took place. Planned times are never presented as actual ones, and leave times are
unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from connectors.meetecho.datatracker_api import CANCELED_STATUSES, PlannedTime, id_from_uri
from connectors.meetecho.redaction_rules import redact_row
from connectors.meetecho.room_rows import Room
from connectors.models import Detail, Meeting, MeetingRecord, Session, session_key
from connectors.parsing import parse_instant

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMeeting:
    """A session of a group with its rooms, or a room without a session in the datatracker."""

    group: str
    session: Row | None = None
    meeting: Row | None = None
    time: PlannedTime | None = None
    status: str | None = None
    rooms: tuple[Room, ...] = ()
    """The room to rely on comes first."""
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
        candidates = (
            self.rooms[0].description if self.rooms else None,
            (self.session or {}).get("name"),
            (self.meeting or {}).get("number"),
        )
        return next((str(text) for text in candidates if text), None)

    @property
    def series(self) -> str:
        """The acronym of the group; of a room without a session, the room's own."""
        return self.group if self.session is not None or not self.rooms else self.rooms[0].group or self.group

    @property
    def is_canceled(self) -> bool:
        return self.session is not None and self.status in CANCELED_STATUSES

    def is_upcoming(self, now: datetime) -> bool:
        """Whether its planned end, or else its planned start, is in the future."""
        last = self.end or self.start
        return last is not None and last > now

    def digest_fields(self) -> dict[str, Any]:
        """The fields whose change makes a later run fetch the meeting again."""
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
    planned: PlannedMeeting, *, account: str, now: datetime, harvested_at: datetime, raw: bool = False
) -> Meeting:
    upcoming = planned.is_upcoming(now)
    past = Detail.full if planned.session is not None else Detail.basic
    return Meeting(
        vendor="meetecho",
        account=account,
        uuid=planned.uuid,
        detail=Detail.scheduled if upcoming else past,
        harvested_at=harvested_at,
        meeting_series_id=planned.series,
        topic=planned.topic,
        scheduled_start_time=planned.start,
        scheduled_end_time=planned.end,
        state="scheduled" if upcoming else None,
        vendor_data=to_vendor_data(planned) if raw else None,
    )


JOIN_ORIGINS = ("datatracker", None)
"""The origins of records whose `time` is a join: `datatracker`, which Meetecho's reports get. A record that people make
about themselves afterwards (`self declared`) has the time at which they made it
(https://github.com/ietf-tools/datatracker/pull/7003)."""


def to_session(row: Row, names: Mapping[str, str], *, raw: bool = False) -> Session:
    """An attendance record. There is one for each person and session."""
    person = id_from_uri(row.get("person"))
    return Session(
        key=session_key(id_from_uri(row.get("id"))),
        id=person,
        user_name=names.get(person) if person is not None else None,
        join_time=parse_instant(row.get("time")) if row.get("origin") in JOIN_ORIGINS else None,
        vendor_data={"attended": redact_row(row)} if raw else None,
    )


def without_participant_seconds(record: MeetingRecord) -> MeetingRecord:
    """The record without participant seconds: leave times are unknown, so the total is unknown, not 0."""
    return replace(record, meeting=replace(record.meeting, participant_seconds=None))


def person_ids(rows: Sequence[Row]) -> list[str]:
    return [person for row in rows if (person := id_from_uri(row.get("person"))) is not None]


def to_vendor_data(planned: PlannedMeeting) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "session": redact_row(planned.session) if planned.session is not None else None,
        "meeting": redact_row(planned.meeting) if planned.meeting is not None else None,
        "status": planned.status,
        "rooms": [room.public_fields() for room in planned.rooms],
    }
    return {name: part for name, part in parts.items() if part}
