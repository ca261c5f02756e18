"""The simulated Google as an ASGI application: the token endpoint and the four APIs, below `/google`."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote

from starlette.types import Receive, Scope, Send

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.faults import TRANSPORT, reset
from harvester.simulator.google_meet import service_account
from harvester.simulator.google_meet.access import RateLimits
from harvester.simulator.google_meet.account import Account
from harvester.simulator.google_meet.attendance import Attendance
from harvester.simulator.google_meet.calendar_api import CalendarApi
from harvester.simulator.google_meet.directory_api import DirectoryApi
from harvester.simulator.google_meet.error_responses import ErrorResponse
from harvester.simulator.google_meet.field_mask import apply_mask, parse_mask
from harvester.simulator.google_meet.login import client_file
from harvester.simulator.google_meet.meet_api import MeetApi
from harvester.simulator.google_meet.options import GoogleOptions
from harvester.simulator.google_meet.reports_api import ReportsApi
from harvester.simulator.google_meet.request import Request
from harvester.simulator.google_meet.rooms import control_endpoint
from harvester.simulator.google_meet.rooms.app import Rooms
from harvester.simulator.google_meet.rooms.planned_faults import LostConnection
from harvester.simulator.google_meet.tokens import Grant, Tokens, authorized_user
from harvester.simulator.http_bodies import encode_json, read_body
from harvester.simulator.organisation import Organisation

PREFIX = "/google"
TOKEN = f"{PREFIX}/token"
CONSENT = f"{PREFIX}/auth"
# By API, the beginning of its paths.
_ROOTS = {
    "meet": f"{PREFIX}/meet/v2/",
    "reports": f"{PREFIX}/admin/admin/reports/v1/",
    "directory": f"{PREFIX}/admin/admin/directory/v1/",
    "calendar": f"{PREFIX}/calendar/v3/",
}
_COLLECTIONS = frozenset(
    {
        "conferenceRecords", "participants", "participantSessions", "recordings", "transcripts", "smartNotes", "spaces",
        "activity", "users", "applications", "calendars", "events", "customer", "resources", "channels", "freeBusy",
    }
)  # fmt: skip
_JSON = "application/json; charset=UTF-8"
_HTML = "text/html; charset=UTF-8"
_NOTHING_HERE = (
    b"<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title><p>404. That's an error."
)
_CHUNK_BYTES = 1 << 18


class GoogleMeet:
    """One organisation at Google."""

    def __init__(
        self, organisation: Organisation, clock: SimulatedClock, options: GoogleOptions | None = None
    ) -> None:
        self.options = options or GoogleOptions()
        self.account = Account(organisation, self.options.ids)
        self.attendance = Attendance(self.account)
        self.rate_limits = RateLimits(clock)
        self.calls: Counter[str] = Counter()
        self._clock = clock
        began = clock.start.timestamp() - organisation.now / 1000
        self.tokens = Tokens(clock, self.account, self.options, began)
        self._meet = MeetApi(self.account, self.attendance, self.options)
        self._reports = ReportsApi(self.account, self.attendance, self.options)
        self._directory = DirectoryApi(self.account, self.options)
        self._calendar_api = CalendarApi(self.account, self.options)
        self.rooms = Rooms(self.account, clock, self.options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("latin-1")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = await read_body(receive) if scope["method"] == "POST" else b""
        if path == control_endpoint.PATH:
            await self._control(send, scope, body)
            return
        if path == TOKEN:
            await self._token(send, headers, body)
            return
        if path == CONSENT:
            await self._login(send, scope["method"], scope["query_string"].decode(), body)
            return
        api = next((name for name, root in _ROOTS.items() if path.startswith(root)), None)
        if api is None:
            if scope["method"] != "HEAD":  # by which a client asks for the time
                self.calls["(unknown)"] += 1
            await self._send(send, 404, _HTML, _NOTHING_HERE)
            return
        try:
            answer = self._answer(api, scope, path, headers, body)
            if answer is None:
                await self._send(send, 204, _JSON, b"")
                return
            await self._send(send, 200, _JSON, encode_json(answer))
        except LostConnection:
            transport: asyncio.Transport = scope["extensions"][TRANSPORT]
            reset(transport)
            await asyncio.sleep(0.001)  # let the server notice that the client is gone
        except ErrorResponse as error:
            answer = error.body(older=api != "meet")
            await self._send(send, error.status, _JSON, encode_json(answer), error.headers)

    async def _control(self, send: Send, scope: Scope, body: bytes) -> None:
        """Answer `/_simulator/rooms`."""
        query = parse_qs(scope["query_string"].decode())
        try:
            if scope["method"] == "POST":
                self.rooms.control.change(json.loads(body))
            state = self.rooms.control.state(query.get("at", [""])[-1])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            await self._send(send, 400, _JSON, encode_json({"error": repr(error)}))
            return
        await self._send(send, 200, _JSON, encode_json(state))

    async def _token(self, send: Send, headers: Mapping[str, str], form: bytes) -> None:
        self.calls["POST /token"] += 1
        own = f"http://{headers.get('host', '127.0.0.1')}{TOKEN}"
        try:
            await self._send(send, 200, _JSON, encode_json(self.tokens.token(headers, form, own)))
        except ErrorResponse as error:
            await self._send(send, error.status, _JSON, encode_json(error.body(older=False)))

    async def _login(self, send: Send, method: str, query: str, form: bytes) -> None:
        self.calls[f"{method} /auth"] += 1
        try:
            page = self.tokens.login.authorize(method, query, form, self.tokens.now())
        except ErrorResponse as error:
            page_body = f"<!DOCTYPE html><title>Error</title><p>Error {error.status}: {error.oauth}".encode()
            await self._send(send, error.status, _HTML, page_body)
            return
        location = {"Location": page.location} if page.location else {}
        await self._send(send, 302 if location else 200, _HTML, page.html.encode(), location)

    def _answer(
        self, api: str, scope: Scope, path: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, Any] | None:
        method, query = scope["method"], scope["query_string"].decode()
        # A URL that is too long is sent as a body instead.
        if method == "POST" and headers.get("x-http-method-override") == "GET":
            method, query = "GET", body.decode("utf-8", "replace")
        parts = [unquote(part) for part in path.removeprefix(_ROOTS[api]).split("/")]
        call = _call(parts)
        self.calls[f"{method} {api} {call}"] += 1
        grant = self.tokens.check(headers.get("authorization", ""))
        request = replace(self._request(parts, query, grant), method=method, body=body)
        if self.rooms.serves(api, call, request):
            answer = self.rooms.answer(api, call, request, lambda: self.rate_limits.admit(api, request))
        else:
            self.rate_limits.admit(api, request)
            if method != "GET":
                raise ErrorResponse(403, "Only reading is simulated.", reason="insufficientPermissions")
            answer = self._call_api(api, call, request)
        fields = request.get("fields")
        return apply_mask(answer, parse_mask(fields)) if fields and answer is not None else answer

    def _call_api(self, api: str, call: str, request: Request) -> dict[str, Any]:
        if api == "meet":
            return self._meet.answer(call, request)
        if api == "directory":
            return self._directory.answer(call, request)
        if api == "calendar":
            return self._calendar_api.answer(call, request)
        if call != "activity/users/{id}/applications/{id}":
            raise ErrorResponse(404, "Not Found", reason="notFound")
        return self._reports.answer(request)

    def _request(self, parts: list[str], query: str, grant: Grant) -> Request:
        return Request(
            path=parts,
            query=parse_qs(query, keep_blank_values=True),
            instant=self._clock.milliseconds(),
            seconds=self._clock.elapsed(),
            scopes=grant.scopes,
            person=grant.person,
        )

    async def _send(
        self, send: Send, status: int, kind: str, body: bytes, more: Mapping[str, str] | None = None
    ) -> None:
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"date", self._clock.date_header()),
        ]
        headers += [(name.lower().encode(), value.encode()) for name, value in (more or {}).items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for start in range(0, max(1, len(body)), _CHUNK_BYTES):
            chunk, rest = body[start : start + _CHUNK_BYTES], start + _CHUNK_BYTES < len(body)
            await send({"type": "http.response.body", "body": chunk, "more_body": rest})

    def traffic(self) -> dict[str, Any]:
        """Return the counted requests; by quota over all users, with the peak of the busiest user."""
        classes = self.rate_limits.counts()
        return {
            "classes": classes,
            "refused": sum(rate["refused"] for rate in classes.values()),
            "tokens": {"issued": self.tokens.issued},
            "calls": dict(self.calls),
        }


def _call(parts: list[str]) -> str:
    """Return the path with `{id}` in place of ids, which are every other part."""
    if parts[0] == "activity":
        return "activity/" + _call(parts[1:])
    return "/".join(
        part
        if location % 2 == 0 and part in _COLLECTIONS
        else "{id}"
        if _is_id(location, parts)
        else "(unknown)"
        for location, part in enumerate(parts)
    )


def _is_id(location: int, parts: list[str]) -> bool:
    return location % 2 == 1 and bool(parts[location])


def credentials(
    base: str, account: Account | None, clock: SimulatedClock, options: GoogleOptions
) -> dict[str, Any]:
    """Return the content of the file that GOOGLE_CREDENTIALS names; with `account`, a user's saved token."""
    if options.client:
        return client_file(base + CONSENT, base + TOKEN)
    if account is None:
        return dict(service_account.service_account(base + TOKEN))
    began = clock.start.timestamp() - account.organisation.now / 1000
    token = Tokens(clock, account, options, began).refresh_token()
    return authorized_user(token, base + TOKEN, options.granted)


def environment(
    base: str, organisation: Organisation, options: GoogleOptions, credentials: str
) -> dict[str, str]:
    """Return the settings that point a program at the Workspace served at this address; `credentials` is the
    file."""
    variables = {
        "GOOGLE_CREDENTIALS": credentials,
        "GOOGLE_MEET_API_URL": f"{base}{PREFIX}/meet",
        "GOOGLE_ADMIN_API_URL": f"{base}{PREFIX}/admin",
        "GOOGLE_CALENDAR_API_URL": f"{base}{PREFIX}/calendar/v3",
        "ARDUINO_API_URL": f"{base}/arduino",
    }
    return variables if options.personal else variables | {"GOOGLE_ADMIN": organisation.people[0].email}
