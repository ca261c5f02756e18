from __future__ import annotations

from harvester.simulator.teams.app import GRAPH
from tests.unit.simulator.clients import send_request
from tests.unit.simulator.teams_client import RECORDS, teams_client


def test_calls_are_counted_by_their_template() -> None:
    client = teams_client()
    record = client.teams.account.records[5]
    client.get(RECORDS)
    client.get(f"{RECORDS}/{record.id}/sessions")
    client.get("/users/x/onlineMeetings", filter="JoinWebUrl eq 'y'")
    client.get("/reports/anything")
    assert client.teams.traffic()["calls"] == {
        "POST /oauth2/v2.0/token": 1,
        "GET /communications/callRecords": 1,
        "GET /communications/callRecords/{id}/sessions": 1,
        "GET /users/{id}/onlineMeetings": 1,
        "GET (unknown)": 1,
    }


def test_without_a_token_nothing_is_answered() -> None:
    client = teams_client()
    answer = send_request(client.teams, f"{GRAPH}/v1.0{RECORDS}")
    assert (answer.status, answer.body["error"]["code"]) == (401, "InvalidAuthenticationToken")


def test_other_methods_and_paths_are_not_found() -> None:
    client = teams_client()
    assert client.get(f"{RECORDS}/x/unknown").status == 404
    assert send_request(client.teams, f"{GRAPH}/v1.0{RECORDS}", method="POST").status == 404


def test_the_time_is_shown_without_counting() -> None:
    client = teams_client()
    answer = send_request(client.teams, GRAPH, method="HEAD")
    assert answer.headers["date"] == "Fri, 20 Nov 2026 12:00:00 GMT"
    assert client.teams.traffic()["calls"] == {}
