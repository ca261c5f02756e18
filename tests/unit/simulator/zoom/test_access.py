"""Tests the simulated Zoom's token endpoint, scopes, plans and rate limits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from harvester.simulator.zoom.endpoints import ENDPOINTS
from tests.unit.simulator.clients import FROM, TO, ZoomClient, send_request, zoom_client

USERS = "/users"
LISTING = {"from": FROM, "to": TO, "type": "past"}


@pytest.fixture(scope="module")
def zoom() -> ZoomClient:
    return zoom_client()


@pytest.mark.parametrize("in_body", [True, False])
def test_a_token_request_may_use_query_or_form(zoom: ZoomClient, in_body: bool) -> None:
    answer = zoom.ask_token(in_body=in_body)
    assert answer.status == 200
    assert answer.body["token_type"] == "bearer"
    assert answer.body["expires_in"] == 3600
    assert "dashboard:read:list_meetings:admin" in answer.body["scope"].split()
    assert answer.body["api_url"].endswith("/zoom")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"authorization": "Basic bm9ib2R5Om5vdGhpbmc="}, "invalid_client"),
        ({"authorization": "Basic %%%"}, "invalid_client"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"account_id": "another"}, "invalid_request"),
    ],
)
def test_a_refused_token_request_has_reason_and_error(
    zoom: ZoomClient, changed: dict[str, str], error: str
) -> None:
    answer = zoom.ask_token(**changed)
    assert answer.status in {400, 401}
    assert answer.body["error"] == error
    assert set(answer.body) == {"error", "reason"}


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer made-up"}, {"authorization": "Basic x"}])
def test_without_a_valid_token_everything_is_refused(zoom: ZoomClient, headers: dict[str, str]) -> None:
    answer = send_request(zoom.zoom, "/zoom/v2/users", **headers)
    assert (answer.status, answer.body) == (401, {"code": 124, "message": "Invalid access token."})


def test_a_token_is_valid_for_an_hour_divided_by_the_speed() -> None:
    fast = zoom_client(speed=60)
    fast.clock.seconds = 55
    assert fast.get(USERS).status == 200
    fast.clock.seconds = 60
    answer = fast.get(USERS)
    assert (answer.status, answer.body) == (401, {"code": 124, "message": "Access token is expired."})
    fast.renew()
    assert fast.get(USERS).status == 200


def test_two_tokens_are_valid_at_once(zoom: ZoomClient) -> None:
    first = zoom.token
    zoom.renew()
    assert zoom.token != first
    assert send_request(zoom.zoom, "/zoom/v2/users", authorization=f"Bearer {first}").status == 200


def test_a_missing_scope_is_named() -> None:
    poor = zoom_client(scopes=["report:read:admin", "dashboard:read:list_meetings:admin"])
    answer = poor.get(USERS)
    assert answer.status == 400
    assert answer.body == {
        "code": 4711,
        "message": "Invalid access token, does not contain scopes:[user:read:list_users:admin].",
    }
    assert poor.get("/metrics/meetings", **LISTING).status == 200
    assert poor.get("/report/users", **{"from": FROM, "to": TO}).status == 200  # a classic scope is enough


def test_below_the_business_plan_there_is_no_dashboard() -> None:
    pro = zoom_client(plan="pro")
    answer = pro.get("/metrics/meetings", **LISTING)
    assert answer.status == 400
    assert answer.body["code"] == 200
    assert "only available for Business or higher" in answer.body["message"]
    assert pro.get("/report/users", **{"from": FROM, "to": TO}).status == 200


def test_an_unknown_path_and_another_method_are_refused(zoom: ZoomClient) -> None:
    assert zoom.get("/metrics/elephants").status == 404
    assert zoom.get("/").status == 404
    assert send_request(zoom.zoom, "/zoom/v2/users", method="POST").status == 405
    assert send_request(zoom.zoom, "/zoom/oauth/token").status == 405


def hurried(zoom: ZoomClient, path: str, count: int, **query: object) -> list[int]:
    """Return the statuses of this many calls at one instant."""
    found = []
    for _ in range(count):
        zoom.clock.seconds -= 4
        found.append(zoom.get(path, **query).status)
    return found


@pytest.mark.parametrize(
    ("plan", "path", "limit"),
    [
        ("business", "/report/users/nobody/meetings", 40),
        ("pro", "/report/users/nobody/meetings", 10),
        ("business", "/users", 60),
        ("pro", "/users", 20),
        ("business", "/past_meetings/1", 80),
        ("pro", "/past_meetings/1", 30),
    ],
)
def test_calls_above_the_limit_per_second_are_refused(plan: str, path: str, limit: int) -> None:
    zoom = zoom_client(plan=plan)
    zoom.clock.seconds = 100
    statuses = hurried(zoom, path, limit + 3)
    assert [status == 429 for status in statuses] == [False] * limit + [True] * 3
    zoom.clock.seconds = 100.99 - 4
    refused = zoom.get(path)
    assert refused.body == {
        "code": 429,
        "message": "You have reached the maximum per-second rate limit for this API. Try again later.",
    }
    assert refused.headers["x-ratelimit-type"] == "QPS"
    assert refused.headers["x-ratelimit-limit"] == str(limit)
    assert "retry-after" not in refused.headers
    zoom.clock.seconds = 101 - 4
    assert zoom.get(path).status != 429


def test_the_window_slides() -> None:
    zoom = zoom_client()
    zoom.clock.seconds = 100.9
    assert 429 not in hurried(zoom, "/users", 40)
    zoom.clock.seconds = 101.1
    assert hurried(zoom, "/users", 30).count(429) == 10
    assert zoom.zoom.traffic()["classes"]["medium"] | {"first": 0, "last": 0} == {
        "limit": 60, "period": 1, "requests": 70, "refused": 10, "peak": 70, "first": 0, "last": 0,
    }  # fmt: skip


def test_listings_of_meetings_and_webinars_share_twenty_calls_a_minute() -> None:
    zoom = zoom_client()
    zoom.clock.seconds = 100
    statuses = hurried(zoom, "/metrics/meetings", 12, **LISTING) + hurried(
        zoom, "/metrics/webinars", 12, **LISTING
    )
    assert statuses == [200] * 20 + [429] * 4
    zoom.clock.seconds = 159
    refused = hurried(zoom, "/metrics/meetings", 1, **LISTING)
    assert refused == [429]
    zoom.clock.seconds = 160
    assert hurried(zoom, "/metrics/meetings", 1, **LISTING) == [200]


def test_speed_shortens_the_windows_and_keeps_the_limits() -> None:
    zoom = zoom_client(speed=10)
    zoom.clock.seconds = 100
    assert hurried(zoom, "/users", 61)[-1] == 429
    zoom.clock.seconds = 100.1 + 1e-6
    assert hurried(zoom, "/users", 60).count(429) == 0


def test_the_daily_limit_error_says_when_the_next_day_starts() -> None:
    zoom = zoom_client(daily_limit=3)
    assert [zoom.get("/report/users/nobody/meetings").status for _ in range(3)] == [404, 404, 404]
    refused = zoom.get("/metrics/meetings", **LISTING)
    assert refused.status == 429
    assert refused.body["message"].startswith("You have reached the maximum daily rate limit for this API.")
    assert refused.headers["retry-after"] == "2026-11-21T00:00:00Z"
    assert refused.headers["x-ratelimit-type"] == "Daily-limit"
    assert zoom.get("/users").status == 200  # another limit
    zoom.clock.seconds = timedelta(hours=12).total_seconds()
    zoom.renew()
    assert zoom.get("/metrics/meetings", **LISTING).status == 200


def test_the_date_header_shows_the_simulated_time(zoom: ZoomClient) -> None:
    assert zoom.get(USERS).headers["date"].startswith("Fri, 20 Nov 2026 12:")


def test_every_endpoint_has_a_handler_and_a_label() -> None:
    from harvester.simulator.zoom.handlers import Handlers

    for call in ENDPOINTS:
        assert callable(getattr(Handlers, call.handler))
        assert (call.label == "Resource-intensive") is (
            call.template in {"/metrics/meetings", "/metrics/webinars"}
        )
        assert call.dashboard is call.template.startswith("/metrics")
