"""Faults between a vendor and its callers: broken connections and truncated, late or nonsensical answers.

The vendor answers first, so its counters include the request; the answer is then damaged. Only a 429 to a request that
changes something comes first: what is refused for its rate is not carried out. The same call fails
at most three times in a row. Failures that a caller is right not to retry (a firewall's 403, an error in a
200) happen only once per meeting, so a caller that asks again succeeds in the end.
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

from harvester.simulator.clock import SimulatedClock

TRANSPORT = "simulator.transport"
"""Key of the ASGI scope's extension that holds the connection's transport."""

SLOW_SECONDS = 90.0
MAX_IN_A_ROW = 3
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
_READS = frozenset({"GET", "HEAD"})
_ONCE = frozenset({"blocked", "error in a 200"})
WEBEX = "/webex"
GOOGLE = "/google"
TEAMS = "/teams"
MEETECHO = "/meetecho"
DATATRACKER = "/api/v1"
DECKS = ("/api/meeting/", "/meeting/")
"""Beginnings of the datatracker's paths to the decks of a session and to their files."""
_ERROR_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_BLOCKED_HTML = (
    b"<!DOCTYPE html><html><head><title>Attention Required!</title></head>"
    b"<body><h1>Sorry, you have been blocked</h1></body></html>"
)
_JSON, _HTML = b"application/json", b"text/html; charset=UTF-8"
_REPLACEMENTS: dict[str, tuple[int, bytes, bytes]] = {
    "error in JSON": (500, _JSON, b'{"code":500,"message":"Internal error."}'),
    "error in HTML": (502, _HTML, _ERROR_HTML),
    "429 without headers": (429, _JSON, b'{"code":429,"message":"Too many requests."}'),
    "no JSON": (200, _JSON, b'{"page_count": 1, "rows": [}'),
    "blocked": (403, _HTML, _BLOCKED_HTML),
    "error in a 200": (200, _JSON, b'{"code":500,"message":"Internal error."}'),
}
_WEBEX_ANSWERS = {
    "error in JSON": (
        500,
        _JSON,
        b'{"message":"Something went wrong on the server.","trackingId":"ROUTERGW_0"}',
    ),
    "429 without headers": (429, _JSON, b'{"message":"Too many requests.","trackingId":"ROUTERGW_0"}'),
    "no JSON": (200, _JSON, b'{"items":[{]}'),
}
_GOOGLE_ANSWERS = {
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
_TEAMS_ANSWERS = {
    "error in JSON": (
        503,
        _JSON,
        b'{"error":{"code":"ServiceUnavailable","message":"Service unavailable.","innerError":{}}}',
    ),
    "429 without headers": (
        429,
        _JSON,
        b'{"error":{"code":"TooManyRequests","message":"Too many requests.","innerError":{}}}',
    ),
    "no JSON": (200, _JSON, b'{"value":[{]}'),
}
_MEETECHO_ANSWERS = {
    "error in JSON": (500, _JSON, b'{"error":"Internal error"}'),
    "429 without headers": (429, _JSON, b'{"error":"Too many requests"}'),
    # What a proxy sends when it hides an error behind it.
    "no JSON": (200, _HTML, b"<!DOCTYPE html><html><head><title>Meetecho</title></head><body></body></html>"),
}
_DATATRACKER_ANSWERS = {
    "error in JSON": (500, _JSON, b'{"error_message":"Sorry, this request could not be processed."}'),
    "429 without headers": (429, _JSON, b'{"error":"Too many requests"}'),
    "no JSON": (200, _JSON, b'{"meta":{"limit":20,"next":null},"objects":[{]}'),
}
_DECK_ANSWERS = {
    **_DATATRACKER_ANSWERS,
    "no JSON": (200, _JSON, b'{"url":null,"slides":{"decks":[{]},"minutes":null}'),
}
# By the beginning of the path; Zoom's answers are in _REPLACEMENTS.
_VENDOR_ANSWERS = {
    WEBEX: _WEBEX_ANSWERS,
    GOOGLE: _GOOGLE_ANSWERS,
    TEAMS: _TEAMS_ANSWERS,
    MEETECHO: _MEETECHO_ANSWERS,
    DATATRACKER: _DATATRACKER_ANSWERS,
    **dict.fromkeys(DECKS, _DECK_ANSWERS),
}


class FaultInjector:
    """An ASGI application that wraps another one and damages its answers with the given probability."""

    def __init__(self, app: ASGIApp, *, probability: float, seed: int, clock: SimulatedClock) -> None:
        self.injected: Counter[str] = Counter()
        self._app = app
        self._probability = probability
        self._rng = Random(seed)
        self._clock = clock
        self._failures_in_a_row: Counter[str] = Counter()
        self._blocked_meetings: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = self._draw_fault(scope)
        if kind is None:
            await self._app(scope, receive, send)
            return
        self.injected[kind] += 1
        answer = _BufferedAnswer()
        if kind != "429 without headers" or scope["method"] in _READS:
            await self._app(scope, receive, answer.receive_message)
        await self._break(kind, answer, scope, send)

    def _draw_fault(self, scope: Scope) -> str | None:
        if scope["path"].startswith("/_simulator"):
            return None
        call = f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
        if self._rng.random() >= self._probability or self._failures_in_a_row[call] >= MAX_IN_A_ROW:
            self._failures_in_a_row.pop(call, None)
            return None
        self._failures_in_a_row[call] += 1
        kind = self._rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        if kind not in _ONCE:
            return kind
        meeting = _meeting_id(scope)
        # Only Zoom sends an error in a 200. A firewall blocks the address of one meeting, rarely anything
        # else, and the meeting then fails for this run.
        if (
            meeting is None
            or meeting in self._blocked_meetings
            or (_path_prefix(scope) and kind != "blocked")
        ):
            return "error in HTML"
        self._blocked_meetings.add(meeting)
        return kind

    async def _break(self, kind: str, answer: _BufferedAnswer, scope: Scope, send: Send) -> None:
        if kind in _REPLACEMENTS:
            vendor_answers = _VENDOR_ANSWERS.get(_path_prefix(scope), _REPLACEMENTS)
            replacement = vendor_answers.get(kind, _REPLACEMENTS[kind])
            await answer.replaced(*replacement, self._clock.date_header()).send_to(send)
        elif kind == "late":
            await asyncio.sleep(SLOW_SECONDS / self._clock.speed)
            await answer.send_to(send)
        else:
            transport: asyncio.Transport = scope["extensions"][TRANSPORT]
            await answer.break_connection(kind, transport, send)


def _path_prefix(scope: Scope) -> str:
    """Return the prefix that identifies the vendor; empty for Zoom."""
    return next((prefix for prefix in _VENDOR_ANSWERS if scope["path"].startswith(prefix)), "")


def _meeting_id(scope: Scope) -> str | None:
    """Return what identifies the meeting in a request for its participants, None for other requests."""
    path: str = scope["path"]
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    if _path_prefix(scope) == DATATRACKER:
        return query.get("session") if path.endswith("/attended/") else None
    if _path_prefix(scope) == TEAMS:
        return path if path.endswith("/sessions") else None
    if _path_prefix(scope) != WEBEX:
        return path if path.endswith("/participants") else None
    return query.get("meetingId") if path.endswith("/meetingParticipants") else None


class _BufferedAnswer:
    """An answer that has not been sent yet."""

    def __init__(self) -> None:
        self.start: dict[str, Any] = {}
        self.body = b""

    async def receive_message(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = dict(message)
        else:
            self.body += message.get("body", b"")

    def replaced(self, status: int, content_type: bytes, body: bytes, date: bytes) -> _BufferedAnswer:
        other = _BufferedAnswer()
        headers = [
            (b"content-type", content_type),
            (b"content-length", b"%d" % len(body)),
            (b"date", date),
        ]
        other.start = {"type": "http.response.start", "status": status, "headers": headers}
        other.body = body
        return other

    async def send_to(self, send: Send) -> None:
        await send(self.start)
        await send({"type": "http.response.body", "body": self.body})

    async def break_connection(self, kind: str, transport: asyncio.Transport, send: Send) -> None:
        """Close the connection before the headers, right after them, or in the middle of the body."""
        if kind != "reset":
            await send(self.start)
        if kind == "half a body":
            part = self.body[: len(self.body) // 2]
            await send({"type": "http.response.body", "body": part, "more_body": True})
            transport.close()
        else:
            reset(transport)
        await asyncio.sleep(0.001)  # let the server notice that the client is gone


def reset(transport: asyncio.Transport) -> None:
    """Close with RST instead of FIN, as a firewall does."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
