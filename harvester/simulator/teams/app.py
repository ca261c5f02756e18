"""The simulated Microsoft Teams as an ASGI application.

It serves the token endpoint below `/teams/login`, Microsoft Graph below `/teams/graph/v1.0`, and `/_simulator/teams`.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.types import Receive, Scope, Send

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.http_bodies import encode_json, read_body
from harvester.simulator.organisation import Organisation, seeded_random
from harvester.simulator.teams import control_endpoint
from harvester.simulator.teams.access import RateLimits, require
from harvester.simulator.teams.account import Account
from harvester.simulator.teams.control_endpoint import Control
from harvester.simulator.teams.error_responses import ErrorResponse, not_found
from harvester.simulator.teams.formats import TICKS_PER_MILLISECOND, stamp, uuid
from harvester.simulator.teams.handlers import Handlers
from harvester.simulator.teams.options import CALL_RECORDS, ONLINE_MEETINGS, TeamsOptions
from harvester.simulator.teams.paging import without_nulls
from harvester.simulator.teams.request import Request, preferences
from harvester.simulator.teams.tokens import CLIENT_ID, CLIENT_SECRET, TENANT_ID, Tokens

PREFIX = "/teams"
LOGIN = f"{PREFIX}/login"
GRAPH = f"{PREFIX}/graph"
_API = f"{GRAPH}/v1.0"
_TOKEN = "/oauth2/v2.0/token"
_JSON = "application/json; charset=utf-8"
_GRAPH_JSON = (
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
)
_CHUNK_BYTES = 1 << 18
_RECORDS = "/communications/callRecords"
_RECORD = f"{_RECORDS}/{{id}}"
_SESSIONS = f"{_RECORD}/sessions"
_PARTICIPANTS = f"{_RECORD}/participants_v2"
_ONLINE_MEETINGS = "/users/{id}/onlineMeetings"
_CALLS = frozenset({_RECORDS, _RECORD, _SESSIONS, _PARTICIPANTS, _ONLINE_MEETINGS})


class Teams:
    """One tenant."""

    def __init__(
        self, organisation: Organisation, clock: SimulatedClock, options: TeamsOptions | None = None
    ) -> None:
        self.options = options or TeamsOptions()
        self.account = Account(organisation)
        self.rate_limits = RateLimits(clock, self.options)
        self.tokens = Tokens(clock, self.options, organisation.seed)
        self.calls: Counter[str] = Counter()
        self._handlers = Handlers(self.account, self.options)
        self.control = Control(self.account, self._handlers, clock)
        self._clock = clock
        self._request_count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("latin-1")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self._request_count += 1
        request_id = uuid(seeded_random.digest("teams request", self._request_count))
        more, kind = {"request-id": request_id}, _JSON if path.startswith(LOGIN) else _GRAPH_JSON
        try:
            status, body = 200, await self._answer(scope, path, headers, receive)
        except ErrorResponse as error:
            date = stamp(self._clock.milliseconds() * TICKS_PER_MILLISECOND)
            status, body = error.status, encode_json(error.body(request_id, date))
            more |= error.headers
        await self._send(send, status, kind, body, more)

    async def _answer(self, scope: Scope, path: str, headers: Mapping[str, str], receive: Receive) -> bytes:
        method, base = scope["method"], f"http://{headers.get('host', '127.0.0.1')}"
        if path == control_endpoint.PATH:
            return self._answer_control(method, await read_body(receive))
        if path.startswith(f"{LOGIN}/") and path.endswith(_TOKEN):
            tenant = unquote(path.removeprefix(f"{LOGIN}/").removesuffix(_TOKEN))
            self.calls[f"{method} {_TOKEN}"] += 1
            if method != "POST":
                raise ErrorResponse(405, "MethodNotAllowed", "")
            form = (await read_body(receive)).decode("utf-8", "replace")
            return encode_json(self.tokens.issue(tenant, form, base + GRAPH))
        call, key = _route(path.removeprefix(_API) if path.startswith(f"{_API}/") else "")
        if method != "HEAD":  # by which a client asks for the time
            self.calls[f"{method} {call}"] += 1
        if method != "GET" or call not in _CALLS:
            raise not_found()
        return await self._get(call, key, base + path, scope["query_string"].decode(), headers)

    async def _get(self, call: str, key: str, url: str, query: str, headers: Mapping[str, str]) -> bytes:
        self.tokens.check(headers.get("authorization", ""))
        of_record = call in {_RECORD, _SESSIONS, _PARTICIPANTS}
        self.rate_limits.admit(listing=call == _RECORDS, record=key if of_record else None)
        require(self.options, ONLINE_MEETINGS if call == _ONLINE_MEETINGS else CALL_RECORDS)
        request = Request(
            url=url,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            instant=self._clock.milliseconds(),
            prefer=preferences(headers.get("prefer", "")),
        )
        answer = partial(_encode_answer, self._handler(call, request, key), request)
        if of_record and self._handlers.is_large(key):
            # In a thread: requests that wait while the event loop is busy would seem to arrive together.
            return await asyncio.to_thread(answer)
        return answer()

    def _handler(self, call: str, request: Request, key: str) -> Callable[[], dict[str, Any]]:
        if call == _RECORDS:
            return partial(self._handlers.list_records, request)
        by_key = {
            _RECORD: self._handlers.record,
            _SESSIONS: self._handlers.sessions,
            _PARTICIPANTS: self._handlers.participants,
            _ONLINE_MEETINGS: self._handlers.online_meetings,
        }
        return partial(by_key[call], request, key)

    def _answer_control(self, method: str, content: bytes) -> bytes:
        if method == "GET":
            return encode_json(self.control.state())
        try:
            self.control.change(json.loads(content))
        except (TypeError, ValueError) as error:
            raise ErrorResponse(400, "BadRequest", repr(error)) from None
        return b"{}"

    async def _send(self, send: Send, status: int, kind: str, body: bytes, more: Mapping[str, str]) -> None:
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"date", self._clock.date_header()),
            *((name.lower().encode(), value.encode()) for name, value in more.items()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        # In chunks: a page of sessions may be megabytes, and copying it at once would block all other requests.
        for start in range(0, max(1, len(body)), _CHUNK_BYTES):
            chunk, rest = body[start : start + _CHUNK_BYTES], start + _CHUNK_BYTES < len(body)
            await send({"type": "http.response.body", "body": chunk, "more_body": rest})

    def traffic(self) -> dict[str, Any]:
        """Return the counted requests, with the peaks of any second and of any ten seconds as `observed`."""
        rate_limits = self.rate_limits
        refused = sum(rate.refused for rate in rate_limits.classes.values()) + rate_limits.record_refusals
        return {
            "classes": {name: rate.counts() for name, rate in rate_limits.classes.items()},
            "observed": {name: rate.peak for name, rate in rate_limits.observed.items()},
            "refused": refused,
            "tokens": {"issued": self.tokens.issued},
            "calls": dict(self.calls),
        }


def _route(path: str) -> tuple[str, str]:
    """Return the call of a path below the version, and the id in it."""
    parts = path.strip("/").split("/")
    if parts[:2] == ["communications", "callRecords"]:
        if len(parts) == 2:
            return _RECORDS, ""
        return "/".join(["", *parts[:2], "{id}", *parts[3:]]), unquote(parts[2])
    if len(parts) == 3 and parts[0] == "users":
        return f"/users/{{id}}/{parts[2]}", unquote(parts[1])
    return "(unknown)", ""


def _encode_answer(handler: Callable[[], dict[str, Any]], request: Request) -> bytes:
    body = handler()
    return encode_json(without_nulls(body) if request.omit_nulls else body)


def environment(base: str) -> dict[str, str]:
    """Return the settings that point a program at the tenant served at this address."""
    return {
        "TEAMS_TENANT_ID": TENANT_ID,
        "TEAMS_CLIENT_ID": CLIENT_ID,
        "TEAMS_CLIENT_SECRET": CLIENT_SECRET,
        "TEAMS_CLOUD": "global",
        "TEAMS_API_URL": base + GRAPH,
        "TEAMS_LOGIN_URL": base + LOGIN,
    }
