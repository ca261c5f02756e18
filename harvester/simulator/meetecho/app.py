"""The simulated Meetecho and datatracker as an ASGI application.

It serves `/meetecho/api/v1` and `/api/v1`, the path in the datatracker's links.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote

from starlette.types import Receive, Scope, Send

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.http_bodies import encode_json, read_body
from harvester.simulator.meetecho.account import Account
from harvester.simulator.meetecho.attendance import Attendance
from harvester.simulator.meetecho.datatracker import datatracker_api
from harvester.simulator.meetecho.error_responses import ErrorResponse
from harvester.simulator.meetecho.options import MeetechoOptions
from harvester.simulator.meetecho.request import Request
from harvester.simulator.meetecho.rooms_api import RoomsApi
from harvester.simulator.meetecho.schedule import CONFIGURED
from harvester.simulator.meetecho.tastypie import ROOT, BadRequest, BrokenRow
from harvester.simulator.meetecho.tokens import CLIENT_ID, CLIENT_SECRET
from harvester.simulator.organisation import Organisation
from harvester.simulator.rate_limits import RateLimit

PREFIX = "/meetecho"
MEETECHO = f"{PREFIX}/api/v1/"
PREFIXES = (PREFIX, ROOT.rstrip("/"))
PERSONAL = frozenset({"person/email", "meeting/registration", "stats/meetingregistration"})
"""Resources with e-mail addresses: requests are counted and answered as if the resource did not exist."""

_JSON = "application/json"
_HTML = "text/html; charset=utf-8"
_CHUNK_BYTES = 1 << 18
_AT_ONCE = 0.05


class Meetecho:
    """The working groups at Meetecho and in the datatracker."""

    def __init__(
        self, organisation: Organisation, clock: SimulatedClock, options: MeetechoOptions | None = None
    ) -> None:
        self.options = options or MeetechoOptions()
        self.account = Account(organisation)
        self.attendance = Attendance(self.account)
        self.calls: Counter[str] = Counter()
        # No limit is published. One known reader waits a tenth of a second between pages; this allows twice
        # as many requests.
        self.rate = RateLimit(20, 1.0)
        self.rooms = RoomsApi(self.account, clock, self.options)
        self.datatracker = datatracker_api(self.account, self.attendance)
        self._clock = clock
        self._request_count = 0
        self._hurried = 0
        self._turned_away: dict[str, float] = {}
        self._writes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        body = await read_body(receive)
        if path.startswith(PREFIX):
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            status, kind, content = self._answer_rooms(scope["method"], path, query, headers, body)
            await self._send(send, status, kind, content, {})
        else:
            status, kind, content, more = self._answer_datatracker(scope["method"], path, query)
            await self._send(send, status, kind, content, more)

    def _answer_rooms(
        self, method: str, path: str, query: str, headers: Mapping[str, str], content: bytes
    ) -> tuple[int, str, bytes]:
        request = Request(
            method=method, path=path.removeprefix(MEETECHO), query=query, headers=headers, content=content
        )
        try:
            status, body = self.rooms.answer(request)
        except ErrorResponse as error:
            # The answer repeats the request, so a program that prints error bodies prints secrets.
            words = (
                f"{error.message}: {headers.get('authorization', '')} {content.decode('utf-8', 'replace')}"
            )
            if error.status % 2:
                return error.status, _JSON, encode_json({"error": words})
            return error.status, _HTML, f"<html><body>{words}</body></html>".encode()
        return status, _JSON, b"" if body is None else json.dumps(body).encode()

    def _answer_datatracker(
        self, method: str, path: str, query: str
    ) -> tuple[int, str, bytes, Mapping[str, str]]:
        parts = [unquote(part) for part in path.removeprefix(ROOT).split("/")]
        name = "/".join(parts[:2])
        known = name in self.datatracker.resources
        self.calls[f"{method} {name if known or name in PERSONAL else '(unknown)'}"] += 1
        wait = self._turn_away(f"{path}?{query}")
        if wait is not None:
            return 429, _JSON, b'{"error": "Too many requests"}', {"Retry-After": wait}
        if not known or method != "GET":
            self._writes += method not in {"GET", "HEAD"}
            return (405 if known else 404), _HTML, b"", {}
        if not path.endswith("/"):
            return 301, _HTML, b"", {"Location": f"{path}/?{query}" if query else f"{path}/"}
        try:
            body = self._datatracker_body(name, parts[2:-1], parse_qs(query, keep_blank_values=True))
        except BadRequest as wrong:
            content = encode_json({"error": wrong.message}) if wrong.message else b""
            return wrong.status, _JSON if content else _HTML, content, {}
        except BrokenRow as broken:
            return broken.status, _HTML, b"", {}
        return 200, _JSON, encode_json(body), {}

    def _datatracker_body(
        self, name: str, rest: Sequence[str], query: Mapping[str, Sequence[str]]
    ) -> dict[str, Any]:
        resource = self.datatracker.resources[name]
        if not rest:
            return self.datatracker.page(resource, query)
        if rest[0] == "set" and len(rest) == 2:
            return self.datatracker.get_many(resource, rest[1].split(";"))
        if len(rest) != 1:
            raise BadRequest("", 404)
        return self.datatracker.get_one(resource, rest[0])

    def _turn_away(self, call: str) -> str | None:
        """Return the `Retry-After` of a 429, None to answer.

        It is often 0, but a client that retries at once is refused again.
        """
        now = self._clock.elapsed()
        self._request_count += 1
        if not self.rate.admit(now):
            return "0" if self.rate.refused % 2 else "1"
        if now - self._turned_away.pop(call, -1.0) < _AT_ONCE:
            self._hurried += 1
        elif not self.options.hasty or self._request_count % self.options.hasty != 3:
            return None
        self._turned_away[call] = now
        return "0"

    async def _send(self, send: Send, status: int, kind: str, body: bytes, more: Mapping[str, str]) -> None:
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"date", self._clock.date_header()),
        ]
        headers += [(name.lower().encode(), value.encode()) for name, value in more.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for start in range(0, max(1, len(body)), _CHUNK_BYTES):
            chunk, rest = body[start : start + _CHUNK_BYTES], start + _CHUNK_BYTES < len(body)
            await send({"type": "http.response.body", "body": chunk, "more_body": rest})

    def traffic(self) -> dict[str, Any]:
        """Return the counted requests.

        unlike: requests that the datatracker's client would not send to Meetecho, by fault.
        writes: calls that would change something.
        ignored: unknown filters.
        hurried: immediate retries after a 429.
        personal: requests for e-mail addresses.
        """
        return {
            "classes": {"datatracker": self.rate.counts()},
            "refused": self.rate.refused + self._hurried,
            "hurried": self._hurried,
            "unlike": dict(self.rooms.checker.unexpected),
            "writes": self.rooms.writes + self._writes,
            "ignored": dict(self.datatracker.ignored),
            "personal": sum(
                count for call, count in self.calls.items() if call.partition(" ")[2] in PERSONAL
            ),
            "tokens": {"issued": self.rooms.tokens.issued},
            "calls": {**self.rooms.calls, **self.calls},
        }


def environment(base: str, options: MeetechoOptions) -> dict[str, str]:
    """Return the settings that point a program at the groups served at this address."""
    secret = {"MEETECHO_CLIENT_ID": CLIENT_ID, "MEETECHO_CLIENT_SECRET": CLIENT_SECRET}
    return {
        **(secret if options.credentials else {}),
        "MEETECHO_GROUPS": ",".join(CONFIGURED),
        "MEETECHO_API_URL": f"{base}{MEETECHO.rstrip('/')}",
        "DATATRACKER_URL": base,
    }
