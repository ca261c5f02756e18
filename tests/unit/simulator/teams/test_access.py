from __future__ import annotations

from harvester.simulator.teams.access import PER_LIST, PER_RECORD
from harvester.simulator.teams.account import Quirk
from harvester.simulator.teams.app import GRAPH
from harvester.simulator.teams.options import ONLINE_MEETINGS
from tests.unit.simulator.clients import Answer
from tests.unit.simulator.teams_client import HOST, RECORDS, TeamsClient, teams_client


def at_once(client: TeamsClient, path: str, times: int) -> list[Answer]:
    return [client.follow(f"http://{HOST}{GRAPH}/v1.0{path}") for _ in range(times)]


def test_lists_are_limited() -> None:
    client = teams_client()
    answers = at_once(client, RECORDS, PER_LIST + 1)
    assert {answer.status for answer in answers[:-1]} == {200}
    assert (answers[-1].status, answers[-1].headers["retry-after"]) == (429, "20")
    client.clock.seconds += 12.5
    assert at_once(client, RECORDS, 1)[0].headers["retry-after"] == "8"
    client.clock.seconds += 8
    assert at_once(client, RECORDS, 1)[0].status == 200


def test_requests_for_one_record_are_limited() -> None:
    client = teams_client()
    one, other = client.record(Quirk.sixty), client.record(Quirk.escalated)
    answers = at_once(client, f"{RECORDS}/{one.id}", PER_RECORD + 1)
    assert [answers[-2].status, answers[-1].status] == [200, 429]
    assert at_once(client, f"{RECORDS}/{other.id}", 1)[0].status == 200
    assert client.teams.traffic()["refused"] == 1


def test_a_large_tenant_has_a_lower_limit() -> None:
    client = teams_client(requests_per_20_seconds=3)
    assert [answer.status for answer in at_once(client, RECORDS, 5)] == [200, 200, 200, 429, 429]


def test_the_peaks_of_a_second_are_shown() -> None:
    client = teams_client()
    at_once(client, RECORDS, 3)
    client.clock.seconds += 2
    at_once(client, RECORDS, 1)
    assert client.teams.traffic()["observed"] == {"per_second": 3, "lists_per_ten_seconds": 4}


def test_without_consent_every_call_is_forbidden_with_an_empty_message() -> None:
    client = teams_client(permissions=(ONLINE_MEETINGS,))
    answer = client.get(RECORDS)
    assert (answer.status, answer.body["error"]["code"]) == (403, "Forbidden")
    assert answer.body["error"]["message"] == ""
