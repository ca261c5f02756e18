from __future__ import annotations

from harvester.simulator.teams.account import Quirk
from tests.unit.simulator.clients import send_request
from tests.unit.simulator.teams_client import RECORDS, teams_client


def test_the_state_has_every_record_with_its_versions() -> None:
    client = teams_client()
    state = client.control()
    assert state["now"] == "2026-11-20T12:00:00Z"
    rows = {row["id"]: row for row in state["records"]}
    assert len(rows) == 60
    arriving = rows[client.record(Quirk.arriving).id]
    assert list(arriving["published"].values())[1] == "2026-11-20T13:05:00Z"
    first, second = arriving["published"]
    assert arriving["version"] == int(first)
    client.listed()
    after = next(row for row in client.control()["records"] if row["id"] == arriving["id"])
    assert after["version"] == int(second)
    assert rows[client.record(Quirk.not_listed).id]["version"] is None


def test_the_calendar_jumps_and_records_go_missing() -> None:
    client = teams_client()
    late, other = client.record(Quirk.not_listed), client.record(Quirk.sixty)
    client.control(advance=3 * 3600, missing=[other.id])
    assert client.control()["now"] == "2026-11-20T15:00:00Z"
    rows = client.listed()
    assert {late.id, other.id} <= rows.keys()
    assert client.get(f"{RECORDS}/{other.id}/sessions").status == 404
    client.control(missing=[])
    assert client.get(f"{RECORDS}/{other.id}/sessions").status == 200


def test_a_change_of_another_form_is_refused() -> None:
    client = teams_client()
    answer = send_request(client.teams, "/_simulator/teams", method="POST", body=b'{"advance": "x"}')
    assert answer.status == 400
