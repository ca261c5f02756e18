"""What the pages show of each room: pure functions of its state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote

from harvester.rooms.booking import SHORTEST_FIT
from harvester.rooms.status import RoomMeeting
from harvester.rooms.status_json import RoomReading, clock_time, display_title, is_hidden

SOON = timedelta(minutes=15)
OLD_AFTER = timedelta(minutes=3)
"""Older data is greyed out."""

DURATIONS = (15, 30, 60)
"""The minutes of the buttons."""

State = Literal["free", "soon", "waiting", "busy", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingView:
    """A meeting as text."""

    title: str
    organizer: str
    times: str
    tentative: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomView:
    """A room as the board and the door panel show it."""

    name: str
    path: str
    """Of the door panel, quoted for a URL."""
    state: State
    """`soon`: busy, and free within 15 minutes; `waiting`: busy, and no participant has joined the meeting yet."""
    headline: str
    """Free, Busy or Unknown."""
    detail: str
    """Until when, in the room's zone."""
    minutes_left: int | None
    """Until the state changes."""
    current: MeetingView | None
    next: MeetingView | None
    durations: tuple[int, ...]
    """The minutes for which the room can be booked now."""
    as_of: str
    """When the calendar was read, in UTC, for the script; empty if it never was."""
    age: str
    is_old: bool
    local_time: str
    zone: str
    """Its name."""


def room_view(reading: RoomReading, *, no_one_joined: bool = False) -> RoomView:
    status, now = reading.status, reading.status.at
    until = status.busy_until if status.busy else status.free_until
    age = None if reading.as_of is None else now - reading.as_of
    return RoomView(
        name=reading.room,
        path=quote(reading.room, safe=""),
        state=_state(reading, no_one_joined=no_one_joined),
        headline={True: "Busy", False: "Free", None: "Unknown"}[status.busy],
        detail=_detail(reading, until),
        minutes_left=None if until is None else max(0, -int(-(until - now).total_seconds() // 60)),
        current=_meeting(status.current, reading),
        next=_meeting(status.next, reading),
        durations=_durations(reading),
        as_of="" if reading.as_of is None else reading.as_of.isoformat(),
        age=_age(age),
        is_old=age is None or age > OLD_AFTER,
        local_time=clock_time(now, status.zone),
        zone=status.zone.key,
    )


def _state(reading: RoomReading, *, no_one_joined: bool) -> State:
    status = reading.status
    if status.busy is None:
        return "unknown"
    if not status.busy:
        return "free"
    if status.busy_until is not None and status.busy_until - status.at <= SOON:
        return "soon"
    return "waiting" if no_one_joined else "busy"


def _detail(reading: RoomReading, until: datetime | None) -> str:
    status = reading.status
    if status.busy is None:
        return "the calendar cannot be read"
    if until is None or status.free_all_day:
        return "all day"
    local, today = until.astimezone(status.zone), status.at.astimezone(status.zone).date()
    day = "" if local.date() == today else f"{local:%a %d %b} "
    return f"until {day}{clock_time(until, status.zone)}"


def _durations(reading: RoomReading) -> tuple[int, ...]:
    status = reading.status
    if status.busy is not False:
        return ()
    free = None if status.free_until is None else status.free_until - status.at
    if free is not None and free < SHORTEST_FIT:
        return ()
    return DURATIONS


def _meeting(meeting: RoomMeeting | None, reading: RoomReading) -> MeetingView | None:
    if meeting is None:
        return None
    zone = reading.status.zone
    start, end = meeting.start.astimezone(zone), meeting.end.astimezone(zone)
    today = reading.status.at.astimezone(zone).date()
    first = "" if start.date() == today else f"{start:%a %d %b} "
    last = "" if end.date() == start.date() else f"{end:%a %d %b} "
    hidden = is_hidden(meeting.event, reading.titles)
    return MeetingView(
        title=display_title(meeting.event, reading.titles),
        organizer="" if hidden else meeting.event.organizer or "",
        times=f"{first}{start:%H:%M} – {last}{end:%H:%M}",
        tentative=meeting.event.tentative,
    )


def _age(age: timedelta | None) -> str:
    if age is None:
        return "never read"
    minutes = int(age.total_seconds() // 60)
    return "read just now" if minutes < 1 else f"read {minutes} min ago"
