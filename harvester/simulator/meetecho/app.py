"""The simulated Meetecho and datatracker as an ASGI application.

It serves `/meetecho/api/v1`, `/api/v1`, which is the path in the datatracker's links, the datatracker's decks, and
`/_simulator/meetecho`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from starlette.types import Receive, Scope, Send

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.http_bodies import encode_json, read_body
from harvester.simulator.meetecho import control_endpoint
from harvester.simulator.meetecho.account import Account
from harvester.simulator.meetecho.attendance import Attendance
from harvester.simulator.meetecho.control_endpoint import Control
from harvester.simulator.meetecho.datatracker import datatracker_api
from harvester.simulator.meetecho.error_responses import ErrorResponse
from harvester.simulator.meetecho.materials import FILES, Materials
from harvester.simulator.meetecho.meetecho_api import RoomsApi
from harvester.simulator.meetecho.options import MeetechoOptions
from harvester.simulator.meetecho.planned_faults import Exchange, Exchanges, Reply, send_reply
from harvester.simulator.meetecho.request import Request
from harvester.simulator.meetecho.schedule import CONFIGURED
from harvester.simulator.meetecho.tastypie import ROOT, BadRequest, BrokenRow
from harvester.simulator.meetecho.tokens import CLIENT_ID, CLIENT_SECRET
from harvester.simulator.organisation import Organisation
from harvester.simulator.rate_limits import RateLimit

PREFIX = "/meetecho"
MEETECHO = f"{PREFIX}/api/v1/"
PREFIXES = (PREFIX, ROOT.rstrip("/"), "/api/meeting", FILES.rstrip("/"), "/_simulator")
PERSONAL = frozenset({"person/email", "meeting/registration", "stats/meetingregistration"})
"""Resources with e-mail addresses: requests are counted and answered as if the resource did not exist."""

_SESSION_MATERIALS = re.compile(r"/api/meeting/session/(\d+)/materials")
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
        self.materials = Materials(self.account)
        self.exchanges = Exchanges(clock)
        self.rooms = RoomsApi(self.account, clock, self.options, self.materials)
        self.control = Control(self.rooms, self.materials, self.exchanges)
        self.datatracker = datatracker_api(self.account, self.attendance)
        self._clock = clock
        self._request_count = 0
        self._hurried = 0
        self._turned_away: dict[str, float] = {}
        self._writes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = await read_body(receive)
        if path.startswith(ROOT):
            reply: Reply | None = self._answer_datatracker(scope["method"], path, query)
        elif path.startswith("/_simulator"):
            reply = self._answer_control(scope["method"], path, body)
        elif path.startswith(PREFIX):
            request = Request(
                method=scope["method"],
                path=path.removeprefix(MEETECHO),
                query=query,
                headers=headers,
                content=body,
            )
            exchange = self.rooms.exchange(request)
            reply = await self.exchanges.answer(exchange, partial(self._answer_rooms, request), scope)
        else:
            exchange, carry_out = self._materials_exchange(scope["method"], path, headers)
            reply = await self.exchanges.answer(exchange, carry_out, scope)
        if reply is not None:
            await send_reply(send, reply, self._clock.date_header(), _CHUNK_BYTES)

    def _answer_rooms(self, request: Request) -> Reply:
        try:
            status, body = self.rooms.answer(request)
        except ErrorResponse as error:
            # The answer repeats the request, so a program that prints error bodies prints secrets.
            sent = request.content.decode("utf-8", "replace")
            words = f"{error.message}: {request.headers.get('authorization', '')} {sent}"
            if error.status % 2:
                return Reply(status=error.status, kind=_JSON, content=encode_json({"error": words}))
            page = f"<html><body>{words}</body></html>".encode()
            return Reply(status=error.status, kind=_HTML, content=page)
        return Reply(status=status, kind=_JSON, content=b"" if body is None else json.dumps(body).encode())

    def _answer_control(self, method: str, path: str, content: bytes) -> Reply:
        if path != control_endpoint.PATH:
            return Reply(status=404, kind=_HTML)
        if method == "GET":
            return Reply(status=200, kind=_JSON, content=encode_json(self.control.state()))
        try:
            self.control.change(json.loads(content))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return Reply(status=400, kind=_JSON, content=encode_json({"error": repr(error)}))
        return Reply(status=200, kind=_JSON, content=b"{}")

    def _materials_exchange(
        self, method: str, path: str, headers: Mapping[str, str]
    ) -> tuple[Exchange, Callable[[], Reply]]:
        """Describe a request for a session's list of decks or for a file, and return what answers it."""
        found = _SESSION_MATERIALS.fullmatch(path)
        if found is not None:
            call, about = f"{method} session materials", found[1]
            base = f"http://{headers.get('host', '')}"
            carry_out = partial(self._answer_session_materials, method, int(found[1]), base)
        else:
            call, about = f"{method} deck", unquote(path)
            carry_out = partial(self._answer_file, method, unquote(path))
        writes = method not in {"GET", "HEAD"}

        def count_and_answer() -> Reply:
            self.calls[call] += 1
            self._writes += writes
            return carry_out()

        return Exchange(call=call, about=about, writes=writes), count_and_answer

    def _answer_session_materials(self, method: str, pk: int, base: str) -> Reply:
        body = self.materials.body(pk, base)
        if method != "GET" or body is None:
            return Reply(status=404 if body is None else 405, kind=_HTML)
        return Reply(status=200, kind=_JSON, content=encode_json(body))

    def _answer_file(self, method: str, path: str) -> Reply:
        if method not in {"GET", "HEAD"}:
            return Reply(status=405, kind=_HTML)
        status = self.materials.file_status(path)
        if status == 302:
            return Reply(status=302, kind=_HTML, headers={"Location": "/accounts/login/?next=" + quote(path)})
        if status != 200:
            return Reply(status=status, kind=_HTML)
        return Reply(status=200, kind="application/pdf", content=b"%PDF-1.7\n" if method == "GET" else b"")

    def _answer_datatracker(self, method: str, path: str, query: str) -> Reply:
        parts = [unquote(part) for part in path.removeprefix(ROOT).split("/")]
        name = "/".join(parts[:2])
        known = name in self.datatracker.resources
        self.calls[f"{method} {name if known or name in PERSONAL else '(unknown)'}"] += 1
        wait = self._turn_away(f"{path}?{query}")
        if wait is not None:
            refusal = b'{"error": "Too many requests"}'
            return Reply(status=429, kind=_JSON, content=refusal, headers={"Retry-After": wait})
        if not known or method != "GET":
            self._writes += method not in {"GET", "HEAD"}
            return Reply(status=405 if known else 404, kind=_HTML)
        if not path.endswith("/"):
            location = f"{path}/?{query}" if query else f"{path}/"
            return Reply(status=301, kind=_HTML, headers={"Location": location})
        try:
            body = self._datatracker_body(name, parts[2:-1], parse_qs(query, keep_blank_values=True))
        except BadRequest as wrong:
            content = encode_json({"error": wrong.message}) if wrong.message else b""
            return Reply(status=wrong.status, kind=_JSON if content else _HTML, content=content)
        except BrokenRow as broken:
            return Reply(status=broken.status, kind=_HTML)
        return Reply(status=200, kind=_JSON, content=encode_json(body))

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
