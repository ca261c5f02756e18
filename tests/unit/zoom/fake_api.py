"""An invented Zoom account behind `responses`: its answers, and the requests it received."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import responses
from requests import PreparedRequest

from connectors.base import Settings
from connectors.models import MeetingRef, Window, row_digest
from tests.unit.connectors.fake_vendor import Answer, FakeVendor, settings_of

DATA = Path(__file__).parents[2] / "data" / "zoom"
API = "https://api.zoom.example/v2"
TOKEN = "https://zoom.example/oauth/token"

DASHBOARD = "dashboard:read:list_meetings:admin dashboard:read:list_meeting_participants:admin"
REPORTS = "report:read:list_users:admin report:read:user:admin report:read:list_meeting_participants:admin"
USERS = "user:read:list_users:admin"
BOTH = (
    f"{DASHBOARD} {REPORTS} {USERS} dashboard:read:meeting:admin report:read:meeting:admin "
    "dashboard:read:list_meeting_participants_qos:admin dashboard:read:list_webinars:admin "
    "dashboard:read:list_webinar_participants:admin dashboard:read:webinar:admin "
    "report:read:list_webinar_participants:admin report:read:webinar:admin"
)

DAY = Window(start=datetime(2026, 11, 20, tzinfo=UTC), end=datetime(2026, 11, 21, tzinfo=UTC))


def data(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def settings(*options: str, raw: bool = False, share: float = 1.0, **values: str) -> Settings:
    defaults = {
        "ZOOM_ACCOUNT_ID": "acc-1",
        "ZOOM_CLIENT_ID": "client-1",
        "ZOOM_CLIENT_SECRET": "invented-secret",
        "ZOOM_API_URL": API,
        "ZOOM_TOKEN_URL": TOKEN,
    }
    return settings_of(defaults, options, raw=raw, share=share, values=values)


class Account(FakeVendor):
    path_prefix = "/v2"
    unknown: ClassVar = {"code": 3001, "message": "not set up in this test"}

    def __init__(self, http: responses.RequestsMock) -> None:
        super().__init__(http, API)
        self.tokens = 0
        self.on("/users", page("users"))

    @staticmethod
    def decoded(path: str) -> str:
        """As sent, since Zoom wants some uuids encoded twice."""
        return path

    def gives_tokens(self, scope: str = BOTH, **more: Any) -> None:
        def answer(_: PreparedRequest) -> Answer:
            self.tokens += 1
            body = {"access_token": f"token-{self.tokens}", "token_type": "bearer", "expires_in": 3600}
            return 200, {}, json.dumps({**body, "scope": scope, **more})

        self.http.upsert(responses.CallbackResponse(responses.POST, TOKEN, callback=answer))

    def refuses_tokens(self, status: int, body: str) -> None:
        self.http.upsert(responses.Response(responses.POST, TOKEN, status=status, body=body))

    def quiet(self) -> None:
        """Everything that is not set up otherwise is an empty list."""
        empty = {"meetings": [], "webinars": [], "participants": [], "users": [], "next_page_token": ""}
        self.answers.append(("", {}, [(200, {}, json.dumps(empty))]))


def meeting_row(uuid: str = "abc==", **changes: Any) -> dict[str, Any]:
    """A row of /metrics/meetings."""
    return {**data("metrics_meetings")["meetings"][0], "uuid": uuid, **changes}


def participant_row(**changes: Any) -> dict[str, Any]:
    """A row of /metrics/meetings/{uuid}/participants."""
    return {**data("metrics_participants")["participants"][0], **changes}


def page(key: str, *rows: Any, token: str = "") -> dict[str, Any]:
    return {key: list(rows), "next_page_token": token, "page_size": 300}


def ref(row: dict[str, Any] | None = None, **hint: Any) -> MeetingRef:
    """A reference as the Dashboard lists it; with `row=None`, as the journal hands it back."""
    shown = row if row is not None else meeting_row()
    return MeetingRef(
        uuid=shown["uuid"],
        start_time=datetime(2026, 11, 20, 9, tzinfo=UTC),
        digest=row_digest(shown),
        hint={
            "source": "dashboard",
            "kind": "meeting",
            "type": "past",
            "end": "2026-11-20T10:00:00+00:00",
            **hint,
        },
        row=row,
    )
