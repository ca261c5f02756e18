"""Tests the simulated datatracker API: pages, filters, broken rows, rate limits."""

from __future__ import annotations

from datetime import datetime

import pytest

from harvester.simulator.meetecho.account import CANCELED
from harvester.simulator.organisation import Case
from tests.unit.simulator.clients import send_request
from tests.unit.simulator.meetecho_client import JSON, MeetechoClient, meetecho_client, pk


@pytest.fixture(scope="module")
def served() -> MeetechoClient:
    return meetecho_client()


def huge(served: MeetechoClient) -> int:
    """A session with broken attendance records."""
    return next(s.id for s in served.served.account.sessions if s.meeting and s.meeting.case is Case.huge)


def test_a_page_has_twenty_rows_and_the_path_of_the_next(served: MeetechoClient) -> None:
    first = served.get("meeting/session").body
    assert len(first["objects"]) == 20
    assert first["meta"]["limit"] == 20
    assert first["meta"]["previous"] is None
    assert first["meta"]["next"].startswith("/api/v1/meeting/session/?")
    second = served.follow(first["meta"]["next"]).body
    assert second["meta"]["offset"] == 20
    assert second["meta"]["previous"] is not None
    assert not {row["id"] for row in first["objects"]} & {row["id"] for row in second["objects"]}


def test_the_next_page_keeps_the_filters(served: MeetechoClient) -> None:
    page = served.get("meeting/session", group__acronym="tealcup", limit=3).body
    seen = page["objects"]
    while page["meta"]["next"]:
        page = served.follow(page["meta"]["next"]).body
        seen += page["objects"]
    assert [row["id"] for row in seen] == [
        s.id for s in served.served.account.sessions if s.group == "tealcup"
    ]
    assert len(seen) == page["meta"]["total_count"]


@pytest.mark.parametrize(("limit", "expected"), [("0", 1000), ("5000", 1000), ("7", 7)])
def test_no_page_has_more_than_a_thousand_rows(served: MeetechoClient, limit: str, expected: int) -> None:
    assert served.get("meeting/session", limit=limit).body["meta"]["limit"] == expected


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("meeting/session", {"limit": "-1"}),
        ("meeting/session", {"limit": "many"}),
        ("meeting/session", {"offset": "x"}),
        ("meeting/session", {"group": "tealcup"}),
        ("meeting/session", {"id__near": "4"}),
        ("meeting/session", {"remote_instructions__contains": "short="}),
        ("meeting/attended", {"time__gte": "2026-11-01T00:00:00Z"}),
        ("meeting/timeslot", {"time__gte": "yesterday"}),
        ("meeting/session", {"order_by": "name"}),
    ],
)
def test_invalid_parameters_are_refused(served: MeetechoClient, name: str, query: dict[str, str]) -> None:
    answer = served.get(name, **query)
    assert answer.status == 400
    assert answer.body["error"]


def test_an_unknown_filter_is_ignored_and_counted(served: MeetechoClient) -> None:
    everything = served.get("meeting/session").body["meta"]["total_count"]
    assert served.get("meeting/session", acronym="tealcup").body["meta"]["total_count"] == everything
    assert served.served.traffic()["ignored"]["meeting/session acronym"] == 1


def test_filters_follow_relations(served: MeetechoClient) -> None:
    account = served.served.account
    session = next(s for s in account.sessions if s.ietf_meeting.type == "ietf" and s.start)
    expected_ids = {s.id for s in account.sessions if s.ietf_meeting == session.ietf_meeting}
    number = session.ietf_meeting.number

    def ids(name: str, **query: object) -> set[int]:
        return {row["id"] for row in served.rows(name, **query)}

    assert ids("meeting/session", meeting=session.ietf_meeting.id) == expected_ids
    assert ids("meeting/session", meeting__number=number, meeting__type="ietf") == expected_ids
    assert ids("meeting/session", id__in=f"{session.id},{session.id + 1}") == {session.id, session.id + 1}
    events = served.rows("meeting/schedulingevent", session__id=session.id)
    assert [row["status"].split("/")[-2] for row in events] == list(session.history)
    assigned = served.rows("meeting/schedtimesessassignment", schedule=session.ietf_meeting.schedule)
    assert session.id in {pk(row["session"]) for row in assigned} <= expected_ids
    slots = served.rows("meeting/timeslot", sessions=session.id)
    assert {row["id"] for row in slots} >= {
        pk(row["timeslot"]) for row in assigned if pk(row["session"]) == session.id
    }
    schedules = served.rows("meeting/schedule", meeting=session.ietf_meeting.id)
    assert [row["id"] for row in schedules] == [session.ietf_meeting.schedule, session.ietf_meeting.draft]


def test_times_are_filtered_as_instants_in_any_format(served: MeetechoClient) -> None:
    since = "2026-11-19T00:00:00+05:30"
    rows = served.rows("meeting/timeslot", time__gte=since)
    every = served.rows("meeting/timeslot")
    wanted = [r["id"] for r in every if datetime.fromisoformat(r["time"]) >= datetime.fromisoformat(since)]
    assert [r["id"] for r in rows] == wanted
    assert 0 < len(rows) < len(every)
    assert {r["time"][-6:] for r in every if not r["time"].endswith("Z")} == {"-07:00", "+05:30"}
    assert any(r["time"].endswith("Z") for r in every)


