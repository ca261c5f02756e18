"""Whether a room is busy or free at an instant, computed from the events of its calendar.

Intervals are half-open: a meeting that ends at 11:00 does not run at 11:00, and one that starts then does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from connectors.google_meet.room_events import RoomEvent, start_of_day


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomMeeting:
    """An event that occupies the room, with its times as instants in UTC."""

    event: RoomEvent
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomStatus:
    """The state of a room at `at`. `busy` is None if its calendar could not be read; then nothing else is known."""

    at: datetime
    zone: ZoneInfo
    busy: bool | None
    running: tuple[RoomMeeting, ...] = ()
    """Every meeting that runs now, in the order of start, end and id."""
    upcoming: tuple[RoomMeeting, ...] = ()
    """Every later meeting, in the same order."""
    busy_until: datetime | None = None
    """If busy: the end of the last meeting of the unbroken chain, in which each starts before or when another ends."""
    free_until: datetime | None = None
    """If free: the start of the next meeting. None if none is known."""

    @property
    def current(self) -> RoomMeeting | None:
        """The meeting to show: of those that run, the one that started last, such as the talk during a whole-day event.
        If several started then, the one that ends first; if they end together, the one with the smallest id."""
        latest = self.running[-1].start if self.running else None
        return next((meeting for meeting in self.running if meeting.start == latest), None)

    @property
    def next(self) -> RoomMeeting | None:
        return self.upcoming[0] if self.upcoming else None

    @property
    def free_all_day(self) -> bool:
        """Whether the room is free, and no meeting starts before the day ends in its zone."""
        return self.busy is False and (
            self.free_until is None or self.free_until >= _end_of_day(self.at, self.zone)
        )


def status(events: Iterable[RoomEvent], now: datetime, zone: ZoneInfo) -> RoomStatus:
    """The state at `now` (aware). `zone`: the room's, in which whole-day events begin and end.

    Events that do not occupy the room do not count, nor do those of no or negative duration.
    """
    meetings = occupying_meetings(events, zone)
    running = tuple(meeting for meeting in meetings if meeting.start <= now < meeting.end)
    upcoming = tuple(meeting for meeting in meetings if meeting.start > now)
    return RoomStatus(
        at=now,
        zone=zone,
        busy=bool(running),
        running=running,
        upcoming=upcoming,
        busy_until=_end_of_chain(running, upcoming) if running else None,
        free_until=upcoming[0].start if upcoming and not running else None,
    )


def unknown_status(now: datetime, zone: ZoneInfo) -> RoomStatus:
    """The state of a room whose calendar could not be read."""
    return RoomStatus(at=now, zone=zone, busy=None)


def occupying_meetings(events: Iterable[RoomEvent], zone: ZoneInfo) -> list[RoomMeeting]:
    """The events that occupy the room, in the order of start, end and id."""
    meetings = []
    for event in events:
        if event.occupies:
            start, end = event.interval(zone)
            if start < end:
                meetings.append(RoomMeeting(event=event, start=start, end=end))
    return sorted(meetings, key=lambda meeting: (meeting.start, meeting.end, meeting.event.id))


def next_change(current: RoomStatus) -> datetime | None:
    """The next instant at which a meeting starts or ends, or the day does; None for an unknown state.

    Until then the state stays the same if no event changes.
    """
    if current.busy is None:
        return None
    edges = [meeting.end for meeting in current.running]
    edges += [meeting.start for meeting in current.upcoming[:1]]
    return min([*edges, _end_of_day(current.at, current.zone)])


def _end_of_chain(running: tuple[RoomMeeting, ...], upcoming: tuple[RoomMeeting, ...]) -> datetime:
    end = max(meeting.end for meeting in running)
    for meeting in upcoming:
        if meeting.start > end:
            break
        end = max(end, meeting.end)
    return end


def _end_of_day(now: datetime, zone: ZoneInfo) -> datetime:
    """The first instant of the next day in the zone."""
    today = now.astimezone(zone).date()
    return start_of_day(today.fromordinal(today.toordinal() + 1), zone).astimezone(UTC)
