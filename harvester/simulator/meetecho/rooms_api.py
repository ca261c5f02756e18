"""Meetecho's API v1: tokens, rooms, and the calls that write, which a harvest has no business with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harvester.simulator.clock import Calendar
from harvester.simulator.meetecho.access import Terms
from harvester.simulator.meetecho.account import Account, Room
from harvester.simulator.meetecho.error_responses import Refusal
from harvester.simulator.meetecho.formats import parsed, plain
from harvester.simulator.meetecho.request import Question, Strictness
from harvester.simulator.meetecho.schedule import CONFIGURED, ELSEWHERE
from harvester.simulator.meetecho.tokens import Tokens
from harvester.simulator.organisation import seeded_random

Answer = tuple[int, Any]

_NEW = ("room_id", "description", "start_time", "duration", "extrainfo")
_DECK = ("session", "title", "id", "url", "rev", "order")
_NOTHING: tuple[Any, ...] = ({"rooms": {}}, {"rooms": []}, {}, [])
"""How no rooms at all may look."""


@dataclass(frozen=True, slots=True)
class _Call:
    """`keys`: of the body, None where there is none. `token`: whether one is sent."""

    handler: str
    keys: tuple[str, ...] | None
    token: bool = True
    writes: bool = False


_CALLS = {
    "POST auth/ietfservice/tokens": _Call("tokens", ("client", "secret", "wgs"), token=False),
    "GET meeting/interim/fetchRooms": _Call("fetch", None),
    "POST meeting/interim/createRoom": _Call("create", _NEW, writes=True),
    "POST meeting/interim/deleteRoom": _Call("delete", None, writes=True),
    "POST materials": _Call("materials", _DECK, writes=True),
    "PUT materials": _Call("materials", ("session", "decks"), writes=True),
    "DELETE materials": _Call("materials", ("session", "id"), writes=True),
}


class Rooms:
    def __init__(self, account: Account, calendar: Calendar, terms: Terms) -> None:
        self.strictness = Strictness()
        self.calls: Counter[str] = Counter()
        self.writes = 0
        self._seed = account.organisation.seed
        self.tokens = Tokens(calendar, terms, self._seed, (*CONFIGURED, ELSEWHERE))
        self._rooms: dict[str, list[Room]] = {}
        for room in account.rooms:
            self._rooms.setdefault(room.group, []).append(room)
        self._listings = 0
        self._empty = 0

    def answer(self, asked: Question) -> Answer:
        """Status and body. Refusal: anything that the datatracker's client would not have sent, with the rest."""
        name = f"{asked.method} {asked.path}"
        call = _CALLS.get(name)
        if call is None:
            self.calls[f"{asked.method} (unknown)"] += 1
            known = any(other.partition(" ")[2] == asked.path for other in _CALLS)
            raise self.strictness.refuse("method" if known else "path", 405 if known else 404)
        self.calls[name] += 1
        self.writes += call.writes
        told = self.strictness.check(asked, call.keys, token=call.token)
        handler: Callable[[Question, Any], Answer] = getattr(self, f"_{call.handler}")
        return handler(asked, told)

    def _tokens(self, _asked: Question, told: Mapping[str, Any]) -> Answer:
        groups = told["wgs"]
        if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
            raise self.strictness.refuse("wgs")
        return 200, {"tokens": self.tokens.tokens(told)}

    def _fetch(self, asked: Question, _told: None) -> Answer:
        group = self.tokens.group(asked.token)
        found = self._rooms.get(group, [])
        if not found:
            self._empty += 1
            return 200, _NOTHING[self._empty % len(_NOTHING)]
        self._listings += 1
        return 200, self._listed(group, found, self._listings % 3)

    def _listed(self, group: str, found: list[Room], turn: int) -> dict[str, Any]:
        """By turns with the group nowhere, above the rooms, in each of them."""
        rooms = {room.uuid: self._shown(room) for room in found}
        if turn == 1:
            return {"group": group, "rooms": rooms, "version": {"api": "1.9", "build": 4711}}
        if turn == 2:
            rooms = {uuid: {**told, "group": group, "features": ["chat"]} for uuid, told in rooms.items()}
        return {"rooms": rooms}

    def _shown(self, room: Room) -> dict[str, Any]:
        told: dict[str, Any] = {
            "id": room.number,
            "start_time": plain(room.start),
            "duration": room.minutes,
            "description": room.description,
        }
        if room.uuid[0] in "02468ace":
            told["extrainfo"] = {"remote": None}
        return {"room": told, "url": room.url, "deletion_token": self._deletion(room)}

    def _deletion(self, room: Room) -> str:
        return f"delete-{seeded_random.digest(self._seed, 'deletion token', room.uuid).hex()}"

    def _create(self, asked: Question, told: Mapping[str, Any]) -> Answer:
        group = self.tokens.group(asked.token)
        words = seeded_random.digest(self._seed, "created room", self.writes).hex()
        room = Room(
            uuid=f"{words[:8]}-{words[8:12]}-4{words[13:16]}-a{words[17:20]}-{words[20:]}",
            group=group,
            number=int(told["room_id"]),
            start=parsed(f"{told['start_time']}+00:00"),
            minutes=int(told["duration"]),
            description=str(told["description"]),
            session=None,
        )
        self._rooms.setdefault(group, []).append(room)
        return 200, {"rooms": {room.uuid: self._shown(room)}}

    def _delete(self, asked: Question, _told: None) -> Answer:
        for rooms in self._rooms.values():
            for room in rooms:
                if self._deletion(room) == asked.token:
                    rooms.remove(room)
                    return 200, {}
        raise Refusal(403, "Invalid token")

    def _materials(self, asked: Question, _told: Mapping[str, Any]) -> Answer:
        self.tokens.group(asked.token)
        return 202, None