def test_a_time_without_an_offset_is_not_read_as_utc(served: MeetechoClient) -> None:
    aware = served.rows("meeting/timeslot", time__gte="2026-11-19T08:00:00Z")
    naive = served.rows("meeting/timeslot", time__gte="2026-11-19T00:00:00")
    assert aware == naive


def test_single_rows_and_sets_of_rows(served: MeetechoClient) -> None:
    session = served.served.account.sessions[3]
    row = served.follow(f"/api/v1/meeting/session/{session.id}/").body
    assert row["id"] == session.id
    assert row["resource_uri"] == f"/api/v1/meeting/session/{session.id}/"
    body = served.follow(f"/api/v1/meeting/session/set/{session.id};5/").body
    assert [r["id"] for r in body["objects"]] == [session.id]
    assert body["not_found"] == ["5"]
    assert served.follow("/api/v1/meeting/session/5/").status == 404
    assert served.follow("/api/v1/meeting/session").status == 301
    assert served.follow("/api/v1/meeting/nothing/").status == 404


def test_a_page_with_a_broken_record_is_a_404(served: MeetechoClient) -> None:
    session = huge(served)
    records = served.served.attendance.records(served.served.account.by_id[session])
    broken = [position for position, record in enumerate(records) if record.broken]
    assert broken[0] >= 110
    assert served.get("meeting/attended", session=session, limit=100).status == 200
    alone = {
        position: served.get("meeting/attended", session=session, limit=1, offset=position).status
        for position in range(broken[0] - 2, broken[-1] + 2)
    }
    assert {position for position, status in alone.items() if status != 200} == set(broken)
    assert set(alone.values()) == {200, 404}
    assert served.get("meeting/attended", session=session, limit=100, offset=100).status == 404
    rows = served.rows("meeting/attended", session=session)
    assert len(rows) == len(records) - len(broken)


def test_each_person_attended_once_and_sometimes_without_a_time(served: MeetechoClient) -> None:
    rows = served.rows("meeting/attended", session=huge(served))
    people = [pk(row["person"]) for row in rows]
    assert len(set(people)) == len(people)
    assert any(row["time"] is None for row in rows)
    everyone = served.rows("meeting/attended")
    assert {row["origin"] for row in everyone} == {"datatracker", "self declared"}
    known = served.rows("person/person", id__in=",".join(map(str, people)))
    assert {row["id"] for row in known} == set(people)
    assert all(row["name"] for row in known)
    assert any(row["plain"] not in {"", row["name"]} for row in known)


def test_a_session_may_be_in_a_draft_that_is_not_in_force(served: MeetechoClient) -> None:
    rows = served.rows("meeting/schedtimesessassignment")
    schedules = {row["id"]: row["schedule"] for row in served.rows("meeting/meeting")}
    sessions = {row["id"]: schedules[pk(row["meeting"])] for row in served.rows("meeting/session")}
    drafted = [row for row in rows if row["schedule"] != sessions[pk(row["session"])]]
    assert drafted
    first = {pk(row["session"]): row for row in reversed(rows)}
    assert any(first[pk(row["session"])] == row for row in drafted)
    assert any(sessions[pk(row["session"])] is None for row in drafted)


def test_some_canceled_sessions_were_held(served: MeetechoClient) -> None:
    sessions = served.served.account.sessions
    assert {s.history[-1] for s in sessions} >= CANCELED
    assert any(s.canceled and s.meeting for s in sessions)
    assert any(s.canceled and not s.meeting for s in sessions)
    assert any("canceled" in s.history and not s.canceled for s in sessions)


def test_a_429_with_retry_after_0_refuses_an_immediate_retry() -> None:
    hasty = meetecho_client(hasty=4)
    statuses = []
    for _ in range(8):
        hasty.clock.seconds += 1
        answer = send_request(hasty.served, "/api/v1/group/group/", **JSON)
        statuses.append(answer.status)
        if answer.status == 429:
            assert answer.headers["retry-after"] == "0"
            again = send_request(hasty.served, "/api/v1/group/group/", **JSON)
            assert again.status == 429
    assert statuses.count(429) == 2
    assert hasty.served.traffic()["hurried"] == 2


def test_more_than_twenty_requests_a_second_are_refused() -> None:
    fast = meetecho_client(hasty=0)
    statuses = [
        send_request(fast.served, "/api/v1/group/group/", query=f"limit={n}", **JSON).status
        for n in range(1, 26)
    ]
    assert statuses == [200] * 20 + [429] * 5
    assert fast.served.traffic()["refused"] == 5


def test_requests_for_addresses_are_refused_and_counted(served: MeetechoClient) -> None:
    for name in ("person/email", "meeting/registration", "stats/meetingregistration"):
        assert served.get(name).status == 404
    assert served.served.traffic()["personal"] >= 3


def test_nothing_can_be_written(served: MeetechoClient) -> None:
    served.clock.seconds += 1
    answer = send_request(served.served, "/api/v1/meeting/session/", method="POST", body=b"{}", **JSON)
    assert answer.status == 405
    assert served.served.traffic()["writes"] == 1
