"""Meetecho's rooms in memory, with lost answers and kills, and a log of writes in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.errors import Unreachable
from connectors.meetecho.errors import MeetechoRefused
from connectors.meetecho.room_rows import to_rooms
from connectors.meetecho.writing.calls import DELETE_ROOM, Fetched, WriteClient, WriteRequest
from connectors.meetecho.writing.desired_state import DesiredRoom
from connectors.meetecho.writing.write_log_contract import SentDecks, Write
from connectors.response_decisions import Response

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
START = datetime(2026, 12, 1, 15, tzinfo=UTC)


class Killed(BaseException):
    """The process ends here."""


def desired_room(
    number: int = 18, *, group: str = "quic", minutes: int = 60, hours: int = 0, **other: Any
) -> DesiredRoom:
    return DesiredRoom(
        group=group,
        session_id=number,
        description=other.pop("description", f"interim-{number}"),
        start=START + timedelta(hours=hours),
        minutes=minutes,
        **other,
    )


@dataclass
class MemoryLog:
    """`WriteLog` in memory; it survives a `Killed`, as a file does."""

    now: datetime = NOW
    writes: list[Write] = field(default_factory=list)
    statuses: dict[int, int | None] = field(default_factory=dict)
    open_replacements: set[tuple[str, str]] = field(default_factory=set)

    def begin(self, write: Write) -> int:
        self.writes.append(write)
        return len(self.writes)

    def finish(
        self, number: int, status: int | None, *, uuid: str | None = None, url: str | None = None
    ) -> None:
        self.statuses[number] = status

    def begin_replacement(self, group: str, number: str) -> None:
        self.open_replacements.add((group, number))

    def end_replacement(self, group: str, number: str) -> None:
        self.open_replacements.discard((group, number))

    def replacements(self, group: str) -> frozenset[str]:
        return frozenset(number for name, number in self.open_replacements if name == group)

    def last_decks(self, session: str) -> SentDecks | None:
        for number, write in reversed(list(enumerate(self.writes, start=1))):
            accepted = self.statuses.get(number) in {200, 202}
            if write.number == session and write.decks is not None and accepted:
                later = any("deck" in each.action and each.number == session for each in self.writes[number:])
                return SentDecks(at=self.now, decks=list(write.decks), is_latest=not later)
        return None


class FakeMeetecho(WriteClient):
    """`rooms`: by group and uuid, as Meetecho returns them. `faults`: what happens to the next requests, in turn: `lost` (carried
    out, no answer), `dropped` (not carried out, no answer), `refused` (409), `killed before`, `killed after`, `ok`."""

    def __init__(self) -> None:
        self.rooms: dict[str, dict[str, Any]] = {}
        self.faults: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.decks: dict[str, list[dict[str, Any]]] = {}
        self._made = 0

    def add_room(self, desired: DesiredRoom) -> str:
        self._made += 1
        uuid = f"uuid-{self._made}"
        self.rooms.setdefault(desired.group, {})[uuid] = {
            "room": {
                "id": desired.session_id,
                "start_time": f"{desired.start:%Y-%m-%d %H:%M:%S}",
                "duration": desired.minutes,
                "description": desired.description,
            },
            "url": f"https://meetings.example.org/interim/?short={uuid}",
            "deletion_token": f"token-{uuid}",
        }
        return uuid

    def fetch_rooms(self, group: str) -> Fetched:
        self.requests.append(("GET", group))
        body = {"rooms": dict(self.rooms.get(group, {}))}
        tokens = {uuid: str(entry["deletion_token"]) for uuid, entry in body["rooms"].items()}
        return to_rooms(body, group), tokens

    def send(self, request: WriteRequest) -> Response:
        return self._answer(request, None)

    def delete(self, request: WriteRequest, deletion_token: str) -> Response:
        return self._answer(request, deletion_token)

    def writes(self) -> list[tuple[str, str]]:
        return [request for request in self.requests if request[0] != "GET"]

    def room_values(self, group: str) -> list[tuple[int, str, int, str]]:
        """The existing rooms, as desired rooms."""
        rooms = [entry["room"] for entry in self.rooms.get(group, {}).values()]
        return sorted((r["id"], r["start_time"], r["duration"], r["description"]) for r in rooms)

    def _answer(self, request: WriteRequest, deletion_token: str | None) -> Response:
        fault = self.faults.pop(0) if self.faults else "ok"
        self.requests.append((request.method, request.path))
        if fault == "killed before":
            raise Killed
        if fault == "refused":
            raise MeetechoRefused("Meetecho: refused (409)", status=409)
        body = {} if fault == "dropped" else self._carry_out(request, deletion_token)
        if fault == "killed after":
            raise Killed
        if fault in {"lost", "dropped"}:
            raise Unreachable("Meetecho: no response in time")
        return Response(call=request.call, status=200, headers={}, body=body)

    def _carry_out(self, request: WriteRequest, deletion_token: str | None) -> Mapping[str, Any]:
        if request.path == DELETE_ROOM:
            return self._delete_room(deletion_token)
        body = dict(request.body or {})
        if "room_id" in body:
            return self._create_room(request.group, body)
        self._change_decks(request.method, body)
        return {}

    def _create_room(self, group: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        start = datetime.strptime(body["start_time"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        uuid = self.add_room(
            DesiredRoom(
                group=group,
                session_id=body["room_id"],
                description=body["description"],
                start=start,
                minutes=body["duration"],
            )
        )
        return {"rooms": {uuid: self.rooms[group][uuid]}}

    def _delete_room(self, deletion_token: str | None) -> Mapping[str, Any]:
        for rooms in self.rooms.values():
            for uuid, entry in rooms.items():
                if entry["deletion_token"] == deletion_token:
                    del rooms[uuid]
                    return {}
        raise MeetechoRefused("Meetecho: refused (404)", status=404)

    def _change_decks(self, method: str, body: Mapping[str, Any]) -> None:
        decks: list[dict[str, Any]] = self.decks.setdefault(body["session"], [])
        if method == "PUT":
            decks[:] = [dict(deck) for deck in body["decks"]]
        elif method == "DELETE":
            decks[:] = [deck for deck in decks if deck["id"] != body["id"]]
        else:
            for deck in decks:
                deck["order"] += deck["order"] >= body["order"]
            decks.append({name: body[name] for name in ("id", "title", "url", "rev", "order")})
            decks.sort(key=lambda deck: int(deck["order"]))


def decks_by_order(decks: Sequence[Mapping[str, Any]]) -> list[tuple[int, int, str]]:
    return sorted((deck["order"], deck["id"], deck["rev"]) for deck in decks)
