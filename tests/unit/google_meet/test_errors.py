from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from connectors.errors import BrokenResponse, CredentialsError, VendorError
from connectors.google_meet.endpoints import CALENDAR, DIRECTORY, MEET, REPORTS
from connectors.google_meet.errors import ApiNotAllowed, Forbidden, response_classifier
from connectors.google_meet.http_client import GoogleClient
from connectors.response_decisions import Response
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import ADMIN, HOST, Google, error_body, settings, status_body
from tests.unit.odd_responses import check_decision, odd_responses


@pytest.fixture
def client(google: Google, context: FakeContext) -> GoogleClient:
    from connectors.google_meet.auth import GoogleTokens

    values = settings()
    return GoogleClient(values, GoogleTokens(values, context), context)


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
def test_a_quota_error_makes_all_threads_wait(
    service: Any, status: int, body: Any, client: GoogleClient, google: Google, context: FakeContext
) -> None:
    path, where, params = ASKED[service.scope]
    google.refused[where, ""] = (status, body)
    with pytest.raises(VendorError, match="too many requests"):
        client.call(service, ADMIN, path, "list", **params)
    assert context.request_stats.throttled_seconds >= 6 * 15
    assert len(google.asked) == 7


@pytest.mark.parametrize(
    ("body", "kind", "named"),
    [
        (status_body(403, "PERMISSION_DENIED", "SERVICE_DISABLED"), ApiNotAllowed, "apis/library/meet"),
        (error_body(403, "accessNotConfigured"), ApiNotAllowed, "not enabled"),
        (
            status_body(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
            ApiNotAllowed,
            "scope .*: run `harvester check google-meet`",
        ),
        (
            status_body(403, "PERMISSION_DENIED"),
            Forbidden,
            r"refused \(403\): run `harvester check google-meet`$",
        ),
    ],
)
def test_three_kinds_of_403_have_their_own_errors(
    body: Any, kind: type[Exception], named: str, client: GoogleClient, google: Google
) -> None:
    google.refused["/conferenceRecords", ""] = (403, body)
    with pytest.raises(kind, match=named):
        client.call(MEET, HOST, "conferenceRecords", "list")


@pytest.mark.parametrize("status", [400, 403, 404, 410])
@pytest.mark.parametrize("body", [{"message": "x"}, {"error": "forbidden"}, {"error": None}, ["x"], "x"])
def test_an_error_that_is_not_in_googles_form_refuses_nothing(
    status: int, body: Any, client: GoogleClient, google: Google
) -> None:
    """Reports would count as not allowed, and its conferences of the night would be missing; a calendar's event as deleted."""
    google.refused["/conferenceRecords", ""] = (status, body)
    with pytest.raises(BrokenResponse, match=rf"not the vendor's \({status}") as error:
        client.call(MEET, HOST, "conferenceRecords", "list")
    assert error.value.status is None


def test_a_refused_new_token_is_an_error(client: GoogleClient, google: Google) -> None:
    google.refused["/conferenceRecords", ""] = (401, status_body(401, "UNAUTHENTICATED"))
    with pytest.raises(CredentialsError):
        client.call(MEET, HOST, "conferenceRecords", "list")
    assert len(google.asked) == 2


@given(odd_responses("Google Meet: conferenceRecords.list"))
def test_no_odd_response_ends_in_a_bug(response: Response) -> None:
    check_decision(response_classifier(REPORTS, FakeContext()), response)
