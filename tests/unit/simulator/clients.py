"""Test clients that call a simulated vendor's ASGI application directly, without a network."""

from __future__ import annotations

import asyncio
import atexit
import json
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from starlette.types import ASGIApp, Message

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.google_meet import service_account
from harvester.simulator.google_meet import tokens as google_tokens
from harvester.simulator.google_meet.account import Conference
from harvester.simulator.google_meet.app import GoogleMeet
from harvester.simulator.google_meet.options import GoogleOptions
from harvester.simulator.google_meet.scopes import AUTH
from harvester.simulator.organisation import Case, Organisation, Person
from harvester.simulator.webex.account import Instance as WebexInstance
from harvester.simulator.webex.account import Quirk as WebexQuirk
from harvester.simulator.webex.app import Webex
from harvester.simulator.webex.options import WebexOptions
from harvester.simulator.webex.tokens import CLIENT_ID as WEBEX_ID
from harvester.simulator.webex.tokens import CLIENT_SECRET as WEBEX_SECRET
from harvester.simulator.webex.tokens import first_refresh_token
from harvester.simulator.zoom.account import Instance
from harvester.simulator.zoom.app import Zoom
from harvester.simulator.zoom.tokens import ACCOUNT_ID, CLIENT_ID, CLIENT_SECRET

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FROM, TO = "2026-11-10", "2026-11-20"
BASIC = "Basic " + b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()


@dataclass
class ManualClock:
    """Seconds that advance only when a test says so."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)


def send_request(
    app: ASGIApp, path: str, *, method: str = "GET", query: str = "", body: bytes = b"", **headers: str
) -> Answer:
    """Send one request; `path` is used as the raw path."""
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    _runner().run(app(scope, receive, send))  # type: ignore[arg-type]  # an ASGI application is a coroutine function
    start = said[0]
    return Answer(
        start["status"],
        {name.decode().lower(): value.decode() for name, value in start["headers"]},
        b"".join(message.get("body", b"") for message in said[1:]),
    )


@cache
def _runner() -> asyncio.Runner:
    # One event loop for all requests: creating one takes longer than an answer.
    runner = asyncio.Runner()
    atexit.register(runner.close)
    return runner


@dataclass
class ZoomClient:
    """A Zoom account, its clock, and an access token."""

    zoom: Zoom
    clock: ManualClock
    token: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.token = self.ask_token().body["access_token"]

    def ask_token(self, *, authorization: str = BASIC, in_body: bool = False, **changed: str) -> Answer:
        parameters = urlencode({"grant_type": "account_credentials", "account_id": ACCOUNT_ID, **changed})
        query, body = ("", parameters.encode()) if in_body else (parameters, b"")
        return send_request(
            self.zoom, "/zoom/oauth/token", method="POST", query=query, body=body, authorization=authorization
        )

    def get(self, path: str, **query: object) -> Answer:
        """Send a GET request, late enough after the last one for every rate limit."""
        self.clock.seconds += 4
        return send_request(
            self.zoom, f"/zoom/v2{path}", query=urlencode(query), authorization=f"Bearer {self.token}"
        )

    def rows(self, path: str, name: str, **query: object) -> list[dict[str, Any]]:
        """Return every row of every page."""
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            page = self.get(path, **query, **({"next_page_token": token} if token else {})).body
            found += page[name]
            token = page["next_page_token"]
            if not token:
                return found

    def listed(self, kind: str, name: str = "meetings") -> list[dict[str, Any]]:
        return self.rows(f"/metrics/{name}", name, **{"from": FROM, "to": TO, "type": kind, "page_size": 300})

    def participants(self, instance: Instance, **query: object) -> list[dict[str, Any]]:
        kind = "pastOne" if instance.meeting.alone else "past"
        parameters = {"type": kind, "page_size": 300, **query}
        return self.rows(
            f"/metrics/meetings/{coded(instance.uuid)}/participants", "participants", **parameters
        )


@dataclass
class WebexClient:
    """A Webex account, its clock, and an access token."""

    webex: Webex
    clock: ManualClock
    token: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        first = first_refresh_token(self.webex.account.organisation.seed, self.webex.options)
        self.token = self.form("/access_token", grant_type="refresh_token", refresh_token=first).body[
            "access_token"
        ]

    def form(
        self, path: str, *, secret: bool = True, headers: Mapping[str, str] | None = None, **fields: str
    ) -> Answer:
        """Post a form with the client's id and secret."""
        client = {"client_id": WEBEX_ID, "client_secret": WEBEX_SECRET} if secret else {}
        sent = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
        body = urlencode({**client, **fields}).encode()
        return send_request(self.webex, f"/webex/v1{path}", method="POST", body=body, **sent)

    def get(self, path: str, **query: object) -> Answer:
        """Send a GET request, late enough after the last one for the general limit. `from_` is `from`."""
        self.clock.seconds += 0.1
        return self.follow(f"/webex/v1{path}?{urlencode({n.rstrip('_'): v for n, v in query.items()})}")

    def follow(self, url: str) -> Answer:
        parts = urlsplit(url)
        return send_request(
            self.webex,
            parts.path,
            query=parts.query,
            authorization=f"Bearer {self.token}",
            host="sim.example.org",
        )

    def qualities(self, meeting: str, *, host: str = "webex-analytics", **query: object) -> Answer:
        parameters = urlencode({"meetingId": meeting, **query})
        return self.follow(f"/{host}/v1/meeting/qualities?{parameters}")

    def items(self, path: str, **query: object) -> list[dict[str, Any]]:
        """Return every item of every page, including repeated ones."""
        answer = self.get(path, **query)
        found: list[dict[str, Any]] = answer.body["items"]
        while url := next_url(answer):
            self.clock.seconds += 0.1
            answer = self.follow(url)
            found += answer.body["items"]
        return found

    def listed(self, **query: object) -> list[dict[str, Any]]:
        """Return every listed instance once."""
        period = {"from_": "2026-11-01T00:00:00Z", "to": "2026-11-21T00:00:00Z"}
        found = self.items("/meetings", **{"meetingType": "meeting", "max": 100, **period, **query})
        return list({row["id"]: row for row in found}.values())

    def instance(self, wanted: Case | WebexQuirk) -> WebexInstance:
        return next(i for i in self.webex.account.instances if wanted is i.meeting.case or wanted in i.quirks)


