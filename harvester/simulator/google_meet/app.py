"""Google on the wire: one ASGI application for the token endpoint and the four APIs, below `/google`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from starlette.types import Receive, Scope, Send

from harvester.simulator.clock import Calendar
from harvester.simulator.google_meet import service_account
from harvester.simulator.google_meet.access import Counters, Terms
from harvester.simulator.google_meet.account import Account
from harvester.simulator.google_meet.attendance import Presences
from harvester.simulator.google_meet.calendar_api import Calendars
from harvester.simulator.google_meet.directory_api import Directory
from harvester.simulator.google_meet.error_responses import Refusal
from harvester.simulator.google_meet.field_mask import mask, selected
from harvester.simulator.google_meet.login import client
from harvester.simulator.google_meet.meet_api import Meet
from harvester.simulator.google_meet.reports_api import Reports
from harvester.simulator.google_meet.request import Question
from harvester.simulator.google_meet.tokens import Grant, Tokens, authorized_user
from harvester.simulator.organisation import Organisation
from harvester.simulator.responses import body_of, encoded

PREFIX = "/google"
TOKEN = f"{PREFIX}/token"
CONSENT = f"{PREFIX}/auth"
# By API where it begins, and which parts of its paths name something.
_ROOTS = {
    "meet": f"{PREFIX}/meet/v2/",
    "reports": f"{PREFIX}/admin/admin/reports/v1/",
    "directory": f"{PREFIX}/admin/admin/directory/v1/",
    "calendar": f"{PREFIX}/calendar/v3/",
}
_COLLECTIONS = frozenset(
    {
        "conferenceRecords", "participants", "participantSessions", "recordings", "transcripts", "smartNotes", "spaces",
        "activity", "users", "applications", "calendars", "events",
    }
)  # fmt: skip
_JSON = "application/json; charset=UTF-8"
_HTML = "text/html; charset=UTF-8"
_NOTHING_HERE = (
    b"<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title><p>404. That's an error."
)
_PIECE = 1 << 18


class GoogleMeet:
    """One organisation at Google."""

    def __init__(self, organisation: Organisation, calendar: Calendar, terms: Terms | None = None) -> None:
        self.terms = terms or Terms()
        self.account = Account(organisation, self.terms.ids)
        self.presences = Presences(self.account)
        self.counters = Counters(calendar)
        self.calls: Counter[str] = Counter()
        self._calendar = calendar
        began = calendar.shown.timestamp() - organisation.now / 1000
        self.tokens = Tokens(calendar, self.account, self.terms, began)
        self._meet = Meet(self.account, self.presences, self.terms)
        self._reports = Reports(self.account, self.presences, self.terms)
        self._directory = Directory(self.account, self.terms)
        self._calendars = Calendars(self.account, self.terms)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("latin-1")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = await body_of(receive) if scope["method"] == "POST" else b""
        if path == TOKEN:
            await self._token(send, headers, body)
            return
        if path == CONSENT:
            await self._consent(send, scope["method"], scope["query_string"].decode(), body)
            return
        api = next((name for name, root in _ROOTS.items() if path.startswith(root)), None)
        if api is None:
            self.calls["(unknown)"] += 1
            await self._send(send, 404, _HTML, _NOTHING_HERE)
            return
        try:
            told = self._answer(api, scope, path, headers, body)
            await self._send(send, 200, _JSON, encoded(told))
        except Refusal as refused:
            told = refused.body(older=api != "meet")
            await self._send(send, refused.status, _JSON, encoded(told), refused.headers)

    async def _token(self, send: Send, headers: Mapping[str, str], form: bytes) -> None:
        self.calls["POST /token"] += 1
        own = f"http://{headers.get('host', '127.0.0.1')}{TOKEN}"
        try:
            await self._send(send, 200, _JSON, encoded(self.tokens.token(headers, form, own)))
        except Refusal as refused:
            await self._send(send, refused.status, _JSON, encoded(refused.body(older=False)))

    async def _consent(self, send: Send, method: str, query: str, form: bytes) -> None:
        self.calls[f"{method} /auth"] += 1
        try:
            page = self.tokens.consent.page(method, query, form, self.tokens.now())
        except Refusal as refused:
            told = f"<!DOCTYPE html><title>Error</title><p>Error {refused.status}: {refused.oauth}".encode()
            await self._send(send, refused.status, _HTML, told)
            return
        place = {"Location": page.location} if page.location else {}
        await self._send(send, 302 if place else 200, _HTML, page.html.encode(), place)

    def _answer(
        self, api: str, scope: Scope, path: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, Any]:
        method, query = scope["method"], scope["query_string"].decode()
        # A URL that is too long is sent as a body instead.
        if method == "POST" and headers.get("x-http-method-override") == "GET":
            method, query = "GET", body.decode("utf-8", "replace")
        parts = [unquote(part) for part in path.removeprefix(_ROOTS[api]).split("/")]
        call = _call(parts)
        self.calls[f"{method} {api} {call}"] += 1
        grant = self.tokens.checked(headers.get("authorization", ""))
        asked = self._question(parts, query, grant)
        self.counters.admit(api, asked)
        if method != "GET":
            raise Refusal(403, "Only reading is simulated.", reason="insufficientPermissions")
        told = self._told(api, call, asked)
        fields = asked.get("fields")
        return selected(told, mask(fields)) if fields else told

    def _told(self, api: str, call: str, asked: Question) -> dict[str, Any]:
        if api == "meet":
            return self._meet.answer(call, asked)
        if api == "directory":
            return self._directory.answer(call, asked)
        if api == "calendar":
            return self._calendars.answer(call, asked)
        if call != "activity/users/{id}/applications/{id}":
            raise Refusal(404, "Not Found", reason="notFound")
        return self._reports.answer(asked)

    def _question(self, parts: list[str], query: str, grant: Grant) -> Question:
        return Question(
            path=parts,
            query=parse_qs(query, keep_blank_values=True),
            instant=self._calendar.milliseconds(),
            seconds=self._calendar.elapsed(),
            scopes=grant.scopes,
            person=grant.person,
        )

    async def _send(
        self, send: Send, status: int, kind: str, body: bytes, more: Mapping[str, str] | None = None
    ) -> None:
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"date", self._calendar.date()),
        ]
        headers += [(name.lower().encode(), value.encode()) for name, value in (more or {}).items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for start in range(0, max(1, len(body)), _PIECE):
            piece, rest = body[start : start + _PIECE], start + _PIECE < len(body)
            await send({"type": "http.response.body", "body": piece, "more_body": rest})

    def traffic(self) -> dict[str, Any]:
        """How it was asked: by quota over all users, the fullest minute of any one of them."""
        classes = self.counters.counted()
        return {
            "classes": classes,
            "refused": sum(rate["refused"] for rate in classes.values()),
            "tokens": {"issued": self.tokens.issued},
            "calls": dict(self.calls),
        }


def _call(parts: list[str]) -> str:
    """The path with `{id}` for what names something: every other part."""
    if parts[0] == "activity":
        return "activity/" + _call(parts[1:])
    return "/".join(
        part if place % 2 == 0 and part in _COLLECTIONS else "{id}" if _named(place, parts) else "(unknown)"
        for place, part in enumerate(parts)
    )


def _named(place: int, parts: list[str]) -> bool:
    return place % 2 == 1 and bool(parts[place])


def credentials(base: str, account: Account | None, calendar: Calendar, terms: Terms) -> dict[str, Any]:
    """The content of the file that GOOGLE_CREDENTIALS names; `account`: of whom a user's token is."""
    if terms.client:
        return client(base + CONSENT, base + TOKEN)
    if account is None:
        return dict(service_account.service_account(base + TOKEN))
    began = calendar.shown.timestamp() - account.organisation.now / 1000
    token = Tokens(calendar, account, terms, began).refresh_token()
    return authorized_user(token, base + TOKEN, terms.granted)


def environment(base: str, organisation: Organisation, terms: Terms, credentials: str) -> dict[str, str]:
    """The settings that point a program to the Workspace that is served at this address. `credentials`: the file."""
    told = {
        "GOOGLE_CREDENTIALS": credentials,
        "GOOGLE_MEET_API_URL": f"{base}{PREFIX}/meet",
        "GOOGLE_ADMIN_API_URL": f"{base}{PREFIX}/admin",
        "GOOGLE_CALENDAR_API_URL": f"{base}{PREFIX}/calendar/v3",
    }
    return told if terms.personal else told | {"GOOGLE_ADMIN": organisation.people[0].email}
