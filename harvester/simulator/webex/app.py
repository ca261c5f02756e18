"""Webex on the wire: one ASGI application for `/webex/v1` and for the analytics hosts, `/webex-analytics/v1` and, of
another region, `/webex-analytics-eu/v1`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from starlette.types import Receive, Scope, Send

from harvester.simulator.clock import Calendar
from harvester.simulator.organisation import Organisation
from harvester.simulator.responses import body_of, encoded
from harvester.simulator.webex.access import Counters, Terms
from harvester.simulator.webex.account import Account
from harvester.simulator.webex.error_responses import Refusal, not_found
from harvester.simulator.webex.handlers import Answers
from harvester.simulator.webex.login import Login, Page
from harvester.simulator.webex.request import Question, Reply, parameters
from harvester.simulator.webex.tokens import CLIENT_ID, CLIENT_SECRET, Grant, Tokens, first_refresh_token

PREFIX = "/webex"
ANALYTICS = "/webex-analytics"
OTHER_ANALYTICS = "/webex-analytics-eu"
PREFIXES = (PREFIX, ANALYTICS, OTHER_ANALYTICS)
_HTML = "text/html; charset=utf-8"
_JSON = "application/json;charset=UTF-8"
_PLAIN = "application/json"
_PIECE = 1 << 18
_EXPIRY = "GET /authorizations/tokenExpiry"
_QUALITIES = "GET /meeting/qualities"

# By method and path, `{id}` for what is between the slashes: the method of `Answers` that answers it.
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
Handler = Callable[[Question], Reply]


class Webex:
    """One organisation at Webex."""

    def __init__(self, organisation: Organisation, calendar: Calendar, terms: Terms | None = None) -> None:
        self.terms = terms or Terms()
        self.account = Account(organisation)
        self.counters = Counters(calendar, self.terms)
        self.calls: Counter[str] = Counter()
        self._calendar = calendar
        began = calendar.shown.timestamp() - organisation.now / 1000
        self.tokens = Tokens(calendar, self.terms, organisation.seed, began)
        self._answers = Answers(self.account, self.counters, self.terms)
        self._login = Login(self.tokens, self.terms, self._answers.caller.name)
        self._refused = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("latin-1")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            told = await self._answer(scope, path, headers, receive)
        except Refusal as refused:
            self._refused += 1
            body = encoded(refused.body(self._refused))
            await self._send(send, refused.status, _JSON, body, refused.headers)
            return
        if isinstance(told, Page):
            place = {"Location": told.location} if told.location else {}
            await self._send(send, 302 if place else 200, _HTML, told.html.encode(), place)
        else:
            kind = _JSON if "/meetings" in path else _PLAIN
            body = b"" if told.status == 204 else encoded(told.body)
            await self._send(send, told.status, kind, body, told.headers)

    async def _answer(
        self, scope: Scope, path: str, headers: Mapping[str, str], receive: Receive
    ) -> Reply | Page:
        prefix, _, rest = path[1:].partition("/v1/")
        analytics = f"/{prefix}" != PREFIX
        method = scope["method"]
        call, key = _call(method, f"/{rest}", analytics=analytics)
        self.calls[call] += 1
        base = f"http://{headers.get('host', '127.0.0.1')}"
        body = await body_of(receive) if method == "POST" else b""
        door = self._door(call, method, scope["query_string"].decode(), headers, body, f"{base}/{prefix}/v1")
        if door is not None:
            return door
        grant = self.tokens.checked(headers.get("authorization", ""))
        self.counters.admit("analytics" if analytics else "general")
        if call == _EXPIRY:
            return Reply({"exp": self.tokens.expiry(grant)})
        asked = self._question(scope, base + path, key, grant, body)
        if call == _QUALITIES:
            return await self._qualities(asked)
        if call not in _CALLS:
            raise not_found("The requested resource could not be found.")
        handler: Handler = getattr(self._answers, _CALLS[call])
        return handler(asked)

    async def _qualities(self, asked: Question) -> Reply:
        self._answers.licensed(asked)
        if self._answers.crowded(asked.query.get("meetingId", ""), asked.instant):
            # Made elsewhere: while this loop is busy, requests pile up that did not come together.
            return await asyncio.to_thread(self._answers.qualities, asked)
        return self._answers.qualities(asked)

    def _door(
        self, call: str, method: str, query: str, headers: Mapping[str, str], form: bytes, base: str
    ) -> Reply | Page | None:
        """What is answered without a token."""
        if call.endswith(" /authorize"):
            return self._login.authorize(method, query, form)
        if call.endswith(" /device/verify"):
            return self._login.verify(method, query, form)
        if call == "POST /access_token":
            return Reply(self._login.access_token(headers, form))
        if call == "POST /device/authorize":
            return Reply(self._login.device_authorize(headers, form, base))
        if call == "POST /device/token":
            return Reply(self._login.device_token(headers, form))
        return None

    def _question(self, scope: Scope, path: str, key: str, grant: Grant, form: bytes) -> Question:
        return Question(
            path=path,
            key=key,
            query=parameters(scope["query_string"].decode()),
            instant=self._calendar.milliseconds(),
            scopes=grant.scopes,
            admin=self.terms.admin,
            form=form,
        )

    async def _send(self, send: Send, status: int, kind: str, body: bytes, more: Mapping[str, str]) -> None:
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"date", self._calendar.date()),
            (b"trackingid", b"ROUTERGW_%08x-inventedorg" % sum(self.calls.values())),
        ]
        headers += [(name.lower().encode(), value.encode()) for name, value in more.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for start in range(0, max(1, len(body)), _PIECE):
            piece, rest = body[start : start + _PIECE], start + _PIECE < len(body)
            await send({"type": "http.response.body", "body": piece, "more_body": rest})

    def traffic(self) -> dict[str, Any]:
        """How it was asked; of the qualities the smallest time between two calls about one meeting, refused ones
        with them, in the vendor's seconds, None where there were no two."""
        counters = self.counters
        rates = counters.classes.values()
        return {
            "classes": {name: rate.counted() for name, rate in counters.classes.items()},
            "refused": sum(rate.refused for rate in rates) + counters.qualities.refused,
            "qualities": {
                "requests": counters.qualities.requests,
                "refused": counters.qualities.refused,
                "smallest_gap": counters.smallest_gap,
            },
            "tokens": {"refreshes": self.tokens.refreshes, "active": self.tokens.active()},
            "calls": dict(self.calls),
        }


