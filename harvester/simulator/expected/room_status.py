"""The status of a meeting room at any instant, computed from the organisation's events.

An event counts unless it is cancelled, transparent, a working location, or declined by the room. Intervals are half-open.
Of several running meetings the one that started last is the current one, then the one that ends first, then the one with
the smaller id. One that the room has not answered yet is tentative.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from harvester.simulator.google_meet.rooms.room import Room, RoomEvent, local_time

PRIVATE = "Private meeting"

_Interval = tuple[int, int]


def expected_status(room: Room, events: Iterable[RoomEvent], instant: int) -> dict[str, Any]:
    """Return what a program should show for a room that it could read at `instant`, in milliseconds.

    `current`, `running` and `next` have instants in UTC. `busy_until` is the end of the unbroken chain of meetings, and
    `free_until` the start of the next meeting of a free room.
    """
    counted = [(event.interval(room.zone), event) for event in events if _counts(event)]
    counted = [pair for pair in counted if pair[0][0] < pair[0][1]]
    running = sorted((pair for pair in counted if pair[0][0] <= instant < pair[0][1]), key=_rank)
    later = sorted((pair for pair in counted if pair[0][0] > instant), key=_order_of_start)
    busy = bool(running)
    return {
        "room": room.name,
        "calendar": room.email,
        "busy": busy,
        "current": _meeting(*running[0]) if busy else None,
        "running": [_meeting(*pair) for pair in sorted(running, key=_order_of_start)],
        "next": _meeting(*later[0]) if later else None,
        "busy_until": _stamp(_end_of_chain([pair[0] for pair in counted], instant)) if busy else None,
        "free_until": _stamp(later[0][0][0]) if later and not busy else None,
        "text": _title(running[0][1]) if busy else _free_text(room, instant, [pair[0] for pair in later]),
    }


def _counts(event: RoomEvent) -> bool:
    return not (
        event.status == "cancelled"
        or event.transparent
        or event.kind == "workingLocation"
        or event.answer == "declined"
    )


def _rank(pair: tuple[_Interval, RoomEvent]) -> tuple[int, int, str]:
    (start, end), event = pair
    return -start, end, event.id


def _order_of_start(pair: tuple[_Interval, RoomEvent]) -> tuple[int, int, str]:
    (start, end), event = pair
    return start, end, event.id


def _end_of_chain(intervals: Sequence[_Interval], instant: int) -> int:
    until = instant
    for start, end in sorted(intervals):
        if start > until:
            break
        until = max(until, end)
    return until


def _meeting(interval: _Interval, event: RoomEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "title": _title(event),
        "organizer": None if event.private else event.organizer_name or event.organizer,
        "start": _stamp(interval[0]),
        "end": _stamp(interval[1]),
        "tentative": event.status == "tentative" or event.answer in {"tentative", "needsAction"},
    }


def _title(event: RoomEvent) -> str:
    return PRIVATE if event.private or not event.summary else event.summary


def _free_text(room: Room, instant: int, later: Sequence[_Interval]) -> str:
    """Return how long the room is free: until a clock time today, by the room's day, or all day."""
    if later:
        start = local_time(later[0][0], room.zone)
        if start.date() == local_time(instant, room.zone).date():
            return f"Free until {start:%H:%M}"
    return "Free all day"


def edges(room: Room, events: Iterable[RoomEvent]) -> list[int]:
    """Return every instant at which the status can change, in order."""
    counted = [event.interval(room.zone) for event in events if _counts(event)]
    return sorted({moment for interval in counted for moment in interval})


def _stamp(instant: int) -> str:
    return datetime.fromtimestamp(instant / 1000, UTC).isoformat().replace("+00:00", "Z")
