from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from harvester.simulator.teams.account import Quirk
from harvester.simulator.teams.formats import parse_stamp, stamp
from tests.unit.simulator.teams_client import ALL, RECORDS, TeamsClient, teams_client


@pytest.fixture(scope="module")
def client() -> TeamsClient:
    return teams_client()


def test_the_list_has_the_records_that_started_in_the_window_without_sessions(client: TeamsClient) -> None:
    day = "startDateTime ge 2026-11-18T00:00:00Z and startDateTime lt 2026-11-19T00:00:00Z"
    rows = client.listed(filter=day)
    assert 0 < len(rows) < 60
    assert all(row["startDateTime"].startswith("2026-11-18") for row in rows.values())
    assert not [row for row in rows.values() if "sessions" in row or "participants_v2" in row]
    assert all("organizer_v2" in row for row in rows.values())


def test_the_list_has_pages_that_are_followed_as_they_are() -> None:
    client = teams_client(size=150, days=20)
    first = client.get(RECORDS, filter=ALL).body
    assert len(first["value"]) == 60
    assert first["@odata.nextLink"].startswith(
        "http://sim.example.org/teams/graph/v1.0/communications/callRecords?$"
    )
    assert len(client.listed()) > 120
    small = client.get(RECORDS, filter=ALL, prefer="odata.maxpagesize=7").body
    assert len(client.follow(small["@odata.nextLink"]).body["value"]) == 7
    other = small["@odata.nextLink"].replace("2026-12-01", "2026-12-02")
    assert client.follow(other).status == 400


def test_null_values_are_left_out_if_asked(client: TeamsClient) -> None:
    record = client.record(Quirk.no_link)
    assert client.get(f"{RECORDS}/{record.id}").body["joinWebUrl"] is None
    assert "joinWebUrl" not in client.get(f"{RECORDS}/{record.id}", prefer="omit-values=nulls").body


@pytest.mark.parametrize(("quirk", "pages"), [(Quirk.sixty, [60]), (Quirk.sixty_one, [60, 1])])
def test_sixty_sessions_are_one_page(client: TeamsClient, quirk: Quirk, pages: list[int]) -> None:
    path = f"{RECORDS}/{client.record(quirk).id}"
    answers = [client.get(f"{path}/sessions", expand="segments").body]
    while link := answers[-1].get("@odata.nextLink"):
        answers.append(client.follow(link).body)
    assert [len(body["value"]) for body in answers] == pages
    whole = client.get(path, expand="sessions($expand=segments)").body
    assert len(whole["sessions"]) == 60
    if len(pages) > 1:
        rest = client.follow(whole["sessions@odata.nextLink"]).body
        assert rest["value"] == answers[1]["value"]


def test_participants_are_distinct(client: TeamsClient) -> None:
    path = f"{RECORDS}/{client.record(Quirk.sixty_one).id}"
    rows = client.rows(f"{path}/participants_v2")
    ids = Counter(row["id"] for row in rows)
    assert {count for name, count in ids.items() if name is not None} == {1}
    assert ids[None] > 1
    expanded = client.get(path, expand="participants_v2").body
    assert expanded["participants_v2"] == rows


def test_a_record_of_two_has_one_session_with_its_own_id(client: TeamsClient) -> None:
    record = client.record(Quirk.peer_to_peer)
    assert client.listed()[record.id]["type"] == "peerToPeer"
    [session] = client.sessions(record)
    assert session["id"] == record.id
    assert session["caller"]["identity"]["user"]["id"] != session["callee"]["identity"]["user"]["id"]


def test_a_telephone_call_has_a_telephone_as_organizer(client: TeamsClient) -> None:
    record = client.record(Quirk.phone_call)
    row = client.listed()[record.id]
    assert (row["type"], row["organizer_v2"]["id"][:2]) == ("unknown", "+1")
    [session] = client.sessions(record)
    assert session["caller"]["identity"]["phone"]["id"] == row["organizer_v2"]["id"]


def test_an_escalated_call_has_both_people_twice(client: TeamsClient) -> None:
    record = client.record(Quirk.escalated)
    sessions = client.sessions(record)
    [before] = [s for s in sessions if s["id"] == record.id]
    grouped = {_user_id(s) for s in sessions if s["id"] != record.id}
    assert {before["caller"]["identity"]["user"]["id"], before["callee"]["identity"]["user"]["id"]} <= grouped
    left = client.record(Quirk.escalated_left)
    sessions = client.sessions(left)
    [before] = [s for s in sessions if s["id"] == left.id]
    assert before["callee"]["identity"]["user"]["id"] not in {
        _user_id(s) for s in sessions if s is not before
    }


