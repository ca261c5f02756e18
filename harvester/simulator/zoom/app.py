"""Zoom on the wire: one ASGI application for `/zoom/oauth/token` and everything below `/zoom/v2`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from harvester.simulator.clock import Calendar
from harvester.simulator.organisation import Organisation
from harvester.simulator.responses import body_of, encoded
from harvester.simulator.zoom.access import SCOPES, Counters, Plan
from harvester.simulator.zoom.account import Account
from harvester.simulator.zoom.endpoints import instance_key, route
from harvester.simulator.zoom.error_responses import NO_DASHBOARD, Refusal
from harvester.simulator.zoom.handlers import Answers
from harvester.simulator.zoom.request import Question
from harvester.simulator.zoom.tokens import ACCOUNT_ID, CLIENT_ID, CLIENT_SECRET, Tokens

PREFIX = "/zoom"
_API = f"{PREFIX}/v2"
_TOKEN = f"{PREFIX}/oauth/token"
_PIECE = 1 << 18
_NOT_SUPPORTED = "Request method is not supported."

Handler = Callable[[Question], dict[str, Any]]


class Zoom:
    """One account of Zoom. `daily_limit`: Heavy and Resource-intensive calls a day, the plan's unless given."""

    def __init__(
        self, organisation: Organisation, calendar: Calendar, *, plan: Plan = "business",
        scopes: Sequence[str] | None = None, daily_limit: int | None = None,
    ) -> None:  # fmt: skip
        self.account = Account(organisation)
        self.counters = Counters(calendar, plan, daily_limit)
        self.calls: Counter[str] = Counter()
        self._answers = Answers(self.account, calendar)
        self._tokens = Tokens(calendar, SCOPES if scopes is None else scopes, organisation.seed)
        self._calendar = calendar
        self._plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("latin-1")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = None
        try:
            if path == _TOKEN:
                body = encoded(self._token(scope, headers, await body_of(receive)))
            else:
                body = await self._get(scope, path, headers)
        except Refusal as refused:
            refusal, body = refused, encoded(refused.body)
        await self._send(send, body, refusal)

    def _token(self, scope: Scope, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        self.calls[f"{scope['method']} /oauth/token"] += 1
        if scope["method"] != "POST":
            raise Refusal(405, 405, _NOT_SUPPORTED)
        base = f"http://{headers.get('host', '127.0.0.1')}{PREFIX}"
        query, form = scope["query_string"].decode(), body.decode("utf-8", "replace")
        return self._tokens.answer(headers.get("authorization", ""), query, form, base)

    async def _get(self, scope: Scope, path: str, headers: Mapping[str, str]) -> bytes:
        call, key = route(path.removeprefix(_API))
        self.calls[f"{scope['method']} {call.template.replace('{}', '{id}')}"] += 1
        if scope["method"] != "GET":
            raise Refusal(405, 405, _NOT_SUPPORTED)
        self._tokens.check(headers.get("authorization", ""))
        self.counters.admit(call.label)
        self._tokens.require(call.scope, call.classic)
        if call.dashboard and self._plan != "business":
            raise Refusal(400, 200, NO_DASHBOARD)
        asked = Question(
            path=path,
            key=key if call.template.startswith("/report/users") else instance_key(key),
            query=dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
            webinar="/webinars" in call.template,
            instant=self._calendar.milliseconds(),
        )
        handler: Handler = getattr(self._answers, call.handler)
        if call.long or self._answers.crowded(asked.key):
            # Made elsewhere: while this loop is busy, requests pile up that did not come together.
            return await asyncio.to_thread(_answered, handler, asked)
        return _answered(handler, asked)

    async def _send(self, send: Send, body: bytes, refusal: Refusal | None) -> None:
        headers = [
            (b"content-type", b"application/json;charset=UTF-8"),
            (b"content-length", b"%d" % len(body)),
            (b"date", self._calendar.date()),
        ]
        if refusal is not None:
            headers += [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
        status = 200 if refusal is None else refusal.status
        await send({"type": "http.response.start", "status": status, "headers": headers})
        # In pieces: a day of qualities is many megabytes, and nobody else is served while they are copied.
        for start in range(0, len(body), _PIECE):
            piece, more = body[start : start + _PIECE], start + _PIECE < len(body)
            await send({"type": "http.response.body", "body": piece, "more_body": more})

    def traffic(self) -> dict[str, Any]:
        """How it was asked. Of each rate class: requests, refused, and the fullest of all windows of its period."""
        counters = self.counters
        classes = {
            label.lower().replace("-", "_"): rate.counted() for label, rate in counters.classes.items()
        }
        return {
            "classes": classes,
            "refused": sum(rate.refused for rate in counters.classes.values()) + counters.daily.refused,
            "daily": {"limit": counters.daily.limit, "used": counters.daily.used},
            "calls": dict(self.calls),
        }


def environment(base: str, plan: Plan) -> dict[str, str]:
    """The settings that point a program to the account that is served at this address."""
    return {
        "ZOOM_ACCOUNT_ID": ACCOUNT_ID,
        "ZOOM_CLIENT_ID": CLIENT_ID,
        "ZOOM_CLIENT_SECRET": CLIENT_SECRET,
        "ZOOM_PLAN": plan,
        "ZOOM_API_URL": base + _API,
        "ZOOM_TOKEN_URL": base + _TOKEN,
    }


def _answered(handler: Handler, asked: Question) -> bytes:
    return encoded(handler(asked))
