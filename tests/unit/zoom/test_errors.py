"""What Zoom's refusals are taken for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

from connectors.errors import BrokenResponse, CredentialsError, QuotaExhausted, VendorError
from connectors.response_decisions import Response, Retry
from connectors.zoom import Zoom
from connectors.zoom.errors import DailyLimitGuard, missing_scopes, response_classifier
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.odd_responses import check_decision, odd_responses
from tests.unit.zoom.fake_api import DAY, Account, meeting_row, page, participant_row, ref

Build = Callable[..., Zoom]

LIST = "/metrics/meetings"
PARTICIPANTS = "/metrics/meetings/abc%3D%3D/participants"
PER_SECOND = {
    "code": 429,
    "message": "You have reached the maximum per-second rate limit for this API. Try again later.",
}
DAILY = {
    "code": 429,
    "message": "You have reached the maximum daily rate limit for this API. Refer to the response header for details.",
}
CONCURRENT = {"code": 429, "message": "Too many concurrent requests. Try again later."}
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize("headers", [{"X-RateLimit-Type": "QPS"}, {"x-ratelimit-type": "QPS"}, {}])
@pytest.mark.parametrize("body", [PER_SECOND, CONCURRENT, {}])
def test_a_per_second_limit_makes_every_request_wait(
    zoom: Build, account: Account, context: FakeContext, headers: dict[str, str], body: object
) -> None:
    account.then(PARTICIPANTS, (429, body), (200, page("participants", participant_row())), headers=headers)
    assert len(zoom().fetch(ref(meeting_row())).sessions) == 1
    assert 1 <= context.seconds < 4
    assert context.request_stats.throttled_seconds >= 1


def test_a_per_minute_limit_waits_for_a_minute(zoom: Build, account: Account, context: FakeContext) -> None:
    account.quiet()
    headers = {"X-RateLimit-Type": "QPS", "X-RateLimit-Category": "Resource-intensive"}
    account.then(
        LIST, (429, PER_SECOND), (200, page("meetings", meeting_row())), headers=headers, type="past"
    )
    assert len(list(zoom().meetings(DAY))) == 1
    assert 60 <= context.seconds < 70


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (DAILY, {}),
        ({}, {"X-RateLimit-Type": "Daily-limit"}),
        (PER_SECOND, {"x-ratelimit-type": "daily-limit"}),
        ({}, {"X-RateLimit-Remaining": "0", "Retry-After": "2026-11-22T00:00:00Z"}),
        (DAILY, {"Retry-After": "2026-11-22T00:00:00Z"}),
        (DAILY, {"Retry-After": "64800"}),
        (DAILY, {"Retry-After": "9999-01-01T00:00:00Z"}),
        (DAILY, {"Retry-After": "nonsense"}),
    ],
)
def test_a_daily_limit_ends_the_run_until_it_is_available_again(
    zoom: Build, account: Account, body: object, headers: dict[str, str]
) -> None:
    account.on(PARTICIPANTS, body, status=429, headers=headers)
    with pytest.raises(QuotaExhausted) as spent:
        zoom().fetch(ref(meeting_row()))
    assert spent.value.until == MIDNIGHT
    assert len(account.asked_for(PARTICIPANTS)) == 1


def test_a_daily_limit_stops_later_calls_and_later_runs(
    zoom: Build, account: Account, context: FakeContext
) -> None:
    account.on(PARTICIPANTS, DAILY, status=429)
    connector = zoom()
    for again in (lambda: connector, lambda: connector, zoom):
        with pytest.raises(QuotaExhausted):
            again().fetch(ref(meeting_row()))
    assert len(account.asked_for(PARTICIPANTS)) == 1
    context.start = MIDNIGHT
    account.on(PARTICIPANTS, page("participants"))
    assert zoom().fetch(ref(meeting_row())).sessions == []


def test_the_own_daily_quota_is_obeyed(zoom: Build, account: Account, context: FakeContext) -> None:
    context.limits["heavy"] = 0
    with pytest.raises(QuotaExhausted):
        zoom().fetch(ref(meeting_row()))
    assert account.asked == []


def test_an_error_code_with_status_200_is_an_error(zoom: Build, account: Account) -> None:
    account.on(PARTICIPANTS, {"code": 3000, "message": "no", "participants": []})
    with pytest.raises(VendorError, match="code 3000") as refused:
        zoom().fetch(ref(meeting_row()))
    assert refused.value.code == 3000


def test_code_zero_is_a_success(zoom: Build, account: Account) -> None:
    account.on(PARTICIPANTS, {"code": 0, **page("participants")})
    assert zoom().fetch(ref(meeting_row())).sessions == []


def test_too_many_requests_may_come_with_status_200(zoom: Build, account: Account) -> None:
    account.on(PARTICIPANTS, PER_SECOND, page("participants"))
    assert zoom().fetch(ref(meeting_row())).sessions == []


def test_a_firewall_page_fails_its_meeting_after_a_few_attempts(zoom: Build, account: Account) -> None:
    account.on(
        PARTICIPANTS,
        "<html>Sorry, you have been blocked</html>",
        status=403,
        headers={"Content-Type": "text/html"},
    )
    with pytest.raises(VendorError, match="firewall") as refused:
        zoom().fetch(ref(meeting_row()))
    assert refused.value.status == 403
    assert len(account.asked_for(PARTICIPANTS)) == 5


def test_a_temporary_firewall_page_fails_nothing(zoom: Build, account: Account) -> None:
    account.then(PARTICIPANTS, (403, "<html>"), (200, page("participants", participant_row())))
    assert len(zoom().fetch(ref(meeting_row())).sessions) == 1


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("code", [4711, 4700])
def test_an_error_names_the_missing_scopes_and_nothing_else_of_the_message(
    zoom: Build, account: Account, status: int, code: int
) -> None:
    message = (
        "Invalid access token, does not contain scopes:[dashboard:read:list_meetings:admin, Marked Person]."
    )
    account.on(LIST, {"code": code, "message": message}, status=status)
    with pytest.raises(CredentialsError, match=r"add dashboard:read:list_meetings:admin to it") as refused:
        list(zoom().meetings(DAY))
    assert "Marked" not in str(refused.value)


def test_an_error_without_scopes_names_the_scope_of_the_call(zoom: Build, account: Account) -> None:
    account.on(PARTICIPANTS, {"code": 4700, "message": "Token cannot be empty"}, status=401)
    with pytest.raises(CredentialsError, match="dashboard:read:list_meeting_participants:admin"):
        zoom().fetch(ref(meeting_row()))


def test_scopes_are_read_strictly() -> None:
    text = "scopes:[report:read:admin, user:read:list_users:master,mail@example.org, a:b, X:read:y, secret token]"
    assert missing_scopes(text) == ["report:read:admin", "user:read:list_users:master"]
    assert missing_scopes("no list") == []


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("The request can only be queried for a month that falls within the last six months.", "six months"),
        ("Can not access webinar info, 123.", "a webinar"),
        ("Marked Person", "parameter"),
    ],
)
def test_code_300_means_what_its_text_says(zoom: Build, account: Account, message: str, words: str) -> None:
    account.on(LIST, {"code": 300, "message": message}, status=400)
    with pytest.raises(VendorError, match=words) as refused:
        list(zoom().meetings(DAY))
    assert "Marked" not in str(refused.value)


def test_a_lone_surrogate_does_not_lose_the_page(zoom: Build, account: Account) -> None:
    account.on(PARTICIPANTS, page("participants", participant_row(user_name="Ada \ud83d")))
    assert zoom().fetch(ref(meeting_row())).sessions[0].user_name == "Ada \ufffd"


def test_a_truncated_body_is_retried(zoom: Build, account: Account) -> None:
    account.then(PARTICIPANTS, (200, '{"participants": [{"id'), (200, page("participants")))
    assert zoom().fetch(ref(meeting_row())).sessions == []


def test_lists_are_requested_within_the_rate_per_minute(
    zoom: Build, account: Account, context: FakeContext
) -> None:
    account.quiet()
    connector = zoom()
    for _ in range(15):
        list(connector.meetings(DAY))
    assert len(account.asked_for(LIST)) == 30
    assert context.now() - NOW >= timedelta(seconds=29 * 3)


def test_a_code_from_500_to_599_is_retried_with_any_status(context: FakeContext) -> None:
    verdict = response_classifier(context, DailyLimitGuard(context))
    answer = Response(call="Zoom: GET /x", status=200, headers={}, body={"code": 500, "message": ""})
    assert isinstance(verdict(answer), Retry)


@given(odd_responses("Zoom: GET /metrics/meetings"))
def test_no_odd_response_ends_in_a_bug(response: Response) -> None:
    check_decision(response_classifier(FakeContext(), DailyLimitGuard(FakeContext())), response)


@pytest.mark.parametrize(
    ("hours", "believed"), [(-1, False), (1, True), (24, True), (26, False), (240, False)]
)
def test_a_daily_limit_is_believed_until_the_next_midnight_at_most(hours: int, believed: bool) -> None:
    context = FakeContext()
    context.set_fact("zoom daily limit until", (context.now() + timedelta(hours=hours)).isoformat())
    guard = DailyLimitGuard(context)
    if believed:
        with pytest.raises(QuotaExhausted):
            guard.check("GET /x")
    else:
        guard.check("GET /x")


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("body", [{"message": "Forbidden"}, {}, {"error": {"code": 3001}}])
def test_an_error_without_a_code_is_not_one_of_zoom(status: int, body: object) -> None:
    context = FakeContext()
    response = Response(call="Zoom: GET /x", status=status, headers={}, body=body)
    decision = response_classifier(context, DailyLimitGuard(context))(response)
    assert isinstance(decision, Retry)
    assert isinstance(decision.error, BrokenResponse)
    assert decision.error.status is None
