"""The simulated Webex as an ASGI application.

It serves `/webex/v1`, the analytics host `/webex-analytics/v1`, and the analytics host of another region,
`/webex-analytics-eu/v1`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from starlette.types import Receive, Scope, Send

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.http_bodies import encode_json, read_body
from harvester.simulator.organisation import Organisation
from harvester.simulator.webex.access import RateLimits, WebexOptions
from harvester.simulator.webex.account import Account
from harvester.simulator.webex.error_responses import ErrorResponse, not_found
from harvester.simulator.webex.handlers import Handlers
from harvester.simulator.webex.login import Login, Page
from harvester.simulator.webex.request import Request, Response, query_parameters
from harvester.simulator.webex.tokens import CLIENT_ID, CLIENT_SECRET, Grant, Tokens, first_refresh_token

PREFIX = "/webex"
ANALYTICS = "/webex-analytics"
OTHER_ANALYTICS = "/webex-analytics-eu"
PREFIXES = (PREFIX, ANALYTICS, OTHER_ANALYTICS)
_HTML = "text/html; charset=utf-8"
_JSON = "application/json;charset=UTF-8"
_PLAIN = "application/json"
_CHUNK_BYTES = 1 << 18
_EXPIRY = "GET /authorizations/tokenExpiry"
_QUALITIES = "GET /meeting/qualities"

# By method and path, with `{id}` for the last part: the method of `Handlers` that answers.
_CALLS = {
    "GET /meetings": "meetings",
    "GET /meetings/{id}": "meeting",
    "GET /admin/meetings": "admin_meetings",
    "GET /admin/meetings/{id}": "admin_meeting",
    "GET /meetingParticipants": "participants",
    "POST /meetingParticipants/query": "queried_participants",
    "GET /meetingParticipants/{id}": "participant",
    "GET /people": "people",
    "GET /people/me": "me",
    "GET /meetingPreferences/sites": "sites",
}
Handler = Callable[[Request], Response]


class Webex:
    """One organisation at Webex."""

    def __init__(
        self, organisation: Organisation, clock: SimulatedClock, options: WebexOptions | None = None
    ) -> None:
        self.options = options or WebexOptions()
        self.account = Account(organisation)
        self.rate_limits = RateLimits(clock, self.options)
        self.calls: Counter[str] = Counter()
        self._clock = clock
        began = clock.start.timestamp() - organisation.now / 1000
        self.tokens = Tokens(clock, self.options, organisation.seed, began)
        self._handlers = Handlers(self.account, self.rate_limits, self.options)
        self._login = Login(self.tokens, self.options, self._handlers.caller.name)
        self._error_count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("latin-1")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            response = await self._answer(scope, path, headers, receive)
        except ErrorResponse as error:
            self._error_count += 1
            body = encode_json(error.body(self._error_count))
            await self._send(send, error.status, _JSON, body, error.headers)
            return
        if isinstance(response, Page):
            location = {"Location": response.location} if response.location else {}
            await self._send(send, 302 if location else 200, _HTML, response.html.encode(), location)
        else:
            kind = _JSON if "/meetings" in path else _PLAIN
            body = b"" if response.status == 204 else encode_json(response.body)
            await self._send(send, response.status, kind, body, response.headers)

    async def _answer(
        self, scope: Scope, path: str, headers: Mapping[str, str], receive: Receive
    ) -> Response | Page:
        prefix, _, rest = path[1:].partition("/v1/")
        analytics = f"/{prefix}" != PREFIX
        method = scope["method"]
        call, key = _call(method, f"/{rest}", analytics=analytics)
        if method != "HEAD":  # by which a client asks for the time
            self.calls[call] += 1
        base = f"http://{headers.get('host', '127.0.0.1')}"
        body = await read_body(receive) if method == "POST" else b""
        response = self._answer_login(
            call, method, scope["query_string"].decode(), headers, body, f"{base}/{prefix}/v1"
        )
        if response is not None:
            return response
        grant = self.tokens.check(headers.get("authorization", ""))
        self.rate_limits.admit("analytics" if analytics else "general")
        if call == _EXPIRY:
            return Response({"exp": self.tokens.expiry(grant)})
        request = self._request(scope, base + path, key, grant, body)
        if call == _QUALITIES:
            return await self._qualities(request)
        if call not in _CALLS:
            raise not_found("The requested resource could not be found.")
        handler: Handler = getattr(self._handlers, _CALLS[call])
        return handler(request)

    async def _qualities(self, request: Request) -> Response:
        self._handlers.licensed(request)
        if self._handlers.is_large(request.query.get("meetingId", ""), request.instant):
            # In a thread: requests that wait while the event loop is busy would seem to arrive together.
            return await asyncio.to_thread(self._handlers.qualities, request)
        return self._handlers.qualities(request)

    def _answer_login(
        self, call: str, method: str, query: str, headers: Mapping[str, str], form: bytes, base: str
    ) -> Response | Page | None:
        """Answer the calls that need no token; return None for others."""
        if call.endswith(" /authorize"):
            return self._login.authorize(method, query, form)
        if call.endswith(" /device/verify"):
            return self._login.verify(method, query, form)
        if call == "POST /access_token":
            return Response(self._login.access_token(headers, form))
        if call == "POST /device/authorize":
            return Response(self._login.device_authorize(headers, form, base))
        if call == "POST /device/token":
            return Response(self._login.device_token(headers, form))
        return None

    def _request(self, scope: Scope, path: str, key: str, grant: Grant, form: bytes) -> Request:
        return Request(
            path=path,
            key=key,
            query=query_parameters(scope["query_string"].decode()),
            instant=self._clock.milliseconds(),
            scopes=grant.scopes,
            admin=self.options.admin,
            form=form,
        )

    async def _send(self, send: Send, status: int, kind: str, body: bytes, more: Mapping[str, str]) -> None:
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"date", self._clock.date_header()),
            (b"trackingid", b"ROUTERGW_%08x-inventedorg" % sum(self.calls.values())),
        ]
        headers += [(name.lower().encode(), value.encode()) for name, value in more.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for start in range(0, max(1, len(body)), _CHUNK_BYTES):
            chunk, rest = body[start : start + _CHUNK_BYTES], start + _CHUNK_BYTES < len(body)
            await send({"type": "http.response.body", "body": chunk, "more_body": rest})

    def traffic(self) -> dict[str, Any]:
        """Return the counted requests.

        `smallest_gap` is the shortest time between two calls for one meeting's qualities, refused ones
        included, in the vendor's seconds; None if there were no two.
        """
        rate_limits = self.rate_limits
        rates = rate_limits.classes.values()
        return {
            "classes": {name: rate.counts() for name, rate in rate_limits.classes.items()},
            "refused": sum(rate.refused for rate in rates) + rate_limits.qualities.refused,
            "qualities": {
                "requests": rate_limits.qualities.requests,
                "refused": rate_limits.qualities.refused,
                "smallest_gap": rate_limits.smallest_gap,
            },
            "tokens": {"refreshes": self.tokens.refreshes, "active": self.tokens.active()},
            "calls": dict(self.calls),
        }


def _call(method: str, path: str, *, analytics: bool) -> tuple[str, str]:
    """Return the call under which a request is counted, and the id in its path."""
    call = f"{method} {path}"
    if analytics:
        return (call, "") if call == _QUALITIES else (f"{method} (unknown)", "")
    if call in _CALLS or call in _LOGIN_CALLS:
        return call, ""
    front, _, key = path.rpartition("/")
    call = f"{method} {front}/{{id}}"
    return (call, unquote(key)) if key and call in _CALLS else (f"{method} (unknown)", "")


_LOGIN_CALLS = frozenset(
    {
        "GET /authorize", "POST /authorize", "POST /access_token", "POST /device/authorize", "POST /device/token",
        "GET /device/verify", "POST /device/verify", _EXPIRY,
    }
)  # fmt: skip


def environment(base: str, options: WebexOptions, seed: int) -> dict[str, str]:
    """Return the settings that point a program at the account served at this address."""
    return {
        "WEBEX_CLIENT_ID": CLIENT_ID,
        "WEBEX_CLIENT_SECRET": CLIENT_SECRET,
        "WEBEX_REFRESH_TOKEN": first_refresh_token(seed, options),
        "WEBEX_API_URL": f"{base}{PREFIX}/v1",
        "WEBEX_ANALYTICS_URL": f"{base}{ANALYTICS}/v1",
    }
