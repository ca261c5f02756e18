"""The state of a room as JSON and as the text of a display."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from connectors.google_meet.room_events import RoomEvent
from connectors.parsing import format_seconds
from harvester.rooms.status import RoomMeeting, RoomStatus

Titles = Literal["show", "hide"]

PRIVATE = "Private meeting"
HIDDEN = "Busy"
UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomReading:
    """The state of one room, and when its calendar was read."""

    room: str
    calendar: str
    status: RoomStatus
    as_of: datetime | None
    """When the events were read; None if they never were."""
    titles: Titles = "show"

    @property
    def stale_seconds(self) -> int | None:
        return None if self.as_of is None else max(0, int((self.status.at - self.as_of).total_seconds()))


def to_json(reading: RoomReading) -> dict[str, Any]:
    """The object that commands, the service and the index share. Times are UTC; unknown values are null."""
    status, titles = reading.status, reading.titles
    return {
        "room": reading.room,
        "calendar": reading.calendar,
        "busy": status.busy,
        "current": meeting_json(status.current, titles),
        "running": [meeting_json(meeting, titles) for meeting in status.running],
        "next": meeting_json(status.next, titles),
        "busy_until": _time(status.busy_until),
        "free_until": _time(status.free_until),
        "text": display_text(status, titles),
        "as_of": _time(reading.as_of),
        "stale_seconds": reading.stale_seconds,
    }


def meeting_json(meeting: RoomMeeting | None, titles: Titles) -> dict[str, Any] | None:
    if meeting is None:
        return None
    return {
        "title": display_title(meeting.event, titles),
        "organizer": None if is_hidden(meeting.event, titles) else meeting.event.organizer,
        "start": _time(meeting.start),
        "end": _time(meeting.end),
        "tentative": meeting.event.tentative,
    }


def is_hidden(event: RoomEvent, titles: Titles) -> bool:
    """Whether the title and the organizer of the event are not to be shown."""
    return titles == "hide" or event.private


def display_title(event: RoomEvent, titles: Titles) -> str:
    """The title, if it may be shown. A calendar that shares only its free and busy times has events without titles."""
    if event.private:
        return PRIVATE
    if titles == "hide":
        return HIDDEN
    return event.title or PRIVATE


def display_text(status: RoomStatus, titles: Titles) -> str:
    """What a display shows: the title of the current meeting, or until when the room is free, in the room's zone."""
    if status.busy is None:
        return UNKNOWN
    if status.current is not None:
        return display_title(status.current.event, titles)
    if status.free_all_day or status.free_until is None:
        return "Free all day"
    return f"Free until {clock_time(status.free_until, status.zone)}"


def clock_time(when: datetime, zone: ZoneInfo) -> str:
    """`17:00`."""
    return when.astimezone(zone).strftime("%H:%M")


def _time(when: datetime | None) -> str | None:
    return None if when is None else format_seconds(when)
