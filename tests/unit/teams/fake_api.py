"""An invented Teams tenant behind `responses`: its answers, and the requests it received."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import responses
from requests import PreparedRequest

from connectors.base import Settings
from connectors.models import MeetingRef, Window, row_digest

DATA = Path(__file__).parents[2] / "data" / "teams"
GRAPH = "https://graph.example"
API = f"{GRAPH}/v1.0"
LOGIN = "https://login.example"

TENANT = "5f0e2c1a-0000-4000-8000-00000000aaaa"
RECORD = "e523d2ed-2966-4b6b-925b-754a88034cc5"
DIRECT = "0b6f3b0e-8f5a-4d0e-9f0b-3c1f7f1c0001"
"""The call of two people."""
MARA = "00000000-0000-4000-8000-000000000001"
"""The organizer."""
RECORDS = "/communications/callRecords"
SESSIONS = f"{RECORDS}/{RECORD}/sessions"
MEETINGS = f"/users/{MARA}/onlineMeetings"
TOKEN = f"{LOGIN}/{TENANT}/oauth2/v2.0/token"

DAY = Window(start=datetime(2026, 11, 20, tzinfo=UTC), end=datetime(2026, 11, 21, tzinfo=UTC))

Answer = tuple[int, dict[str, str], str]


def data(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def settings(*options: str, raw: bool = False, share: float = 1.0, **values: str) -> Settings:
    given = {
        "TEAMS_TENANT_ID": TENANT,
        "TEAMS_CLIENT_ID": "client-1",
        "TEAMS_CLIENT_SECRET": "invented-secret",
        "TEAMS_API_URL": GRAPH,
        "TEAMS_LOGIN_URL": LOGIN,
        **values,
    }
    return Settings(
        values={name: value for name, value in given.items() if value},
        options=frozenset(options),
        raw=raw,
        rate_share=share,
    )


class Tenant:
    """Answers by path and query; each list of answers is given in turn, the last one for ever."""

    def __init__(self, http: responses.RequestsMock) -> None:
        self.http = http
        self.tokens = 0
        self._answers: list[tuple[str, dict[str, str], list[Answer]]] = []
        http.add_callback(responses.GET, re.compile(re.escape(GRAPH) + "/.*"), callback=self._answer)

    def gives_tokens(self, **more: Any) -> None:
        def answer(_: PreparedRequest) -> Answer:
            self.tokens += 1
            body = {"token_type": "Bearer", "expires_in": 3599, "access_token": f"token-{self.tokens}"}
            return 200, {}, json.dumps({**body, **more})

        self.http.upsert(responses.CallbackResponse(responses.POST, TOKEN, callback=answer))

    def refuses_tokens(self, status: int, body: str) -> None:
        self.http.upsert(responses.Response(responses.POST, TOKEN, status=status, body=body))

    def on(
        self,
        path: str,
        *bodies: Any,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> None:
        """Every item of `query` must be in the request, `filter` as `$filter`. The latest match answers."""
        wanted = {f"${name}": value for name, value in query.items()}
        given = [
            (status, dict(headers or {}), body if isinstance(body, str) else json.dumps(body))
            for body in bodies
        ]
        self._answers.insert(0, (path, wanted, given))

    def then(self, path: str, *answers: tuple[int, Any], headers: Mapping[str, str] | None = None) -> None:
        """Answers with a status each."""
        self.on(path, *(body for _, body in answers), headers=headers)
        given = self._answers[0][2]
        given[:] = [(status, sent, body) for (status, _), (_, sent, body) in zip(answers, given, strict=True)]

    def has_a_meeting(self) -> None:
        self.on(RECORDS, data("call_records"))
        self.on(SESSIONS, data("sessions"))
        self.on(MEETINGS, data("online_meetings"))

    def _answer(self, request: PreparedRequest) -> Answer:
        path, query = split(request)
        for wanted_path, wanted, given in self._answers:
            if wanted_path == path and wanted.items() <= query.items():
                return given.pop(0) if len(given) > 1 else given[0]
        return 404, {}, json.dumps({"error": {"code": "NotFound", "message": "not set up in this test"}})

    @property
    def asked(self) -> list[tuple[str, dict[str, str]]]:
        """Path and query of every call to Graph so far."""
        requests = [call.request for call in self.http.calls]
        return [split(request) for request in requests if str(request.url).startswith(GRAPH)]

    def asked_for(self, path: str) -> list[dict[str, str]]:
        return [query for asked, query in self.asked if asked == path]


def split(request: PreparedRequest) -> tuple[str, dict[str, str]]:
    parts = urlsplit(str(request.url))
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return unquote(parts.path).removeprefix("/v1.0"), query


def page(*rows: Any, link: str = "") -> dict[str, Any]:
    return {"value": list(rows), **({"@odata.nextLink": link} if link else {})}


def record_row(uuid: str = RECORD, **changes: Any) -> dict[str, Any]:
    """A row of GET /communications/callRecords."""
    return {**data("call_records")["value"][0], "id": uuid, **changes}


def session_rows(name: str = "sessions") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = deepcopy(data(name)["value"])
    return rows


def session_row(number: int = 0, **changes: Any) -> dict[str, Any]:
    return {**session_rows()[number], **changes}


def ref(row: dict[str, Any] | None = None, **changes: Any) -> MeetingRef:
    """A ref as listed; without its row, as the journal hands it back."""
    given: dict[str, Any] = {
        "uuid": RECORD if row is None else row["id"],
        "start_time": datetime(2026, 11, 20, 9, tzinfo=UTC),
        "digest": row_digest({"version": 1}),
        "hint": {"version": 1, "end": "2026-11-20T10:00:00+00:00"},
        "row": row,
    }
    return MeetingRef(**{**given, **changes})


def ended(before: timedelta, now: datetime) -> dict[str, Any]:
    """A row of a call of half an hour that ended so long before now."""
    end = now - before
    start = end - timedelta(minutes=30)
    return record_row(startDateTime=start.isoformat(), endDateTime=end.isoformat())
