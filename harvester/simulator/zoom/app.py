"""The simulated Zoom as an ASGI application: `/zoom/oauth/token` and everything below `/zoom/v2`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.http_bodies import encode_json, read_body
from harvester.simulator.organisation import Organisation
from harvester.simulator.zoom.access import SCOPES, Plan, RateLimits
from harvester.simulator.zoom.account import Account
from harvester.simulator.zoom.endpoints import instance_key, route
from harvester.simulator.zoom.error_responses import NO_DASHBOARD, ErrorResponse
from harvester.simulator.zoom.handlers import Handlers
from harvester.simulator.zoom.request import Request
from harvester.simulator.zoom.tokens import ACCOUNT_ID, CLIENT_ID, CLIENT_SECRET, Tokens

PREFIX = "/zoom"
_API = f"{PREFIX}/v2"
_TOKEN = f"{PREFIX}/oauth/token"
_CHUNK_BYTES = 1 << 18
_NOT_SUPPORTED = "Request method is not supported."

Handler = Callable[[Request], dict[str, Any]]


class Zoom:
    """One Zoom account.

    `daily_limit` is the number of Heavy and Resource-intensive calls per day, by default that of the plan.
    """

    def __init__(
        self, organisation: Organisation, clock: SimulatedClock, *, plan: Plan = "business",
        scopes: Sequence[str] | None = None, daily_limit: int | None = None,
    ) -> None:  # fmt: skip
        self.account = Account(organisation)
        self.rate_limits = RateLimits(clock, plan, daily_limit)
        self.calls: Counter[str] = Counter()
        self._handlers = Handlers(self.account, clock)
        self._tokens = Tokens(clock, SCOPES if scopes is None else scopes, organisation.seed)
        self._clock = clock
        self._plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("latin-1")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        error_response = None
        try:
            if path == _TOKEN:
                body = encode_json(self._token(scope, headers, await read_body(receive)))
            else:
                body = await self._get(scope, path, headers)
        except ErrorResponse as error:
            error_response, body = error, encode_json(error.body)
        await self._send(send, body, error_response)

    def _token(self, scope: Scope, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        self.calls[f"{scope['method']} /oauth/token"] += 1
        if scope["method"] != "POST":
            raise ErrorResponse(405, 405, _NOT_SUPPORTED)
        base = f"http://{headers.get('host', '127.0.0.1')}{PREFIX}"
        query, form = scope["query_string"].decode(), body.decode("utf-8", "replace")
        return self._tokens.issue(headers.get("authorization", ""), query, form, base)

    async def _get(self, scope: Scope, path: str, headers: Mapping[str, str]) -> bytes:
        endpoint, key = route(path.removeprefix(_API))
        self.calls[f"{scope['method']} {endpoint.template.replace('{}', '{id}')}"] += 1
        if scope["method"] != "GET":
            raise ErrorResponse(405, 405, _NOT_SUPPORTED)
        self._tokens.check(headers.get("authorization", ""))
        self.rate_limits.admit(endpoint.label)
        self._tokens.require(endpoint.scope, endpoint.classic)
        if endpoint.dashboard and self._plan != "business":
            raise ErrorResponse(400, 200, NO_DASHBOARD)
        request = Request(
            path=path,
            key=key if endpoint.template.startswith("/report/users") else instance_key(key),
            query=dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
            webinar="/webinars" in endpoint.template,
            instant=self._clock.milliseconds(),
        )
        handler: Handler = getattr(self._handlers, endpoint.handler)
        if endpoint.long or self._handlers.is_large(request.key):
            # In a thread: requests that wait while the event loop is busy would seem to arrive together.
            return await asyncio.to_thread(_encode_answer, handler, request)
        return _encode_answer(handler, request)

    async def _send(self, send: Send, body: bytes, error: ErrorResponse | None) -> None:
        headers = [
            (b"content-type", b"application/json;charset=UTF-8"),
            (b"content-length", b"%d" % len(body)),
            (b"date", self._clock.date_header()),
        ]
        if error is not None:
            headers += [(name.encode(), value.encode()) for name, value in error.headers.items()]
        status = 200 if error is None else error.status
        await send({"type": "http.response.start", "status": status, "headers": headers})
        # In chunks: a day of qualities is many megabytes, and copying them at once would block all other
        # requests.
        for start in range(0, len(body), _CHUNK_BYTES):
            chunk, more = body[start : start + _CHUNK_BYTES], start + _CHUNK_BYTES < len(body)
            await send({"type": "http.response.body", "body": chunk, "more_body": more})

    def traffic(self) -> dict[str, Any]:
        """Return the counted requests; for each rate limit also the refused ones and the peak of any window."""
        rate_limits = self.rate_limits
        classes = {
            label.lower().replace("-", "_"): rate.counts() for label, rate in rate_limits.classes.items()
        }
        return {
            "classes": classes,
            "refused": sum(rate.refused for rate in rate_limits.classes.values()) + rate_limits.daily.refused,
            "daily": {"limit": rate_limits.daily.limit, "used": rate_limits.daily.used},
            "calls": dict(self.calls),
        }


def environment(base: str, plan: Plan) -> dict[str, str]:
    """Return the settings that point a program at the account served at this address."""
    return {
        "ZOOM_ACCOUNT_ID": ACCOUNT_ID,
        "ZOOM_CLIENT_ID": CLIENT_ID,
        "ZOOM_CLIENT_SECRET": CLIENT_SECRET,
        "ZOOM_PLAN": plan,
        "ZOOM_API_URL": base + _API,
        "ZOOM_TOKEN_URL": base + _TOKEN,
    }


def _encode_answer(handler: Handler, request: Request) -> bytes:
    return encode_json(handler(request))
