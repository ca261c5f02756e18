"""An invented company at Google behind `responses`: its answers by user, and the requests it received."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from requests import PreparedRequest

from connectors.base import Settings
from connectors.google_meet.endpoints import CALENDAR, DIRECTORY, MEET, REPORTS, SERVICES
from connectors.google_meet.reports_rows import flatten
from connectors.models import Window
from connectors.parsing import parse_instant

TOKENS = "https://tokens.google.example/token"
URLS = {
    "GOOGLE_MEET_API_URL": "https://meet.google.example",
    "GOOGLE_ADMIN_API_URL": "https://admin.google.example",
    "GOOGLE_CALENDAR_API_URL": "https://calendar.google.example/calendar/v3",
}
ADMIN, HOST, GUEST = "admin@example.org", "mara.lindqvist@example.org", "ole.berg@example.org"
CLIENT_ID = "101234567890123456789"
DAY = Window(start=datetime(2026, 11, 20, tzinfo=UTC), end=datetime(2026, 11, 21, tzinfo=UTC))
CODE, SPACE = "wkt-imxi-vuk", "spaces/jQCFfuBOdN5z"

Reply = tuple[int, dict[str, str], str]


@cache
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  # invented, and read fast
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def service_account(**changes: Any) -> dict[str, Any]:
    return {
        "type": "service_account",
        "client_email": "harvester@project.iam.example",
        "client_id": CLIENT_ID,
        "private_key_id": "k1",
        "private_key": private_key(),
        "token_uri": TOKENS,
        **changes,
    }


def oauth_client(kind: str = "installed") -> dict[str, Any]:
    values = {"client_id": "client-1", "client_secret": "invented-secret", "token_uri": TOKENS}
    return {kind: {**values, "auth_uri": "https://accounts.google.example/auth"}}


def settings(
    credentials: dict[str, Any] | None = None,
    *,
    raw: bool = False,
    share: float = 1.0,
    given: dict[str, tuple[str, ...]] | None = None,
    **values: str,
) -> Settings:
    values = {
        "GOOGLE_CREDENTIALS": json.dumps(credentials or service_account()),
        "GOOGLE_ADMIN": ADMIN,
        **URLS,
        **values,
    }
    return Settings(
        values={name: value for name, value in values.items() if value},
        option_values=given or {},
        raw=raw,
        rate_share=share,
    )


class Google:
    """`visible`: who sees its records. `delegated` and `people`: the scopes and users that get tokens. `page`: rows per page. `refused`: the status and body for a path and user; checked first."""

    def __init__(self, http: responses.RequestsMock) -> None:
        self.http = http
        self.people: dict[str, dict[str, Any]] = {}
        self.delegated = {service.scope for service in SERVICES}
        self.records: dict[str, dict[str, Any]] = {}
        self.visible: dict[str, set[str]] = {}
        self.participants: dict[str, list[dict[str, Any]]] = {}
        self.sessions: dict[str, list[dict[str, Any]]] = {}
        self.recordings: dict[str, list[dict[str, Any]]] = {}
        self.spaces: dict[str, dict[str, Any]] = {}
        self.activities: list[dict[str, Any]] = []
        self.events: dict[tuple[str, str], dict[str, Any]] = {}
        self.refused: dict[tuple[str, str], tuple[int, Any]] = {}
        self.page = 1000
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        """User, path and query of every request so far."""
        self.assertions: list[dict[str, Any]] = []
        self.stale: set[str] = set()
        self.person("1", ADMIN, "Ada Admin")
        self.person("2", HOST, "Mara Lindqvist")
        self.person("3", GUEST, "Ole Berg")
        http.add_callback(responses.POST, TOKENS, callback=self._token)
        for method in (responses.GET, responses.POST):
            http.add_callback(
                method,
                re.compile(r"https://(meet|admin|calendar)\.google\.example/.*"),
                callback=self._answer,
            )

    # What there is

    def person(self, number: str, email: str, name: str, **more: Any) -> None:
        self.people[email] = {"id": number, "primaryEmail": email, "name": {"fullName": name}, **more}

    def record(
        self,
        number: str,
        start: str = "2026-11-20T09:00:00.123456789Z",
        end: str | None = "2026-11-20T09:45:00Z",
        *,
        space: str = SPACE,
        code: str = CODE,
        seen_by: Iterable[str] = (HOST,),
    ) -> dict[str, Any]:
        row = {"name": f"conferenceRecords/{number}", "startTime": start, "endTime": end, "space": space}
        self.records[number] = {key: value for key, value in row.items() if value is not None}
        self.visible[number] = set(seen_by)
        self.spaces[space] = {"name": space, "meetingCode": code}
        return self.records[number]

    def takes_part(self, number: str, who: dict[str, Any], *stays: tuple[str, str | None]) -> None:
        people = self.participants.setdefault(number, [])
        name = f"conferenceRecords/{number}/participants/p{len(people)}"
        people.append({"name": name, **who})
        self.sessions[name] = [
            {
                "name": f"{name}/participantSessions/s{place}",
                "startTime": start,
                **({} if end is None else {"endTime": end}),
            }
            for place, (start, end) in enumerate(stays)
        ]

    def call_ended(self, conference: str, left: str, **parameters: Any) -> dict[str, Any]:
        item = activity(conference, left, **parameters)
        self.activities.append(item)
        return item

    # Answers

    def _token(self, request: PreparedRequest) -> Reply:
        form = {name: texts[0] for name, texts in parse_qs(str(_text(request.body))).items()}
        if form.get("grant_type") == "refresh_token":
            self.assertions.append(form)
            return _json(
                200, {"access_token": "mine", "expires_in": 3599, "scope": " ".join(sorted(self.delegated))}
            )
        payload = form["assertion"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        self.assertions.append(claims)
        if not set(claims["scope"].split()) <= self.delegated:
            return _json(401, {"error": "unauthorized_client", "error_description": "Client is unauthorized"})
        person = self.people.get(claims["sub"])
        if person is None or person.get("suspended") is True:
            return _json(400, {"error": "invalid_grant", "error_description": "Invalid email or User ID"})
        count = len(self.assertions)
        return _json(200, {"access_token": f"{claims['sub']}|{claims['scope']}|{count}", "expires_in": 3599})

    def _answer(self, request: PreparedRequest) -> Reply:
        parts = urlsplit(str(request.url))
        text = _text(request.body) if request.headers.get("x-http-method-override") == "GET" else parts.query
        query = {name: values[0] for name, values in parse_qs(text).items()}
        path, bearer = unquote(parts.path), request.headers["Authorization"].removeprefix("Bearer ")
        user, scope = bearer.split("|")[:2] if "|" in bearer else (ADMIN, "")
        self.asked.append((user, path, query))
        if bearer in self.stale:
            return _json(401, {"error": {"code": 401, "status": "UNAUTHENTICATED"}})
        for (refused, whom), (status, body) in self.refused.items():
            if path.endswith(refused) and whom in {"", user}:
                return _json(status, body)
        for host, handler, service in (
            ("meet.", self._meet, MEET),
            (
                "admin.",
                self._reports if "reports" in path else self._users,
                REPORTS if "reports" in path else DIRECTORY,
            ),
            ("calendar.", self._calendar, CALENDAR),
        ):
            if parts.netloc.startswith(host):
                assert scope in {service.scope, ""}, f"{path} was asked with the scope {scope}"
                return handler(path, query, user)
        raise AssertionError(parts.netloc)

    def _paged(self, name: str, rows: list[Any], query: dict[str, str]) -> Reply:
        start = int(query.get("pageToken", "0"))
        page, more = rows[start : start + self.page], start + self.page < len(rows)
        body: dict[str, Any] = {name: page} if page else {}
        return _json(200, {**body, **({"nextPageToken": str(start + self.page)} if more else {})})

    def _meet(self, path: str, query: dict[str, str], user: str) -> Reply:
        parts = path.removeprefix("/v2/").split("/")
        if parts == ["conferenceRecords"]:
            return self._paged("conferenceRecords", self._list(query.get("filter", ""), user), query)
        if parts[0] == "spaces":
            space = self.spaces.get("/".join(parts))
            return _json(200, space) if space is not None else _json(404, _status(404, "NOT_FOUND"))
        number = parts[1]
        if number not in self.records:
            return _json(404, _status(404, "NOT_FOUND"))
        if user not in self.visible[number]:
            return _json(403, _status(403, "PERMISSION_DENIED"))
        if len(parts) == 2:
            return _json(200, self.records[number])
        if parts[-1] == "participants":
            return self._paged("participants", self.participants.get(number, []), query)
        if parts[-1] == "participantSessions":
            return self._paged("participantSessions", self.sessions["/".join(parts[:-1])], query)
        return self._paged("recordings", self.recordings.get(number, []), query)

    def _list(self, where: str, user: str) -> list[dict[str, Any]]:
        code = re.search(r'space\.meeting_code = "([^"]+)"', where)
        since = re.search(r'start_time>="([^"]+)"', where)
        until = re.search(r'start_time<="([^"]+)"', where)
        return [
            row
            for number, row in self.records.items()
            if user in self.visible[number]
            and (code is None or self.spaces[row["space"]]["meetingCode"] == code[1])
            and (since is None or parse_instant(row["startTime"]) >= parse_instant(since[1]))  # type: ignore[operator]  # the fixture has both times
            and (until is None or parse_instant(row["startTime"]) <= parse_instant(until[1]))  # type: ignore[operator]  # the fixture has both times
        ]

    def _users(self, _path: str, query: dict[str, str], user: str) -> Reply:
        if user != ADMIN:
            return _json(403, _error(403, "forbidden"))
        return self._paged("users", list(self.people.values()), query)

    def _reports(self, path: str, query: dict[str, str], user: str) -> Reply:
        if user != ADMIN:
            return _json(403, _error(403, "forbidden"))
        start, end = parse_instant(query["startTime"]), parse_instant(query.get("endTime"))
        whose = path.split("/users/")[1].split("/", maxsplit=1)[0]
        rows = sorted(
            (
                item
                for item in self.activities
                if (at := parse_instant(item["id"]["time"])) is not None
                and start is not None
                and at >= start
                and (end is None or at < end)
                and whose in {"all", item["actor"].get("email")}
                and all(_fits(item, one) for one in query.get("filters", "").split(",") if one)
            ),
            key=lambda item: str(item["id"]["time"]),
            reverse=True,
        )
        status, headers, body = self._paged("items", rows, query)
        return status, headers, json.dumps({"kind": "admin#reports#activities", **json.loads(body)})

    def _calendar(self, path: str, query: dict[str, str], user: str) -> Reply:
        owner, _, event = path.partition("/calendars/")[2].partition("/events")
        owner = user if owner == "primary" else owner
        if not event:
            rows = [event for (whose, _), event in self.events.items() if whose == owner]
            return self._paged("items", rows, query)
        found = self.events.get((owner, event.removeprefix("/")))
        return _json(200, found) if found is not None else _json(404, _error(404, "notFound"))

    def asked_for(self, part: str) -> list[tuple[str, dict[str, str]]]:
        """User and query of every request with this in its path."""
        return [(user, query) for user, path, query in self.asked if part in path]


def _fits(item: dict[str, Any], condition: str) -> bool:
    name, operator, wanted = re.split(r"(==|>)", condition, maxsplit=1)
    for event in item["events"]:
        for parameter in event["parameters"]:
            if parameter["name"] == name:
                value = parameter.get("value", parameter.get("intValue"))
                return value == wanted if operator == "==" else int(value) > int(wanted)
    return False


def activity(conference: str, left: str, *, stayed: int = 600, **parameters: Any) -> dict[str, Any]:
    """A `call_ended` as Google sends it, without the values that are `None`."""
    at = parse_instant(left)
    assert at is not None
    email = parameters.get("identifier", GUEST)
    parameters: dict[str, Any] = {
        "conference_id": conference,
        "meeting_code": "WKTIMXIVUK",
        "organizer_email": HOST,
        "calendar_event_id": "event1",
        "product_type": "meet",
        "endpoint_id": f"endpoint-{conference}-{left}-{email}",
        "device_type": "web",
        "display_name": "Ole Berg",
        "identifier": GUEST,
        "identifier_type": "email_address",
        "is_external": False,
        "start_timestamp_seconds": int((at - timedelta(seconds=stayed)).timestamp()),
        "duration_seconds": stayed,
        "ip_address": "192.0.2.7",
        "location_country": "NO",
        "location_region": "Oslo",
        **parameters,
    }
    qualifier = str(abs(hash((conference, left, str(email)))) % 10**12)
    return {
        "kind": "admin#reports#activity",
        "id": {
            "time": left,
            "uniqueQualifier": f"-{qualifier}",
            "applicationName": "meet",
            "customerId": "C1",
        },
        "actor": {"callerType": "USER", "email": email, "profileId": "3"} if email else {"callerType": "KEY"},
        "events": [
            {
                "type": "call",
                "name": "call_ended",
                "parameters": [
                    _parameter(name, value) for name, value in parameters.items() if value is not None
                ],
            }
        ],
    }


def _parameter(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"name": name, "boolValue": value}
    if isinstance(value, int):
        return {"name": name, "intValue": str(value)}
    return {"name": name, "value": value}


def event(number: str = "event1", **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "iCalUID": f"{number}@google.example",
        "status": "confirmed",
        "summary": "Weekly",
        "organizer": {"email": HOST, "self": True},
        "start": {"dateTime": "2026-11-24T09:00:00Z"},
        "end": {"dateTime": "2026-11-24T10:00:00Z"},
        "conferenceData": {"conferenceId": CODE, "conferenceSolution": {"key": {"type": "hangoutsMeet"}}},
        **changes,
    }


def signed_in(number: str, name: str) -> dict[str, Any]:
    return {"signedinUser": {"user": f"users/{number}", "displayName": name}}


def _json(status: int, body: Any) -> Reply:
    return status, {"Content-Type": "application/json"}, body if isinstance(body, str) else json.dumps(body)


def _status(code: int, status: str, reason: str = "") -> dict[str, Any]:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}] if reason else []
    return {"error": {"code": code, "message": "m", "status": status, "details": details}}


def _error(code: int, reason: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": "m", "errors": [{"domain": "global", "reason": reason}]}}


status_body: Callable[..., dict[str, Any]] = _status
error_body: Callable[..., dict[str, Any]] = _error


def _text(body: Any) -> str:
    return body.decode() if isinstance(body, bytes) else str(body or "")


def row(**changes: Any) -> dict[str, Any]:
    """A row of Reports: an endpoint that left the conference "conf1" at half past nine."""
    (found,) = flatten(activity("conf1", "2026-11-20T09:30:00.250Z", **changes))
    return found
