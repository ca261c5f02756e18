"""A meeting room and the events in its calendar. Instants are milliseconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

Answer = Literal["accepted", "declined", "needsAction", "tentative"]
Status = Literal["confirmed", "tentative", "cancelled"]
Visibility = Literal["default", "public", "private", "confidential"]
Kind = Literal["default", "workingLocation", "outOfOffice", "focusTime", "birthday", "fromGmail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A room; its e-mail address is the id of its calendar."""

    index: int
    name: str
    email: str
    zone: str
    capacity: int
    building: str
    floor: str
    features: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomEvent:
    """An event in a room's calendar, or one instance of the recurring event `series`."""

    id: str
    start: int | date
    """A date if the event is all-day."""
    end: int | date
    """Exclusive; a date if the event is all-day."""
    zone: str
    """The zone in which the API writes the times."""
    organizer: str
    """The e-mail address."""
    organizer_name: str = ""
    summary: str | None = None
    series: str | None = None
    status: Status = "confirmed"
    answer: Answer = "accepted"
    """The room's own response to the invitation."""
    transparent: bool = False
    visibility: Visibility = "default"
    kind: Kind = "default"
    guests: Sequence[str] = ()
    code: str = ""
    """The Meet code, empty without a video conference."""
    properties: Mapping[str, str] = field(default_factory=dict)
    """The private extended properties."""
    invited: bool = True
    """Whether the room is an attendee; it is not if the event was inserted into its own calendar."""
    created: int = 0
    updated: int = 0

    @property
    def all_day(self) -> bool:
        return not isinstance(self.start, int)

    @property
    def private(self) -> bool:
        return self.visibility in {"private", "confidential"}

    def interval(self, zone: str) -> tuple[int, int]:
        """Return start and end; an all-day event lasts from midnight to midnight in the calendar's zone."""
        return _instant(self.start, zone), _instant(self.end, zone)


def _instant(value: int | date, zone: str) -> int:
    if isinstance(value, int):
        return value
    return local_instant(value, 0, 0, zone)


def local_instant(day: date, hour: int, minute: int, zone: str) -> int:
    """Return the instant of a clock time; of one that a change of the clock skips, the instant an hour later."""
    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone))
    return int(local.astimezone(UTC).timestamp() * 1000)


def local_time(instant: int, zone: str) -> datetime:
    return datetime.fromtimestamp(instant / 1000, ZoneInfo(zone))
