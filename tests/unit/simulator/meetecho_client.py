"""Test client for the simulated Meetecho and datatracker, without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.meetecho.app import Meetecho
from harvester.simulator.meetecho.options import MeetechoOptions
from harvester.simulator.meetecho.schedule import CONFIGURED
from harvester.simulator.meetecho.tokens import CLIENT_ID, CLIENT_SECRET
from tests.unit.simulator.clients import NOW, Answer, ManualClock, organisation, send_request

JSON = {"accept": "application/json"}


@dataclass
class MeetechoClient:
    """The working groups, and a clock that advances by a second per request."""

    served: Meetecho
    clock: ManualClock

    def post(self, path: str, body: Any = None, *, method: str = "POST", **headers: str) -> Answer:
        """Send a request as `requests` does; without a body, Content-Length is 0."""
        content = b"" if body is None else json.dumps(body).encode()
        sent = {**JSON, "content-length": str(len(content)), **headers}
        if body is not None:
            sent["content-type"] = "application/json"
        return send_request(self.served, f"/meetecho/api/v1/{path}", method=method, body=content, **sent)

    def bearer(self, group: str) -> dict[str, str]:
        """Return the header with a new token of a group."""
        return {"authorization": f"bearer {self.tokens().body['tokens'][group]}"}

    def state(self) -> Any:
        return send_request(self.served, "/_simulator/meetecho").body

    def change(self, **changes: Any) -> Answer:
        body = json.dumps(changes).encode()
        return send_request(self.served, "/_simulator/meetecho", method="POST", body=body)

    def tokens(self, *groups: str, secret: str = CLIENT_SECRET) -> Answer:
        body = {"client": CLIENT_ID, "secret": secret, "wgs": list(groups or CONFIGURED)}
        return self.post("auth/ietfservice/tokens", body)

    def fetch(self, token: str, **headers: str) -> Answer:
        sent = {**JSON, "authorization": f"bearer {token}", **headers}
        return send_request(self.served, "/meetecho/api/v1/meeting/interim/fetchRooms", **sent)

    def rooms(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Return group and room by uuid, of every group with a token."""
        found = {}
        for group, token in self.tokens().body["tokens"].items():
            answer = self.fetch(token)
            body = answer.body if answer.status == 200 else {}
            for uuid, room in dict((body or {}).get("rooms") or {}).items():
                found[uuid] = (group, room)
        return found

    def get(self, name: str, **query: object) -> Answer:
        """Send a GET request; after a 429 it is repeated a second later."""
        return self.follow(f"/api/v1/{name}/?{urlencode(query)}")

    def follow(self, url: str) -> Answer:
        parts = urlsplit(url)
        while True:
            self.clock.seconds += 1
            answer = send_request(self.served, parts.path, query=parts.query, **JSON)
            if answer.status != 429:
                return answer

    def rows(self, name: str, **query: object) -> list[dict[str, Any]]:
        """Return every row that can be rendered."""
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
            for position in range(offset, min(offset + query["limit"], total)):
                alone = self.get(name, **{**query, "limit": 1}, offset=position)
                if alone.status == 200:
                    yield from alone.body["objects"]
            offset += query["limit"]


def meetecho_client(*, size: int = 60, seed: int = 7, days: int = 8, **options: Any) -> MeetechoClient:
    clock = ManualClock()
    made = organisation(size=size, seed=seed, days=days)
    return MeetechoClient(
        Meetecho(made, SimulatedClock(NOW, monotonic=clock), MeetechoOptions(**options)), clock
    )


def pk(uri: str) -> int:
    """Return the id in a row's URI."""
    return int(uri.rstrip("/").rpartition("/")[2])
