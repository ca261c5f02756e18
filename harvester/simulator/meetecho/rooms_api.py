"""Meetecho's API v1: tokens, rooms, and the writing calls, which a harvest must not use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.meetecho.account import Account, Room
from harvester.simulator.meetecho.error_responses import ErrorResponse
from harvester.simulator.meetecho.formats import meetecho_stamp, parse_instant
from harvester.simulator.meetecho.options import MeetechoOptions
from harvester.simulator.meetecho.request import Request, RequestChecker
from harvester.simulator.meetecho.schedule import CONFIGURED, ELSEWHERE
from harvester.simulator.meetecho.tokens import Tokens
from harvester.simulator.organisation import seeded_random

Answer = tuple[int, Any]

_ROOM_KEYS = ("room_id", "description", "start_time", "duration", "extrainfo")
_SLIDES_KEYS = ("session", "title", "id", "url", "rev", "order")
_EMPTY_LISTS: tuple[Any, ...] = ({"rooms": {}}, {"rooms": []}, {}, [])
"""The forms that an empty list of rooms may take."""


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """`keys` are those of the body, None without a body. `token`: whether a token is required."""

    handler: str
    keys: tuple[str, ...] | None
    token: bool = True
    writes: bool = False


_ENDPOINTS = {
    "POST auth/ietfservice/tokens": _Endpoint("tokens", ("client", "secret", "wgs"), token=False),
    "GET meeting/interim/fetchRooms": _Endpoint("fetch", None),
    "POST meeting/interim/createRoom": _Endpoint("create", _ROOM_KEYS, writes=True),
    "POST meeting/interim/deleteRoom": _Endpoint("delete", None, writes=True),
    "POST materials": _Endpoint("materials", _SLIDES_KEYS, writes=True),
    "PUT materials": _Endpoint("materials", ("session", "decks"), writes=True),
    "DELETE materials": _Endpoint("materials", ("session", "id"), writes=True),
}


class RoomsApi:
    def __init__(self, account: Account, clock: SimulatedClock, options: MeetechoOptions) -> None:
        self.checker = RequestChecker()
        self.calls: Counter[str] = Counter()
        self.writes = 0
        self._seed = account.organisation.seed
        self.tokens = Tokens(clock, options, self._seed, (*CONFIGURED, ELSEWHERE))
        self._rooms: dict[str, list[Room]] = {}
        for room in account.rooms:
            self._rooms.setdefault(room.group, []).append(room)
        self._listings = 0
        self._empty = 0

    def answer(self, request: Request) -> Answer:
        """Return status and body.

        Raises ErrorResponse for any request that the datatracker's client would not have sent.
        """
        name = f"{request.method} {request.path}"
        call = _ENDPOINTS.get(name)
        if call is None:
            self.calls[f"{request.method} (unknown)"] += 1
            known = any(other.partition(" ")[2] == request.path for other in _ENDPOINTS)
            raise self.checker.error("method" if known else "path", 405 if known else 404)
        self.calls[name] += 1
        self.writes += call.writes
        body = self.checker.check(request, call.keys, token=call.token)
        handler: Callable[[Request, Any], Answer] = getattr(self, f"_{call.handler}")
        return handler(request, body)

    def _tokens(self, _asked: Request, body: Mapping[str, Any]) -> Answer:
        groups = body["wgs"]
        if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
            raise self.checker.error("wgs")
        return 200, {"tokens": self.tokens.issue(body)}

    def _fetch(self, request: Request, _told: None) -> Answer:
        group = self.tokens.group(request.token)
        rooms = self._rooms.get(group, [])
        if not rooms:
            self._empty += 1
            return 200, _EMPTY_LISTS[self._empty % len(_EMPTY_LISTS)]
        self._listings += 1
        return 200, self._list_body(group, rooms, self._listings % 3)

    def _list_body(self, group: str, found: list[Room], turn: int) -> dict[str, Any]:
        """Return the rooms, in turn without the group, with the group above them, and with it in each room."""
        rooms = {room.uuid: self._room_row(room) for room in found}
        if turn == 1:
            return {"group": group, "rooms": rooms, "version": {"api": "1.9", "build": 4711}}
        if turn == 2:
            rooms = {uuid: {**row, "group": group, "features": ["chat"]} for uuid, row in rooms.items()}
        return {"rooms": rooms}

    def _room_row(self, room: Room) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": room.number,
            "start_time": meetecho_stamp(room.start),
            "duration": room.minutes,
            "description": room.description,
        }
        if room.uuid[0] in "02468ace":
            row["extrainfo"] = {"remote": None}
        return {"room": row, "url": room.url, "deletion_token": self._deletion_token(room)}

    def _deletion_token(self, room: Room) -> str:
        return f"delete-{seeded_random.digest(self._seed, 'deletion token', room.uuid).hex()}"

    def _create(self, request: Request, body: Mapping[str, Any]) -> Answer:
        group = self.tokens.group(request.token)
        digits = seeded_random.digest(self._seed, "created room", self.writes).hex()
        room = Room(
            uuid=f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}",
            group=group,
            number=int(body["room_id"]),
            start=parse_instant(f"{body['start_time']}+00:00"),
            minutes=int(body["duration"]),
            description=str(body["description"]),
            session=None,
        )
        self._rooms.setdefault(group, []).append(room)
        return 200, {"rooms": {room.uuid: self._room_row(room)}}

    def _delete(self, request: Request, _told: None) -> Answer:
        for rooms in self._rooms.values():
            for room in rooms:
                if self._deletion_token(room) == request.token:
                    rooms.remove(room)
                    return 200, {}
        raise ErrorResponse(403, "Invalid token")

    def _materials(self, request: Request, _told: Mapping[str, Any]) -> Answer:
        self.tokens.group(request.token)
        return 202, None