def _user_id(session: dict[str, object]) -> object:
    caller = session["caller"]
    assert isinstance(caller, dict)
    user = (caller.get("identity") or {}).get("user") or {}
    return user.get("id")


def test_a_session_with_two_services_is_returned_twice(client: TeamsClient) -> None:
    twice = 0
    for record in client.teams.account.records:
        if record.quirk is None and record.id in client.listed():
            by_id: dict[str, list[dict[str, object]]] = {}
            for session in client.sessions(record):
                by_id.setdefault(str(session["id"]), []).append(session)
            for same in by_id.values():
                assert len(same) <= 2
                twice += len(same) == 2
                assert all(s["caller"] == same[0]["caller"] for s in same)
                assert len({str(s["callee"]) for s in same}) == len(same)
        if twice > 3:
            return
    pytest.fail("no session is returned twice")


def test_young_records_are_not_found_and_listed_late() -> None:
    client = teams_client()
    unlisted, unreadable = client.record(Quirk.not_listed), client.record(Quirk.not_readable)
    rows = client.listed()
    assert unlisted.id not in rows
    assert unreadable.id in rows
    for record in (unlisted, unreadable):
        assert client.get(f"{RECORDS}/{record.id}/sessions").status == 404
    client.calendar.advance(timedelta(minutes=148))
    assert unlisted.id in client.listed()
    assert client.sessions(unlisted)
    assert client.sessions(unreadable)


def test_a_higher_version_has_more_legs_and_then_their_quality() -> None:
    client = teams_client()
    record = client.record(Quirk.late_legs)
    numbers, counts, measured = [], [], []
    for wait in (0, 20, 60):
        client.calendar.advance(timedelta(hours=wait))
        row = client.listed()[record.id]
        sessions = client.sessions(record)
        numbers.append(row["version"])
        counts.append(len(sessions))
        measured.append(sum(bool(g["media"]) for s in sessions for g in s["segments"]))
        assert row["startDateTime"] == stamp(record.start)
        assert ("video" in row["modalities"]) is (wait > 0 and record.meeting.video)
    assert numbers == sorted(set(numbers))
    assert counts[0] < counts[1] == counts[2]
    assert measured[0] == measured[1] < measured[2]


def test_a_version_arrives_once_the_record_was_listed() -> None:
    client = teams_client()
    record = client.record(Quirk.arriving)
    before = client.get(f"{RECORDS}/{record.id}").body["version"]
    assert client.listed()[record.id]["version"] == before
    assert client.get(f"{RECORDS}/{record.id}").body["version"] > before
    assert client.listed()[record.id]["version"] > before


def test_records_are_kept_for_thirty_days() -> None:
    client = teams_client(size=150, days=40)
    rows = client.listed(filter="startDateTime ge 2026-10-01T00:00:00Z")
    assert min(row["startDateTime"] for row in rows.values()) >= "2026-10-21T12:00:00Z"
    old = client.teams.account.records[0]
    assert parse_stamp("2026-10-20T00:00:00Z") > old.start
    assert client.get(f"{RECORDS}/{old.id}/sessions").status == 404


def test_filters_that_begin_too_early_may_be_refused() -> None:
    client = teams_client(refuse_old_filters=True)
    early = "startDateTime ge 2026-10-20T00:00:00Z and startDateTime lt 2026-11-20T00:00:00Z"
    assert client.get(RECORDS, filter=early).status == 400
    assert client.get(RECORDS, filter=early.replace("10-20", "10-22")).status == 200


@pytest.mark.parametrize("query", [{"expand": "sessions"}, {"filter": "type eq 'groupCall'"}])
def test_the_list_cannot_do_more(client: TeamsClient, query: dict[str, str]) -> None:
    assert client.get(RECORDS, **query).status == 400


def test_no_person_outside_the_tenant_has_a_user_principal_name(client: TeamsClient) -> None:
    tenant = "11111111-aaaa-4aaa-8aaa-000000000001"
    seen = set()
    for quirk in (Quirk.sixty, Quirk.sixty_one):
        for session in client.sessions(client.record(quirk)):
            user = session["caller"]["identity"]["user"]
            person = session["caller"]["associatedIdentity"] or {}
            if user is not None and user["tenantId"] != tenant:
                seen.add((user["displayName"], person.get("userPrincipalName")))
    assert seen == {("External user", None)}
