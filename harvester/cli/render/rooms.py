"""What `harvester rooms` prints: tables, JSON and a configuration."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson

from connectors.google_meet.room_calendar_api import RoomResource
from harvester.cli.render.table import table_lines
from harvester.formatting import plural
from harvester.printable import printable_json
from harvester.rooms.booking import Booking, to_booking_json
from harvester.rooms.rooms_file import Room
from harvester.rooms.status import RoomMeeting
from harvester.rooms.status_json import RoomReading, clock_time, display_text, display_title, to_json


def rooms_json(readings: Iterable[RoomReading]) -> str:
    return printable_json(orjson.dumps([to_json(reading) for reading in readings]).decode())


def status_table(readings: Sequence[RoomReading]) -> list[str]:
    """With a column for the zone if the rooms are in several."""
    zones = _are_in_several_zones(readings)
    rows = [
        (
            reading.room,
            *((reading.status.zone.key,) if zones else ()),
            _state(reading),
            display_text(reading.status, reading.titles),
            _next(reading),
        )
        for reading in readings
    ]
    return table_lines(("room", *(("zone",) if zones else ()), "state", "now", "next"), rows)


def _are_in_several_zones(readings: Iterable[RoomReading]) -> bool:
    return len({reading.status.zone.key for reading in readings}) > 1


def free_json(rooms: Iterable[tuple[Room, RoomReading]]) -> str:
    found = [{**to_json(reading), "capacity": room.capacity} for room, reading in rooms]
    return printable_json(orjson.dumps(found).decode())


def free_table(rooms: Sequence[tuple[Room, RoomReading]], *, seats: int | None = None) -> list[str]:
    """With a column for the zone if the rooms are in several. `seats`: how many each room must have."""
    if not rooms:
        return [
            "no room is free" if seats is None else f"no free room is known to have {plural(seats, 'seat')}"
        ]
    zones = _are_in_several_zones(reading for _, reading in rooms)
    rows = [
        (
            room.name,
            *((reading.status.zone.key,) if zones else ()),
            "" if room.capacity is None else str(room.capacity),
            display_text(reading.status, "hide"),
        )
        for room, reading in rooms
    ]
    return table_lines(("room", *(("zone",) if zones else ()), "seats", "free"), rows)


def booking_json(booking: Booking) -> str:
    return printable_json(orjson.dumps(to_booking_json(booking)).decode())


def booking_line(booking: Booking, zone: ZoneInfo, config: Path | None = None) -> str:
    """`config`: the file with the rooms, if it is not the one that is read by default."""
    times = f"{clock_time(booking.start, zone)} to {clock_time(booking.end, zone)} ({zone.key})"
    words = ["harvester", "rooms", "cancel", booking.room, booking.event.id]
    cancel = shlex.join(words if config is None else [*words, "--config", str(config)])
    return f"{booking.room} is booked from {times}; to cancel: {cancel}"


def as_toml(resources: Iterable[RoomResource]) -> str:
    """A file that `--config` reads. Rooms of the same name get the end of their calendar's address."""
    lines = ["[rooms]", '# titles = "show"          # or "hide"', ""]
    taken: set[str] = set()
    for resource in sorted(resources, key=lambda each: (each.building or "", each.name, each.calendar)):
        name = resource.name if resource.name not in taken else f"{resource.name} ({resource.calendar})"
        taken.add(name)
        place = ", ".join(part for part in (resource.building, resource.floor) if part)
        lines += ["[[rooms.room]]" + (f"  # {_comment(place)}" if place else "")]
        lines += [f"name = {_quoted(name)}", f"calendar = {_quoted(resource.calendar)}"]
        if resource.capacity:
            lines.append(f"capacity = {resource.capacity}")
        lines.append("")
    return "\n".join(lines)


def _state(reading: RoomReading) -> str:
    status = reading.status
    if status.busy is None:
        return "unknown"
    if not status.busy:
        return "free"
    until = "" if status.busy_until is None else f" until {_time(status.busy_until, status.at, status.zone)}"
    tentative = ", tentative" if status.current is not None and status.current.event.tentative else ""
    return f"busy{until}{tentative}"


def _next(reading: RoomReading) -> str:
    meeting: RoomMeeting | None = reading.status.next
    if meeting is None:
        return ""
    when = _time(meeting.start, reading.status.at, reading.status.zone)
    return f"{when} {display_title(meeting.event, reading.titles)}"


def _time(when: datetime, now: datetime, zone: ZoneInfo) -> str:
    """`17:00` today, `Tue 17:00` or `2026-12-01 17:00` on other days."""
    local, today = when.astimezone(zone), now.astimezone(zone).date()
    if local.date() == today:
        return clock_time(when, zone)
    if 0 < (local.date() - today).days < 7:
        return f"{local:%a %H:%M}"
    return f"{local:%Y-%m-%d %H:%M}"


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's, but DEL has to be escaped as well."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
