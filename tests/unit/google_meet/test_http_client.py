"""Requests: built by Google's library, sent by the one HTTP layer, at the rates that Google permits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import responses

from connectors.errors import BrokenResponse, Unreachable, VendorError
from connectors.google_meet import GoogleMeet, http_client
from connectors.google_meet.auth import GoogleTokens
from connectors.google_meet.endpoints import CALENDAR, DIRECTORY, MEET, REPORTS
from connectors.google_meet.http_client import GoogleClient
from connectors.models import MeetingRef
from connectors.rate_limit import MARGIN
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import ADMIN, DAY, HOST, Google, settings

Build = Callable[..., GoogleMeet]


@pytest.fixture
def client(google: Google, context: FakeContext) -> GoogleClient:
    values = settings()
    return GoogleClient(values, GoogleTokens(values, context), context)


def test_a_long_url_is_sent_as_a_post_with_a_method_override(
    client: GoogleClient, google: Google, http: responses.RequestsMock
) -> None:
    google.record("conf1")
    where = " OR ".join([f'space.meeting_code = "{"x" * 200}"'] * 12)
    client.call(MEET, HOST, "conferenceRecords", "list", filter=where)
    request = http.calls[-1].request
    assert (request.method, request.headers["x-http-method-override"]) == ("POST", "GET")
    assert "?" not in str(request.url)
    assert google.asked[-1][2]["filter"] == where


def test_base_urls_come_from_the_settings(
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


def test_clients_of_one_process_read_the_description_of_an_api_once(
    context: FakeContext, google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []
    build = http_client.build

    def counted(name: str, version: str, **how: Any) -> Any:
        built.append(how["client_options"]["api_endpoint"])
        return build(name, version, **how)

    monkeypatch.setattr(http_client, "build", counted)
    for url in ("https://calendar.one.example", "https://calendar.two.example"):
        for _ in range(2):
            values = settings(GOOGLE_CALENDAR_API_URL=url)
            client = GoogleClient(values, GoogleTokens(values, context), context)
            with pytest.raises(Unreachable):
                client.call(CALENDAR, HOST, "events", "get", calendarId=HOST, eventId="a")
    assert built == ["https://calendar.one.example/", "https://calendar.two.example/"]


def test_an_id_that_the_library_refuses_is_a_vendor_error(client: GoogleClient, google: Google) -> None:
    with pytest.raises(VendorError) as refused:
        client.call(MEET, HOST, "conferenceRecords", "get", name="conferenceRecords/a/b")
    assert refused.value.status == 400


def test_an_empty_page_continues_and_an_empty_response_has_no_rows(
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
def test_rows_that_are_not_objects_are_an_error(
    body: Any, client: GoogleClient, google: Google, http: responses.RequestsMock
) -> None:
    http.get("https://meet.google.example/v2/conferenceRecords", json=body)
    google.refused["/conferenceRecords", ""] = (200, body)
    with pytest.raises(BrokenResponse):
        client.all_rows(MEET, HOST, "conferenceRecords", "conferenceRecords")


def test_reports_resume_after_a_refused_page_token(meet: Build, google: Google) -> None:
    for minute in range(10, 40):
        google.call_ended(f"conf{minute}", f"2026-11-20T09:{minute}:00Z")
    google.page = 7
    original, refusals = google._reports, []

    def once_refused(path: str, query: dict[str, str], user: str) -> Any:
        if query.get("pageToken") == "14" and not refusals:
            refusals.append(query)
            return 400, {}, '{"error": {"code": 400, "status": "INVALID_ARGUMENT"}}'
        return original(path, query, user)

    google._reports = once_refused  # type: ignore[method-assign]  # the test replaces the method
    found = [ref for ref in meet(GOOGLE_SOURCE="reports").meetings(DAY) if isinstance(ref, MeetingRef)]
    assert len(found) == len({ref.uuid for ref in found}) == 30
    assert refusals
    assert all(len(ref.row["rows"]) == 1 for ref in found if ref.row)


def test_each_user_has_a_rate_limit_and_all_share_the_projects(
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


def test_many_threads_use_each_users_own_token(client: GoogleClient, google: Google) -> None:
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


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (204, None),
        (200, {"error": {"code": 500, "message": "x"}}),
        (200, {"error": None}),
        (202, {"message": "x"}),
        (200, {"conferenceRecords": None}),
        (200, {"conferenceRecords": {"a": 1}}),
    ],
)
def test_what_is_no_list_is_not_taken_for_an_empty_one(
    client: GoogleClient, google: Google, status: int, body: object
) -> None:
    google.refused["/conferenceRecords", HOST] = (status, "" if body is None else body)
    with pytest.raises(BrokenResponse):
        client.all_rows(MEET, HOST, "conferenceRecords", "conferenceRecords")


@pytest.mark.parametrize("body", [{}, {"etag": "x"}, {"nextPageToken": "2"}])
def test_a_page_of_reports_says_what_it_is(client: GoogleClient, google: Google, body: object) -> None:
    google.refused["/applications/meet", ADMIN] = (200, body)
    with pytest.raises(BrokenResponse, match="kind"):
        client.all_rows(REPORTS, ADMIN, "activities", "items", userKey="all", applicationName="meet")
