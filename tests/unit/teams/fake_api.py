"""An invented Teams tenant behind `responses`: its answers, and the requests it received."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import responses
from requests import PreparedRequest

from connectors.base import Settings
from connectors.models import MeetingRef, Window, row_digest
from tests.unit.connectors.fake_vendor import Answer, FakeVendor, settings_of

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


def data(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def settings(*options: str, raw: bool = False, share: float = 1.0, **values: str) -> Settings:
    defaults = {
        "TEAMS_TENANT_ID": TENANT,
        "TEAMS_CLIENT_ID": "client-1",
        "TEAMS_CLIENT_SECRET": "invented-secret",
        "TEAMS_API_URL": GRAPH,
        "TEAMS_LOGIN_URL": LOGIN,
    }
    return settings_of(defaults, options, raw=raw, share=share, values=values)


class Tenant(FakeVendor):
    path_prefix = "/v1.0"
    unknown: ClassVar = {"error": {"code": "NotFound", "message": "not set up in this test"}}

    def __init__(self, http: responses.RequestsMock) -> None:
        super().__init__(http, GRAPH)
        self.tokens = 0

    @staticmethod
    def parameter(name: str) -> str:
        """`filter` is `$filter`."""
        return f"${name}"

    def gives_tokens(self, **more: Any) -> None:
        def answer(_: PreparedRequest) -> Answer:
            self.tokens += 1
            body = {"token_type": "Bearer", "expires_in": 3599, "access_token": f"token-{self.tokens}"}
            return 200, {}, json.dumps({**body, **more})

        self.http.upsert(responses.CallbackResponse(responses.POST, TOKEN, callback=answer))

    def refuses_tokens(self, status: int, body: str) -> None:
        self.http.upsert(responses.Response(responses.POST, TOKEN, status=status, body=body))

    def has_a_meeting(self) -> None:
        self.on(RECORDS, data("call_records"))
        self.on(SESSIONS, data("sessions"))
        self.on(MEETINGS, data("online_meetings"))


REFUSAL = {"error": {"code": "UnknownError", "message": ""}}
"""The form of all of Graph's errors."""


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