def next_url(answer: Answer) -> str | None:
    for link in answer.headers.get("link", "").split(", "):
        url, _, rel = link.partition("; ")
        if rel == 'rel="next"':
            return url.strip("<>")
    return None


def webex_client(*, speed: float = 1.0, later: timedelta = timedelta(), **options: Any) -> WebexClient:
    """Create an account with a clock that is `later` than the organisation's now. `options`: those of the organisation and the account."""
    built = organisation(**{k: options.pop(k) for k in ("size", "seed", "days") if k in options})
    clock = ManualClock()
    return WebexClient(
        Webex(built, SimulatedClock(NOW + later, speed=speed, monotonic=clock), WebexOptions(**options)),
        clock,
    )


API_SCOPES = {
    "meet": "meetings.space.readonly",
    "reports": "admin.reports.audit.readonly",
    "directory": "admin.directory.user.readonly",
    "calendar": "calendar.events.readonly",
}
GOOGLE_PATHS = {
    "meet": "/google/meet/v2",
    "reports": "/google/admin/admin/reports/v1",
    "directory": "/google/admin/admin/directory/v1",
    "calendar": "/google/calendar/v3",
}
ACTIVITIES = "/activity/users/all/applications/meet"


def assertion(*, key: Any = None, **claims: object) -> str:
    """Return an assertion for the administrator, signed by the service account; claims can be changed or,
    with None, left out."""
    from google.auth import jwt

    signer = key or _signer()
    now = int(time.time())
    payload_claims: dict[str, object] = {
        "iss": service_account.CLIENT_EMAIL,
        "aud": google_tokens.AUDIENCE,
        "scope": " ".join(AUTH + scope for scope in API_SCOPES.values()),
        "iat": now,
        "exp": now + 3600,
        **claims,
    }
    payload = {name: value for name, value in payload_claims.items() if value is not None}
    return bytes(jwt.encode(signer, payload)).decode()


@cache
def _signer() -> Any:
    # Cached: reading a key takes longer than a hundred signatures.
    from google.auth import crypt

    account = service_account.service_account("http://sim.example.org/google/token")
    return crypt.RSASigner.from_service_account_info(account)


