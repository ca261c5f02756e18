"""Meetecho's rooms: the response of `GET meeting/interim/fetchRooms` as `Room` objects.

Read as the datatracker's own client reads it (`ietf/utils/meetecho.py`, 2024): times in UTC without a zone, durations in
minutes. The place of the extra key `group` and the form of a response without rooms are not documented, so every form is
accepted. Only the fields of `Room` are kept: a room also has a `deletion_token`, with which anyone can delete it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.errors import BrokenResponse
from connectors.meetecho.endpoints import ROOMS, VENDOR

CALL = f"GET {ROOMS}"

_MAX_MINUTES = 366 * 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A scheduled room of a group."""

    uuid: str
    number: str | None = None
    """The id of the datatracker's session; for rooms created before 2024-03, Meetecho's own number."""
    start: datetime | None = None
    end: datetime | None = None
    description: str | None = None
    group: str | None = None
    url: str | None = field(default=None, repr=False)
    """Used to find the session; it is stored in no document."""

    def public_fields(self) -> dict[str, Any]:
        """The fields that may be stored."""
        plan = {"start_time": self.start, "end_time": self.end}
        shown = {"uuid": self.uuid, "id": self.number, "description": self.description, "group": self.group}
        times = {name: when.isoformat() for name, when in plan.items() if when is not None}
        return {name: value for name, value in {**shown, **times}.items() if value is not None}


def to_rooms(body: Any, group: str) -> list[Room]:
    """The rooms of a response. Raises BrokenResponse if it has another form."""
    if body == []:
        return []
    if not isinstance(body, dict):
        raise _broken_error()
    rooms = body.get("rooms", {} if body.keys() <= {"group"} else None)
    if rooms == []:
        return []
    if not isinstance(rooms, dict):
        raise _broken_error()
    groups = _text(body.get("group")) or group
    return [to_room(uuid, entry, groups) for uuid, entry in rooms.items() if uuid]


def to_room(uuid: str, entry: Any, group: str) -> Room:
    room = entry.get("room") if isinstance(entry, dict) else None
    if not isinstance(room, Mapping):
        raise _broken_error()
    start = _parse_time(room.get("start_time"))
    length = _parse_duration(room.get("duration"))
    return Room(
        uuid=uuid,
        number=_parse_id(room.get("id")),
        start=start,
        end=start + length if start is not None and length is not None else None,
        description=_text(room.get("description")),
        group=_text(room.get("group")) or _text(entry.get("group")) or group,
        url=_text(entry.get("url")),
    )


def _parse_duration(minutes: Any) -> timedelta | None:
    if isinstance(minutes, bool) or not isinstance(minutes, int) or not 0 < minutes < _MAX_MINUTES:
        return None
    return timedelta(minutes=minutes)


def _parse_time(value: Any) -> datetime | None:
    try:
        return datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _parse_id(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value.isdecimal() else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _broken_error() -> BrokenResponse:
    return BrokenResponse(f"{VENDOR}: {CALL}: a response without `rooms` in the documented form")
