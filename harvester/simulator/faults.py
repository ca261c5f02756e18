"""What goes wrong between a vendor and its callers: connections that break, answers that are cut, late or nonsense.

The vendor's own part answers first, so that its counters count; what it said is then spoiled. The same call fails at
most three times in a row, and in the ways that a caller is right not to try again (a firewall's 403, an error in a
200) only once, so that who asks again gets an answer in the end.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from random import Random
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harvester.simulator.clock import Calendar

TRANSPORT = "simulator.transport"
"""The extension of an ASGI scope that holds the connection's transport."""

SLOW_SECONDS = 90.0
IN_A_ROW = 3
_WEIGHTS = {
    "reset": 5,
    "reset after the headers": 4,
    "half a body": 4,
    "error in JSON": 5,
    "error in HTML": 4,
    "429 without headers": 2,
    "no JSON": 3,
    "late": 0.4,
    "blocked": 1,
    "error in a 200": 1,
}
_ONCE = frozenset({"blocked", "error in a 200"})
WEBEX = "/webex"
GOOGLE = "/google"
MEETECHO = "/meetecho"
DATATRACKER = "/api/v1"
_ERROR_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_BLOCKED_HTML = (
    b"<!DOCTYPE html><html><head><title>Attention Required!</title></head>"
    b"<body><h1>Sorry, you have been blocked</h1></body></html>"
)
_JSON, _HTML = b"application/json", b"text/html; charset=UTF-8"
_INSTEAD: dict[str, tuple[int, bytes, bytes]] = {
    "error in JSON": (500, _JSON, b'{"code":500,"message":"Internal error."}'),
    "error in HTML": (502, _HTML, _ERROR_HTML),
    "429 without headers": (429, _JSON, b'{"code":429,"message":"Too many requests."}'),
    "no JSON": (200, _JSON, b'{"page_count": 1, "rows": [}'),
    "blocked": (403, _HTML, _BLOCKED_HTML),
    "error in a 200": (200, _JSON, b'{"code":500,"message":"Internal error."}'),
}
_AT_WEBEX = {
    "error in JSON": (
        500,
        _JSON,
        b'{"message":"Something went wrong on the server.","trackingId":"ROUTERGW_0"}',
    ),
    "429 without headers": (429, _JSON, b'{"message":"Too many requests.","trackingId":"ROUTERGW_0"}'),
    "no JSON": (200, _JSON, b'{"items":[{]}'),
}
_AT_GOOGLE = {
    "error in JSON": (
        500,
        _JSON,
        b'{"error":{"code":500,"message":"Internal error encountered.","status":"INTERNAL"}}',
    ),
    "429 without headers": (
        429,
        _JSON,
        b'{"error":{"code":429,"message":"Too many requests","status":"RESOURCE_EXHAUSTED"}}',
    ),
    "no JSON": (200, _JSON, b'{"items":[{]}'),
}
_AT_MEETECHO = {
    "error in JSON": (500, _JSON, b'{"error":"Internal error"}'),
    "429 without headers": (429, _JSON, b'{"error":"Too many requests"}'),
    # As the sign of a proxy that hides what went wrong behind it.
    "no JSON": (200, _HTML, b"<!DOCTYPE html><html><head><title>Meetecho</title></head><body></body></html>"),
}
_AT_DATATRACKER = {
    "error in JSON": (500, _JSON, b'{"error_message":"Sorry, this request could not be processed."}'),
    "429 without headers": (429, _JSON, b'{"error":"Too many requests"}'),
    "no JSON": (200, _JSON, b'{"meta":{"limit":20,"next":null},"objects":[{]}'),
}
# By the beginning of the path, Zoom apart.
_THEIRS = {WEBEX: _AT_WEBEX, GOOGLE: _AT_GOOGLE, MEETECHO: _AT_MEETECHO, DATATRACKER: _AT_DATATRACKER}


class Faults:
    """An ASGI application around another, whose answers it spoils with this probability."""

    def __init__(self, app: ASGIApp, *, probability: float, seed: int, calendar: Calendar) -> None:
        self.injected: Counter[str] = Counter()
        self._app = app
        self._probability = probability
        self._dice = Random(seed)
        self._calendar = calendar
        self._row: Counter[str] = Counter()
        self._done: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = self._draw(scope)
        if kind is None:
            await self._app(scope, receive, send)
            return
        self.injected[kind] += 1
        said = _Said()
        await self._app(scope, receive, said.take)
        await self._spoil(kind, said, scope, send)

    def _draw(self, scope: Scope) -> str | None:
        if scope["path"].startswith("/_simulator"):
            return None
        call = f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
        if self._dice.random() >= self._probability or self._row[call] >= IN_A_ROW:
            self._row.pop(call, None)
            return None
        self._row[call] += 1
        kind = self._dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        if kind not in _ONCE:
            return kind
        meeting = _meeting_of(scope)
        # An error in a 200 is Zoom's; a firewall blocks the address of one meeting, seldom anything else; what runs
        # into it fails for this run.
        if meeting is None or meeting in self._done or (_place(scope) and kind != "blocked"):
            return "error in HTML"
        self._done.add(meeting)
        return kind

    async def _spoil(self, kind: str, said: _Said, scope: Scope, send: Send) -> None:
        if kind in _INSTEAD:
            theirs = _THEIRS.get(_place(scope), _INSTEAD)
            words = theirs.get(kind, _INSTEAD[kind])
            await said.instead(*words, self._calendar.date()).tell(send)
        elif kind == "late":
            await asyncio.sleep(SLOW_SECONDS / self._calendar.speed)
            await said.tell(send)
        else:
            transport: asyncio.Transport = scope["extensions"][TRANSPORT]
            await said.break_off(kind, transport, send)


def _place(scope: Scope) -> str:
    """Whose answer it is: the beginning of the path; Zoom's empty."""
    return next((prefix for prefix in _THEIRS if scope["path"].startswith(prefix)), "")


def _meeting_of(scope: Scope) -> str | None:
    """What names the meeting of a call about its participants, None for other calls."""
    path: str = scope["path"]
    asked = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    if _place(scope) == DATATRACKER:
        return asked.get("session") if path.endswith("/attended/") else None
    if _place(scope) != WEBEX:
        return path if path.endswith("/participants") else None
    return asked.get("meetingId") if path.endswith("/meetingParticipants") else None


class _Said:
    """An answer that has not been sent yet."""

    def __init__(self) -> None:
        self.start: dict[str, Any] = {}
        self.body = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = dict(message)
        else:
            self.body += message.get("body", b"")

    def instead(self, status: int, content_type: bytes, body: bytes, date: bytes) -> _Said:
        other = _Said()
        headers = [
            (b"content-type", content_type),
            (b"content-length", b"%d" % len(body)),
            (b"date", date),
        ]
        other.start = {"type": "http.response.start", "status": status, "headers": headers}
        other.body = body
        return other

    async def tell(self, send: Send) -> None:
        await send(self.start)
        await send({"type": "http.response.body", "body": self.body})

    async def break_off(self, kind: str, transport: asyncio.Transport, send: Send) -> None:
        """Close the connection before, right after the headers, or in the middle of the body."""
        if kind != "reset":
            await send(self.start)
        if kind == "half a body":
            part = self.body[: len(self.body) // 2]
            await send({"type": "http.response.body", "body": part, "more_body": True})
            transport.close()
        else:
            _reset(transport)
        await asyncio.sleep(0.001)  # until the server has noticed that nobody is left to answer


def _reset(transport: asyncio.Transport) -> None:
    """With RST instead of FIN, as a firewall does."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
