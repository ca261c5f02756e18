"""Tests the simulated Directory API."""

from __future__ import annotations

import pytest

from harvester.simulator.google_meet.request import Request
from tests.unit.simulator.clients import GoogleClient, google_client

NOW_SPELLED = "2026-11-20T12:00:00Z"


@pytest.fixture(scope="module")
def google() -> GoogleClient:
    return google_client(size=300, days=8)


def reason(google: GoogleClient, api: str, path: str, email: str = "", **query: object) -> tuple[int, str]:
    answer = google.get(api, path, email, **query)
    return answer.status, answer.body["error"]["errors"][0]["reason"]


def test_the_directory_lists_everyone_with_an_account_including_suspended_people(
    google: GoogleClient,
) -> None:
    users = google.rows("users", "directory", "/users", customer="my_customer", maxResults=7)
    people = [p for p in google.google.account.organisation.people if p.status != "departed"]
    assert [user["primaryEmail"] for user in users] == [person.email for person in people]
    assert {user["suspended"] for user in users} == {True, False}
    assert all(user["id"].isdigit() for user in users)
    active = google.rows("users", "directory", "/users", domain="example.org", query="isSuspended=false")
    assert active == [user for user in users if not user["suspended"]]
    by_name = google.rows("users", "directory", "/users", customer="my_customer", orderBy="email")
    assert [user["primaryEmail"] for user in by_name] == sorted(user["primaryEmail"] for user in users)


def test_a_user_is_found_by_id_address_or_alias(google: GoogleClient) -> None:
    user = next(
        u for u in google.rows("users", "directory", "/users", customer="my_customer") if "aliases" in u
    )
    for key in (user["id"], user["primaryEmail"], user["aliases"][0]):
        assert google.get("directory", f"/users/{key}").body == user
    departed = next(p for p in google.google.account.organisation.people if p.status == "departed")
    assert reason(google, "directory", f"/users/{departed.email}") == (404, "notFound")
    assert departed.email in str(
        google.rows("users", "directory", "/users", customer="my_customer", showDeleted="true")
    )


def test_requests_that_the_directory_refuses(google: GoogleClient) -> None:
    assert reason(google, "directory", "/users") == (400, "badRequest")
    assert reason(google, "directory", "/users", customer="C0other") == (404, "notFound")
    assert reason(google, "directory", "/users", customer="my_customer", query="colour=red") == (
        400,
        "invalid",
    )
    host = google.google.account.busiest_host.email
    assert reason(google, "directory", "/users", host, customer="my_customer") == (403, "forbidden")


def test_too_many_directory_requests_are_a_403() -> None:
    google = google_client()
    parameters = Request(
        path=("users",),
        query={},
        instant=0,
        seconds=0,
        scopes=frozenset(),
        person=google.google.account.administrator,
    )
    for _ in range(2400):
        google.google.rate_limits.admit("directory", parameters)
    reasons = set()
    for _ in range(4):
        answer = google.get("directory", "/users", customer="my_customer")
        google.clock.seconds -= 0.3
        reasons.add((answer.status, answer.body["error"]["errors"][0]["reason"]))
    assert reasons == {(403, "userRateLimitExceeded"), (403, "quotaExceeded")}
