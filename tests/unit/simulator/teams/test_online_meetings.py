from __future__ import annotations

from harvester.simulator.teams.account import Quirk
from harvester.simulator.teams.identities import user_id
from harvester.simulator.teams.options import CALL_RECORDS
from tests.unit.simulator.clients import Answer
from tests.unit.simulator.teams_client import TeamsClient, teams_client


def ask(client: TeamsClient, organizer: str, link: str) -> Answer:
    return client.get(f"/users/{organizer}/onlineMeetings", filter=f"JoinWebUrl eq '{link}'")


def test_an_online_meeting_is_found_by_organizer_and_link() -> None:
    client = teams_client()
    account = client.teams.account
    answers = {
        record.id: ask(client, record.organizer.id or "", record.link)
        for record in account.records
        if record.link is not None
    }
    refused = user_id(account.organisation.seed, account.refused_organizer)
    found = 0
    for record in account.records:
        if record.link is None:
            continue
        answer = answers[record.id]
        if record.organizer.id == refused:
            assert (answer.status, answer.body["error"]["code"]) == (403, "Forbidden")
        elif record.quirk is Quirk.foreign_organizer or record.meeting.host.status == "departed":
            assert answer.status == 404
        else:
            [*rows] = answer.body["value"]
            assert len(rows) <= 1
            found += len(rows)
            assert all((row["subject"] or None) == record.meeting.topic for row in rows)
    assert found > 10
    statuses = {answer.status for answer in answers.values()}
    assert statuses == {200, 403, 404}


def test_a_link_of_another_organizer_is_not_found() -> None:
    client = teams_client()
    records = [
        r
        for r in client.teams.account.records
        if r.link is not None and r.quirk is None and r.meeting.host.status == "active"
    ]
    one = records[0]
    refused = user_id(client.teams.account.organisation.seed, client.teams.account.refused_organizer)
    other = next(r for r in records if r.organizer.id not in {one.organizer.id, refused})
    assert ask(client, other.organizer.id or "", one.link or "").body["value"] == []


def test_the_second_permission_is_needed() -> None:
    client = teams_client(permissions=(CALL_RECORDS,))
    record = client.record(Quirk.sixty)
    assert ask(client, record.organizer.id or "", record.link or "").status == 403