@dataclass
class GoogleClient:
    """A Workspace, its clock, and access tokens for any user."""

    google: GoogleMeet
    clock: ManualClock
    tokens: dict[tuple[str, str | None], str] = field(default_factory=dict)

    @property
    def admin(self) -> str:
        return self.google.account.administrator.email

    def form(self, **fields: str) -> Answer:
        sent = {"content-type": "application/x-www-form-urlencoded", "host": "sim.example.org"}
        return send_request(
            self.google, "/google/token", method="POST", body=urlencode(fields).encode(), **sent
        )

    def asserted(self, **claims: object) -> Answer:
        return self.form(grant_type=google_tokens.JWT_BEARER, assertion=assertion(**claims))

    def token(self, api: str, email: str | None) -> str:
        """Return a token, cached: signing takes longer than an answer."""
        if (api, email) not in self.tokens:
            answer = self.asserted(sub=email, scope=AUTH + API_SCOPES[api])
            self.tokens[api, email] = answer.body["access_token"]
        return self.tokens[api, email]

    def get(self, api: str, path: str, email: str | None = "", **query: object) -> Answer:
        """Send a GET request for a user, by default the administrator, late enough after the last one for
        every quota."""
        self.clock.seconds += 0.3
        bearer = f"Bearer {self.token(api, self.admin if email == '' else email)}"
        return send_request(
            self.google, GOOGLE_PATHS[api] + path, query=urlencode(query, doseq=True), authorization=bearer
        )

    def rows(
        self, name: str, api: str, path: str, email: str | None = "", **query: object
    ) -> list[dict[str, Any]]:
        """Return every row of every page."""
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            answer = self.get(api, path, email, **query, **({"pageToken": token} if token else {}))
            assert answer.status == 200, answer.content
            found += answer.body.get(name, [])
            token = answer.body.get("nextPageToken", "")
            if not token:
                return found

    def ended_calls(self, **query: object) -> list[dict[str, Any]]:
        """Return the parameters of every `call_ended` event, with `time` and `actor`."""
        items = self.rows("items", "reports", ACTIVITIES, **{"eventName": "call_ended", **query})
        found = []
        for item in items:
            [event] = [event for event in item["events"] if event["name"] == "call_ended"]
            parameters = {
                p["name"]: next(v for n, v in p.items() if n != "name") for p in event["parameters"]
            }
            found.append({**parameters, "time": item["id"]["time"], "actor": item["actor"]})
        return found

    def conference(self, case: Case) -> Conference:
        return next(c for c in self.google.account.conferences if c.meeting.case is case)

    def seer(self, conference: Conference) -> Person:
        """Return a person to whom the record is listed."""
        there = self.google.attendance.present(conference, self.google.account.organisation.now)
        people = [conference.owner, *(endpoint.person for endpoint in there)]
        return next(person for person in people if person is not None and person.status == "active")


def google_client(*, speed: float = 1.0, later: timedelta = timedelta(), **options: Any) -> GoogleClient:
    """Create a Workspace with a clock that is `later` than the organisation's now. `options`: those of the organisation and the Workspace."""
    built = organisation(**{k: options.pop(k) for k in ("size", "seed", "days") if k in options})
    clock = ManualClock()
    simulated_clock = SimulatedClock(NOW + later, speed=speed, monotonic=clock)
    return GoogleClient(GoogleMeet(built, simulated_clock, GoogleOptions(**options)), clock)


def coded(uuid: str) -> str:
    """Encode a UUID for a path by Zoom's rule."""
    once = quote(uuid, safe="")
    return quote(once, safe="") if uuid.startswith("/") or "//" in uuid else once


@cache
def organisation(*, size: int = 60, seed: int = 7, days: int = 8, now: datetime = NOW) -> Organisation:
    """Return an organisation, shared between tests; it is immutable."""
    return Organisation(seed=seed, size=size, days=days, now=now)


def zoom_client(*, speed: float = 1.0, later: timedelta = timedelta(), **options: Any) -> ZoomClient:
    """Create an account with a clock that stands still, `later` than the organisation's now."""
    built = organisation(**{k: options.pop(k) for k in ("size", "seed", "days") if k in options})
    clock = ManualClock()
    return ZoomClient(
        Zoom(built, SimulatedClock(NOW + later, speed=speed, monotonic=clock), **options), clock
    )
