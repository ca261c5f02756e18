"""Meetecho's API v1: tokens, rooms and slide decks. A harvest must not use the calls that write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.meetecho.account import Account, Room
from harvester.simulator.meetecho.deck_lists import DeckLists
from harvester.simulator.meetecho.error_responses import ErrorResponse
from harvester.simulator.meetecho.formats import meetecho_stamp, parse_meetecho_stamp
from harvester.simulator.meetecho.materials import Materials
from harvester.simulator.meetecho.options import MeetechoOptions
from harvester.simulator.meetecho.planned_faults import Exchange, without_tokens
from harvester.simulator.meetecho.request import Request, RequestChecker
from harvester.simulator.meetecho.rooms import Rooms
from harvester.simulator.meetecho.schedule import CONFIGURED, ELSEWHERE
from harvester.simulator.meetecho.tokens import Tokens

Answer = tuple[int, Any]

_ROOM_KEYS = {"room_id": int, "description": str, "start_time": str, "duration": int, "extrainfo": str}
_DECK_KEYS = {"id": int, "title": str, "url": str, "rev": str, "order": int}
_EMPTY_LISTS: tuple[Any, ...] = ({"rooms": {}}, {"rooms": []}, {}, [])
"""The forms that an empty list of rooms may take."""


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """`keys` are those of the body with their types, None without a body. `token`: whether a token is required."""

    handler: str
    keys: Mapping[str, type] | None
    token: bool = True
    writes: bool = False


_ENDPOINTS = {
    "POST auth/ietfservice/tokens": _Endpoint(
        "tokens", {"client": str, "secret": str, "wgs": list}, token=False
    ),
    "GET meeting/interim/fetchRooms": _Endpoint("fetch", None),
    "POST meeting/interim/createRoom": _Endpoint("create", _ROOM_KEYS, writes=True),
    "POST meeting/interim/deleteRoom": _Endpoint("delete", None, writes=True),
    "POST materials": _Endpoint("add_deck", {"session": str, **_DECK_KEYS}, writes=True),
    "PUT materials": _Endpoint("replace_decks", {"session": str, "decks": list}, writes=True),
    "DELETE materials": _Endpoint("remove_deck", {"session": str, "id": int}, writes=True),
}


class RoomsApi:
    def __init__(
        self, account: Account, clock: SimulatedClock, options: MeetechoOptions, materials: Materials
    ) -> None:
        self.checker = RequestChecker()
        self.calls: Counter[str] = Counter()
        self.writes = 0
        self.tokens = Tokens(clock, options, account.organisation.seed, (*CONFIGURED, ELSEWHERE))
        self.rooms = Rooms(account.organisation.seed, account.rooms)
        self.decks = DeckLists()
        self._account = account
        self._materials = materials
        self._options = options
        self._listings = 0
        self._empty = 0

    def exchange(self, request: Request) -> Exchange:
        """Describe a request for the log."""
        name = f"{request.method} {request.path}"
        endpoint = _ENDPOINTS.get(name)
        body = without_tokens(request.content)
        group = self.tokens.owner(request.token)
        if name == "POST meeting/interim/deleteRoom":
            room = self.rooms.by_deletion_token(request.token) or self.rooms.deleted_with(request.token)
            group, body = (room.group, {"uuid": room.uuid, "room_id": room.number}) if room else ("", None)
        session = body.get("session", "") if isinstance(body, dict) else ""
        return Exchange(
            call=name if endpoint else f"{request.method} (unknown)",
            about=str(session) or group,
            body=body,
            writes=endpoint is not None and endpoint.writes,
        )

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
        if not all(isinstance(group, str) for group in body["wgs"]):
            raise self.checker.error("wgs")
        return 200, {"tokens": self.tokens.issue(body)}

    def _fetch(self, request: Request, _told: None) -> Answer:
        group = self.tokens.group(request.token)
        rooms = self.rooms.of(group)
        if not rooms:
            self._empty += 1
            return 200, _EMPTY_LISTS[self._empty % len(_EMPTY_LISTS)]
        self._listings += 1
        return 200, self._list_body(group, rooms, self._listings % 3)

    def _list_body(self, group: str, found: Sequence[Room], turn: int) -> dict[str, Any]:
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
        return {"room": row, "url": room.url, "deletion_token": self.rooms.deletion_token(room)}

    def _create(self, request: Request, body: Mapping[str, Any]) -> Answer:
        group = self.tokens.group(request.token)
        try:
            start = parse_meetecho_stamp(body["start_time"])
        except ValueError:
            raise self.checker.error("start_time") from None
        if body["duration"] <= 0:
            raise self.checker.error("duration")
        others = [room for room in self.rooms.of(group) if room.number == body["room_id"]]
        if others and self._options.one_room:
            raise ErrorResponse(409, "There is a room with this id")
        room = self.rooms.create(
            group,
            number=body["room_id"],
            start=start,
            minutes=body["duration"],
            description=body["description"],
            extrainfo=body["extrainfo"],
        )
        return 200, {"rooms": {room.uuid: self._room_row(room)}}

    def _delete(self, request: Request, _told: None) -> Answer:
        room = self.rooms.by_deletion_token(request.token)
        if room is not None:
            self.rooms.delete(room.uuid)
            return 200, {}
        if self.rooms.deleted_with(request.token) is not None:
            raise ErrorResponse(404, "No such room")
        raise ErrorResponse(403, "Invalid token")

    def _add_deck(self, request: Request, body: Mapping[str, Any]) -> Answer:
        self._check_decks(request, body["session"], [body])
        self.decks.add(body["session"], {name: body[name] for name in _DECK_KEYS})
        return 202, None

    def _replace_decks(self, request: Request, body: Mapping[str, Any]) -> Answer:
        for deck in body["decks"]:
            self.checker.check_values(deck, _DECK_KEYS)
        self._check_decks(request, body["session"], body["decks"])
        self.decks.replace(body["session"], body["decks"])
        return 202, None

    def _remove_deck(self, request: Request, body: Mapping[str, Any]) -> Answer:
        self._check_decks(request, body["session"], [])
        self.decks.remove(body["session"], body["id"])
        return 202, None

    def _check_decks(self, request: Request, session: str, decks: Sequence[Mapping[str, Any]]) -> None:
        """Check that the token is for the session's group, and that Meetecho can fetch the decks."""
        group = self.tokens.group(request.token)
        known = self._account.by_id.get(int(session)) if session.isdecimal() else None
        if (known.group if known else self.decks.owner(session, group)) != group:
            raise ErrorResponse(403, "Not allowed")
        base = f"http://{request.headers.get('host', '')}"
        for deck in decks:
            if not self._materials.answers(deck["url"], base):
                raise ErrorResponse(400, f"Cannot fetch {deck['url']}")
