"""Asking the simulated Meetecho and datatracker without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from harvester.simulator.calendar import Calendar
from harvester.simulator.meetecho.door import CLIENT_ID, CLIENT_SECRET, Terms
from harvester.simulator.meetecho.plans import CONFIGURED
from harvester.simulator.meetecho.service import Meetecho
from tests.unit.simulator.client import NOW, Answered, Clock, ask, organisation

JSON = {"accept": "application/json"}


@dataclass
class Groups:
    """The working groups, and a clock that goes on by a second with each question."""

    served: Meetecho
    clock: Clock

    def post(self, path: str, body: Any = None, *, method: str = "POST", **headers: str) -> Answered:
        """As requests sends it; without a body only its length, 0."""
        content = b"" if body is None else json.dumps(body).encode()
        sent = {**JSON, "content-length": str(len(content)), **headers}
        if body is not None:
            sent["content-type"] = "application/json"
        return ask(self.served, f"/meetecho/api/v1/{path}", method=method, body=content, **sent)

    def tokens(self, *groups: str, secret: str = CLIENT_SECRET) -> Answered:
        told = {"client": CLIENT_ID, "secret": secret, "wgs": list(groups or CONFIGURED)}
        return self.post("auth/ietfservice/tokens", told)

    def fetch(self, token: str, **headers: str) -> Answered:
        sent = {**JSON, "authorization": f"bearer {token}", **headers}
        return ask(self.served, "/meetecho/api/v1/meeting/interim/fetchRooms", **sent)

    def rooms(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """By uuid the group and the room, of every group that may be asked for."""
        found = {}
        for group, token in self.tokens().body["tokens"].items():
            answer = self.fetch(token)
            told = answer.body if answer.status == 200 else {}
            for uuid, room in dict((told or {}).get("rooms") or {}).items():
                found[uuid] = (group, room)
        return found

    def get(self, name: str, **query: object) -> Answered:
        """Asked again after a second where that was refused for haste."""
        return self.follow(f"/api/v1/{name}/?{urlencode(query)}")

    def follow(self, url: str) -> Answered:
        told = urlsplit(url)
        while True:
            self.clock.seconds += 1
            answer = ask(self.served, told.path, query=told.query, **JSON)
            if answer.status != 429:
                return answer

    def rows(self, name: str, **query: object) -> list[dict[str, Any]]:
        """Every row of which an answer can be made."""
        return list(self._rows(name, {"limit": 100, **query}))

    def _rows(self, name: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        offset, total = 0, 1
        while offset < total:
            page = self.get(name, **query, offset=offset)
            if page.status == 200:
                yield from page.body["objects"]
                total = page.body["meta"]["total_count"]
                offset += len(page.body["objects"]) or 1
                continue
            for place in range(offset, min(offset + query["limit"], total)):
                alone = self.get(name, **{**query, "limit": 1}, offset=place)
                if alone.status == 200:
                    yield from alone.body["objects"]
            offset += query["limit"]


def groups(*, size: int = 60, seed: int = 7, days: int = 8, **terms: Any) -> Groups:
    clock = Clock()
    made = organisation(size=size, seed=seed, days=days)
    return Groups(Meetecho(made, Calendar(NOW, seconds=clock), Terms(**terms)), clock)


def pk(uri: str) -> int:
    """Of a row's address."""
    return int(uri.rstrip("/").rpartition("/")[2])
