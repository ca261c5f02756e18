from __future__ import annotations

from typing import Any

import pytest

from harvester.simulator.teams.tokens import TOKEN_SECONDS
from tests.unit.simulator.teams_client import RECORDS, teams_client


def test_a_token_lives_an_hour() -> None:
    client = teams_client()
    body = client.ask_token().body
    assert (body["token_type"], body["expires_in"]) == ("Bearer", TOKEN_SECONDS)
    assert client.get(RECORDS).status == 200
    client.clock.seconds += TOKEN_SECONDS
    answer = client.get(RECORDS)
    assert (answer.status, answer.body["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert answer.body["error"]["innerError"]["request-id"] == answer.headers["request-id"]


@pytest.mark.parametrize("tenant", ["example.org", "Example.org"])
def test_the_tenant_may_be_a_domain(tenant: str) -> None:
    assert teams_client().ask_token(tenant).status == 200


@pytest.mark.parametrize(
    ("changed", "status", "error", "number"),
    [
        ({"tenant": "elsewhere.example"}, 400, "invalid_request", 90002),
        ({"client_id": "another"}, 400, "unauthorized_client", 700016),
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"scope": "https://graph.microsoft.com/CallRecords.Read.All"}, 400, "invalid_scope", 1002012),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
def test_wrong_requests_are_refused_with_their_number(
    changed: dict[str, Any], status: int, error: str, number: int
) -> None:
    answer = teams_client().ask_token(**changed)
    assert (answer.status, answer.body["error"]) == (status, error)
    assert answer.body["error_codes"] == [number]
    assert answer.body["error_description"].startswith(f"AADSTS{number}: ")


def test_an_expired_secret_is_another_error_than_a_wrong_one() -> None:
    client = teams_client(expired_secret=True)
    assert client.ask_token().body["error_codes"] == [7000222]
    assert client.ask_token(client_secret="wrong").body["error_codes"] == [7000215]


@pytest.mark.parametrize(
    "scope", ["https://graph.microsoft.us/.default", "http://sim.example.org/teams/graph/.default"]
)
def test_the_scope_is_that_of_a_cloud_or_of_the_simulator(scope: str) -> None:
    assert teams_client().ask_token(scope=scope).status == 200
