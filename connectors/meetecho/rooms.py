"""List Meetecho's rooms, group by group. Only the fields of `Room` are kept.

A room's entry contains a `deletion_token`, and anyone who has it can delete the room.

`GET meeting/interim/fetchRooms`, as the datatracker's own client sends and reads it (`ietf/utils/meetecho.py`, 2024): times
in UTC without a zone, durations in minutes. The place of the extra key `group` is not documented, nor a response without
rooms; every plausible form is accepted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import Context, Settings
from connectors.errors import BrokenResponse
from connectors.http import Api
from connectors.meetecho.auth import GroupTokens
from connectors.meetecho.endpoints import MEETECHO_CALLS_PER_SECOND, ROOMS, VENDOR
from connectors.meetecho.errors import MeetechoRefused, meetecho_classifier
from connectors.rate_limit import RateLimiter

CALL = f"GET {ROOMS}"

_MAX_MINUTES = 366 * 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A room, with its planned time."""

    uuid: str
    number: str | None = None
    """The id of the datatracker's session; of rooms created before 2024-03, an id of Meetecho's own."""
    start: datetime | None = None
    end: datetime | None = None
    description: str | None = None
    group: str | None = None
    url: str | None = field(default=None, repr=False)
    """For finding the session; never in a document."""

    def public_fields(self) -> dict[str, Any]:
        """The fields that a document may contain."""
        plan = {"start_time": self.start, "end_time": self.end}
        shown = {"uuid": self.uuid, "id": self.number, "description": self.description, "group": self.group}
        times = {name: when.isoformat() for name, when in plan.items() if when is not None}
        return {name: value for name, value in {**shown, **times}.items() if value is not None}


class _GroupAuth:
    """The header as the datatracker's client sends it: `bearer` in lower case."""

    def __init__(self, token: str) -> None:
        self._token = token

    def header(self) -> str:
        return f"bearer {self._token}"

    def renew(self, refused: str) -> None:
        """Never called: `RoomsClient` handles refusals itself."""


class RoomsClient:
    """Thread-safe."""

    def __init__(self, settings: Settings, base_url: str, context: Context, groups: Sequence[str]) -> None:
        self._api = Api(VENDOR, base_url, context, classify=meetecho_classifier(context))
        self._limiter = RateLimiter(context, calls=MEETECHO_CALLS_PER_SECOND, share=settings.rate_share)
        self.tokens = GroupTokens(
            self._api,
            self._limiter,
            context,
            client=settings["MEETECHO_CLIENT_ID"],
            secret=settings["MEETECHO_CLIENT_SECRET"],
            groups=groups,
        )

    def list_rooms(self, group: str) -> list[Room]:
        """Every room of the group. Raises MeetechoRefused if Meetecho does not permit it."""
        token = self.tokens.get(group)
        try:
            return self._request(token, group)
        except MeetechoRefused as error:
            if error.status not in {401, 403} or not self.tokens.renew(group, token):
                raise
        return self._request(self.tokens.get(group), group)

    def _request(self, token: str, group: str) -> list[Room]:
        response = self._api.send("GET", CALL, ROOMS, auth=_GroupAuth(token), limiter=self._limiter)
        return to_rooms(response.body, group)


def to_rooms(body: Any, group: str) -> list[Room]:
    """The rooms in a response. Raises BrokenResponse if it has another form."""
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