def _call(method: str, path: str, *, analytics: bool) -> tuple[str, str]:
    """The call as it is counted, and the id in its path."""
    call = f"{method} {path}"
    if analytics:
        return (call, "") if call == _QUALITIES else (f"{method} (unknown)", "")
    if call in _CALLS or call in _DOORS:
        return call, ""
    front, _, key = path.rpartition("/")
    call = f"{method} {front}/{{id}}"
    return (call, unquote(key)) if key and call in _CALLS else (f"{method} (unknown)", "")


_DOORS = frozenset(
    {
        "GET /authorize", "POST /authorize", "POST /access_token", "POST /device/authorize", "POST /device/token",
        "GET /device/verify", "POST /device/verify", _EXPIRY,
    }
)  # fmt: skip


def environment(base: str, terms: Terms, seed: int) -> dict[str, str]:
    """The settings that point a program to the account that is served at this address."""
    return {
        "WEBEX_CLIENT_ID": CLIENT_ID,
        "WEBEX_CLIENT_SECRET": CLIENT_SECRET,
        "WEBEX_REFRESH_TOKEN": first_refresh_token(seed, terms),
        "WEBEX_API_URL": f"{base}{PREFIX}/v1",
        "WEBEX_ANALYTICS_URL": f"{base}{ANALYTICS}/v1",
    }
