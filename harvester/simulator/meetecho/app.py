"""Meetecho and the datatracker on the wire: one ASGI application for `/meetecho/api/v1` and for `/api/v1`, which is
where the datatracker's pages and rows say that they are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote

from starlette.types import Receive, Scope, Send

from harvester.simulator.clock import Calendar
from harvester.simulator.meetecho.access import Terms
from harvester.simulator.meetecho.account import Account
from harvester.simulator.meetecho.attendance import Attendance
from harvester.simulator.meetecho.datatracker import api
from harvester.simulator.meetecho.error_responses import Refusal
from harvester.simulator.meetecho.request import Question
from harvester.simulator.meetecho.rooms_api import Rooms
from harvester.simulator.meetecho.schedule import CONFIGURED
from harvester.simulator.meetecho.tastypie import ROOT, Broken, Wrong
from harvester.simulator.meetecho.tokens import CLIENT_ID, CLIENT_SECRET
from harvester.simulator.organisation import Organisation
from harvester.simulator.rate_limits import RateClass
from harvester.simulator.responses import body_of, encoded

PREFIX = "/meetecho"
MEETECHO = f"{PREFIX}/api/v1/"
PREFIXES = (PREFIX, ROOT.rstrip("/"))
PERSONAL = frozenset({"person/email", "meeting/registration", "stats/meetingregistration"})
"""Resources with addresses in them: they are counted, and answered as if they were not there."""

_JSON = "application/json"
_HTML = "text/html; charset=utf-8"
_PIECE = 1 << 18
_AT_ONCE = 0.05


class Meetecho:
    """The working groups at Meetecho and in the datatracker."""

    def __init__(self, organisation: Organisation, calendar: Calendar, terms: Terms | None = None) -> None:
        self.terms = terms or Terms()
        self.account = Account(organisation)
        self.attendance = Attendance(self.account)
        self.calls: Counter[str] = Counter()
        # Nobody has published one; this is what one reader's tenth of a second between pages leaves room for, twice.
        self.rate = RateClass(20, 1.0)
        self.rooms = Rooms(self.account, calendar, self.terms)
        self.api = api(self.account, self.attendance)
        self._calendar = calendar
        self._asked = 0
        self._hurried = 0
        self._turned_away: dict[str, float] = {}
        self._writes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        body = await body_of(receive)
        if path.startswith(PREFIX):
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            status, kind, content = self._rooms(scope["method"], path, query, headers, body)
            await self._send(send, status, kind, content, {})
        else:
            status, kind, content, more = self._data(scope["method"], path, query)
            await self._send(send, status, kind, content, more)

    def _rooms(
        self, method: str, path: str, query: str, headers: Mapping[str, str], content: bytes
    ) -> tuple[int, str, bytes]:
        asked = Question(
            method=method, path=path.removeprefix(MEETECHO), query=query, headers=headers, content=content
        )
        try:
            status, told = self.rooms.answer(asked)
        except Refusal as refused:
            # With what was sent in it: whoever shows the body of a refusal shows the secrets.
            words = (
                f"{refused.message}: {headers.get('authorization', '')} {content.decode('utf-8', 'replace')}"
            )
            if refused.status % 2:
                return refused.status, _JSON, encoded({"error": words})
            return refused.status, _HTML, f"<html><body>{words}</body></html>".encode()
        return status, _JSON, b"" if told is None else json.dumps(told).encode()

    def _data(self, method: str, path: str, query: str) -> tuple[int, str, bytes, Mapping[str, str]]:
        parts = [unquote(part) for part in path.removeprefix(ROOT).split("/")]
        name = "/".join(parts[:2])
        known = name in self.api.resources
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
            told = self._told(name, parts[2:-1], parse_qs(query, keep_blank_values=True))
        except Wrong as wrong:
            content = encoded({"error": wrong.message}) if wrong.message else b""
            return wrong.status, _JSON if content else _HTML, content, {}
        except Broken as broken:
            return broken.status, _HTML, b"", {}
        return 200, _JSON, encoded(told), {}

    def _told(self, name: str, rest: Sequence[str], query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        resource = self.api.resources[name]
        if not rest:
            return self.api.page(resource, query)
        if rest[0] == "set" and len(rest) == 2:
            return self.api.several(resource, rest[1].split(";"))
        if len(rest) != 1:
            raise Wrong("", 404)
        return self.api.one(resource, rest[0])

    def _turn_away(self, asked: str) -> str | None:
        """The `Retry-After` of a 429, which is often 0 and never meant: who comes back at once is turned away again."""
        now = self._calendar.elapsed()
        self._asked += 1
        if not self.rate.admit(now):
            return "0" if self.rate.refused % 2 else "1"
        if now - self._turned_away.pop(asked, -1.0) < _AT_ONCE:
            self._hurried += 1
        elif not self.terms.hasty or self._asked % self.terms.hasty != 3:
            return None
        self._turned_away[asked] = now
        return "0"

    async def _send(self, send: Send, status: int, kind: str, body: bytes, more: Mapping[str, str]) -> None:
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"date", self._calendar.date()),
        ]
        headers += [(name.lower().encode(), value.encode()) for name, value in more.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for start in range(0, max(1, len(body)), _PIECE):
            piece, rest = body[start : start + _PIECE], start + _PIECE < len(body)
            await send({"type": "http.response.body", "body": piece, "more_body": rest})

    def traffic(self) -> dict[str, Any]:
        """How it was asked. `unlike`: requests that the datatracker's client would not send to Meetecho, by what was
        wrong with them; `writes`: calls that would change something; `ignored`: filters that are none; `hurried`: who
        came back at once after a 429; `personal`: how often addresses were asked for."""
        return {
            "classes": {"datatracker": self.rate.counted()},
            "refused": self.rate.refused + self._hurried,
            "hurried": self._hurried,
            "unlike": dict(self.rooms.strictness.unlike),
            "writes": self.rooms.writes + self._writes,
            "ignored": dict(self.api.ignored),
            "personal": sum(
                count for call, count in self.calls.items() if call.partition(" ")[2] in PERSONAL
            ),
            "tokens": {"issued": self.rooms.tokens.issued},
            "calls": {**self.rooms.calls, **self.calls},
        }


def environment(base: str, terms: Terms) -> dict[str, str]:
    """The settings that point a program to the groups that are served at this address."""
    secret = {"MEETECHO_CLIENT_ID": CLIENT_ID, "MEETECHO_CLIENT_SECRET": CLIENT_SECRET}
    return {
        **(secret if terms.credentials else {}),
        "MEETECHO_GROUPS": ",".join(CONFIGURED),
        "MEETECHO_API_URL": f"{base}{MEETECHO.rstrip('/')}",
        "DATATRACKER_URL": base,
    }
