"""Requests: built by Google's library, sent by the one HTTP layer, at the rates that Google permits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import responses

from connectors.errors import BrokenResponse, CredentialsError, VendorError
from connectors.google_meet import GoogleMeet
from connectors.google_meet.client import GoogleClient
from connectors.google_meet.endpoints import CALENDAR, DIRECTORY, MEET, REPORTS
from connectors.google_meet.errors import ApiNotAllowed, Forbidden
from connectors.models import MeetingRef
from connectors.rate_limit import MARGIN
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import ADMIN, DAY, HOST, Google, error_body, settings, status_body

Build = Callable[..., GoogleMeet]


@pytest.fixture
def client(google: Google, context: FakeContext) -> GoogleClient:
    from connectors.google_meet.auth import GoogleTokens

    told = settings()
    return GoogleClient(told, GoogleTokens(told, context), context)


def test_a_long_address_is_a_post_that_says_it_is_a_get(
    client: GoogleClient, google: Google, http: responses.RequestsMock
) -> None:
    google.record("conf1")
    where = " OR ".join([f'space.meeting_code = "{"x" * 200}"'] * 12)
    client.call(MEET, HOST, "conferenceRecords", "list", filter=where)
    request = http.calls[-1].request
    assert (request.method, request.headers["x-http-method-override"]) == ("POST", "GET")
    assert "?" not in str(request.url)
    assert google.asked[-1][2]["filter"] == where


def test_base_urls_are_those_of_the_settings(
    client: GoogleClient, google: Google, http: responses.RequestsMock
) -> None:
    google.events[HOST, "a/b"] = {"id": "a/b"}
    client.call(CALENDAR, HOST, "events", "get", calendarId=HOST, eventId="a/b")
    assert str(http.calls[-1].request.url).startswith(
        "https://calendar.google.example/calendar/v3/calendars/mara"
    )
    client.call(DIRECTORY, ADMIN, "users", "list", customer="my_customer")
    assert str(http.calls[-1].request.url).startswith(
        "https://admin.google.example/admin/directory/v1/users?"
    )


def test_what_is_no_id_for_the_library_is_no_bug(client: GoogleClient, google: Google) -> None:
    with pytest.raises(VendorError) as refused:
        client.call(MEET, HOST, "conferenceRecords", "get", name="conferenceRecords/a/b")
    assert refused.value.status == 400


def test_an_empty_page_goes_on_and_an_empty_answer_is_no_rows(
    client: GoogleClient, google: Google, http: responses.RequestsMock
) -> None:
    answers: list[dict[str, Any]] = [
        {"nextPageToken": "1"},
        {"conferenceRecords": [{"name": "conferenceRecords/a"}], "nextPageToken": "2"},
        {},
    ]
    http.reset()
    http.post("https://tokens.google.example/token", json={"access_token": "t", "expires_in": 3599})
    for answer in answers:
        http.get("https://meet.google.example/v2/conferenceRecords", json=answer)
    rows = client.all_rows(MEET, HOST, "conferenceRecords", "conferenceRecords")
    assert [row["name"] for row in rows] == ["conferenceRecords/a"]


@pytest.mark.parametrize("body", [{"conferenceRecords": "x"}, {"conferenceRecords": ["x"]}, []])
def test_rows_that_are_none_are_an_error(
    body: Any, client: GoogleClient, google: Google, http: responses.RequestsMock
) -> None:
    http.get("https://meet.google.example/v2/conferenceRecords", json=body)
    google.refused["/conferenceRecords", ""] = (200, body)
    with pytest.raises(BrokenResponse):
        client.all_rows(MEET, HOST, "conferenceRecords", "conferenceRecords")


def test_reports_go_on_where_their_page_token_was_refused(meet: Build, google: Google) -> None:
    for minute in range(10, 40):
        google.call_ended(f"conf{minute}", f"2026-11-20T09:{minute}:00Z")
    google.page = 7
    original, refusals = google._reports, []

    def once_refused(path: str, query: dict[str, str], user: str) -> Any:
        if query.get("pageToken") == "14" and not refusals:
            refusals.append(query)
            return 400, {}, '{"error": {"code": 400, "status": "INVALID_ARGUMENT"}}'
        return original(path, query, user)

    google._reports = once_refused  # type: ignore[method-assign]
    found = [ref for ref in meet(GOOGLE_SOURCE="reports").meetings(DAY) if isinstance(ref, MeetingRef)]
    assert len(found) == len({ref.uuid for ref in found}) == 30
    assert refusals
    assert all(len(ref.row["rows"]) == 1 for ref in found if ref.row)


QUOTA = [
    (MEET, 429, status_body(429, "RESOURCE_EXHAUSTED")),
    (CALENDAR, 403, error_body(403, "rateLimitExceeded")),
    (DIRECTORY, 403, error_body(403, "quotaExceeded")),
    (REPORTS, 503, error_body(503, "backendError")),
]
ASKED: dict[str, tuple[str, str, dict[str, Any]]] = {
    MEET.scope: ("conferenceRecords", "/conferenceRecords", {}),
    CALENDAR.scope: ("events", "/events", {"calendarId": HOST}),
    DIRECTORY.scope: ("users", "/users", {"customer": "my_customer"}),
    REPORTS.scope: (
        "activities",
        "/applications/meet",
        {"userKey": "all", "applicationName": "meet", "startTime": "2026-11-20T00:00:00Z"},
    ),
}


@pytest.mark.parametrize(("service", "status", "body"), QUOTA, ids=[one[0].title for one in QUOTA])
def test_a_quota_makes_everybody_wait(
    service: Any, status: int, body: Any, client: GoogleClient, google: Google, context: FakeContext
) -> None:
    path, where, params = ASKED[service.scope]
    google.refused[where, ""] = (status, body)
    with pytest.raises(VendorError, match="over the quota"):
        client.call(service, ADMIN, path, "list", **params)
    assert context.request_stats.throttled_seconds >= 6 * 15
    assert len(google.asked) == 7


@pytest.mark.parametrize(
    ("body", "kind", "named"),
    [
        (status_body(403, "PERMISSION_DENIED", "SERVICE_DISABLED"), ApiNotAllowed, "apis/library/meet"),
        (error_body(403, "accessNotConfigured"), ApiNotAllowed, "not enabled"),
        (status_body(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), ApiNotAllowed, "scope"),
        (status_body(403, "PERMISSION_DENIED"), Forbidden, "refused"),
    ],
)
def test_three_kinds_of_403_are_told_apart(
    body: Any, kind: type[Exception], named: str, client: GoogleClient, google: Google
) -> None:
    google.refused["/conferenceRecords", ""] = (403, body)
    with pytest.raises(kind, match=named):
        client.call(MEET, HOST, "conferenceRecords", "list")


def test_a_refused_token_after_a_new_one_is_the_end(client: GoogleClient, google: Google) -> None:
    google.refused["/conferenceRecords", ""] = (401, status_body(401, "UNAUTHENTICATED"))
    with pytest.raises(CredentialsError):
        client.call(MEET, HOST, "conferenceRecords", "list")
    assert len(google.asked) == 2


def test_a_users_rate_is_a_users_and_the_projects_is_everybodys(
    client: GoogleClient, google: Google, context: FakeContext
) -> None:
    for _ in range(61):
        client.call(MEET, HOST, "conferenceRecords", "list")
    assert context.seconds == pytest.approx(60 / (10 * MARGIN), rel=0.01)
    began = context.seconds
    for number in range(100):
        google.person(f"u{number}", f"u{number}@example.org", "U")
        client.call(MEET, f"u{number}@example.org", "conferenceRecords", "list")
    assert context.seconds - began == pytest.approx(100 / (100 * MARGIN), rel=0.05)


def test_many_threads_ask_as_many_users_each_with_its_own_token(client: GoogleClient, google: Google) -> None:
    users = [f"u{number}@example.org" for number in range(24)]
    for number, user in enumerate(users):
        google.person(str(100 + number), user, "U")
    wrong: list[str] = []

    def ask(user: str) -> None:
        for _ in range(5):
            client.call(MEET, user, "conferenceRecords", "list")

    threads = [threading.Thread(target=ask, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = {user: sum(1 for asked, _, _ in google.asked if asked == user) for user in users}
    assert not wrong
    assert set(counts.values()) == {5}
    assert len(google.assertions) == len(users)
