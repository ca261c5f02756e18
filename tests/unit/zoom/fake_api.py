"""An invented Zoom account behind `responses`: its answers, and the requests it received."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import responses
from requests import PreparedRequest

from connectors.base import Settings
from connectors.models import MeetingRef, Window, row_digest

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
    given = {
        "ZOOM_ACCOUNT_ID": "acc-1",
        "ZOOM_CLIENT_ID": "client-1",
        "ZOOM_CLIENT_SECRET": "invented-secret",
        "ZOOM_API_URL": API,
        "ZOOM_TOKEN_URL": TOKEN,
        **values,
    }
    return Settings(
        values={name: value for name, value in given.items() if value},
        options=frozenset(options),
        raw=raw,
        rate_share=share,
    )


class Account:
    """Answers by path and query; each list of answers is given in turn, the last one for ever."""

    def __init__(self, http: responses.RequestsMock) -> None:
        self.http = http
        self.tokens = 0
        self._answers: list[tuple[str, dict[str, str], list[tuple[int, dict[str, str], str]]]] = []
        http.add_callback(responses.GET, re.compile(re.escape(API) + "/.*"), callback=self._answer)
        self.on("/users", page("users"))

    def gives_tokens(self, scope: str = BOTH, **more: Any) -> None:
        def answer(_: PreparedRequest) -> tuple[int, dict[str, str], str]:
            self.tokens += 1
            body = {"access_token": f"token-{self.tokens}", "token_type": "bearer", "expires_in": 3600}
            return 200, {}, json.dumps({**body, "scope": scope, **more})

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
        """Every item of `query` must be in the request; `from_` is `from`. The latest match answers."""
        wanted = {name.rstrip("_"): value for name, value in query.items()}
        given = [
            (status, dict(headers or {}), body if isinstance(body, str) else json.dumps(body))
            for body in bodies
        ]
        self._answers.insert(0, (path, wanted, given))

    def then(
        self, path: str, *answers: tuple[int, Any], headers: Mapping[str, str] | None = None, **query: str
    ) -> None:
        """Answers with a status each."""
        self.on(path, *(body for _, body in answers), headers=headers, **query)
        given = self._answers[0][2]
        given[:] = [(status, sent, body) for (status, _), (_, sent, body) in zip(answers, given, strict=True)]

    def forget(self) -> None:
        self._answers.clear()

    def quiet(self) -> None:
        """Everything that is not set up otherwise is an empty list."""
        empty = {"meetings": [], "webinars": [], "participants": [], "users": [], "next_page_token": ""}
        self._answers.append(("", {}, [(200, {}, json.dumps(empty))]))

    def _answer(self, request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        path, query = split(request)
        for wanted_path, wanted, given in self._answers:
            if wanted_path in {"", path} and wanted.items() <= query.items():
                return given.pop(0) if len(given) > 1 else given[0]
        return 404, {}, json.dumps({"code": 3001, "message": "not set up in this test"})

    @property
    def asked(self) -> list[tuple[str, dict[str, str]]]:
        """Path (as sent) and query of every call to the API so far."""
        requests = [call.request for call in self.http.calls]
        return [split(request) for request in requests if str(request.url).startswith(API)]

    def asked_for(self, path: str) -> list[dict[str, str]]:
        return [query for asked, query in self.asked if asked == path]


def split(request: PreparedRequest) -> tuple[str, dict[str, str]]:
    parts = urlsplit(str(request.url))
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return parts.path.removeprefix("/v2"), query


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
