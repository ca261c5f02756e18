"""Compares the expected documents of Teams with a plain reading of the simulator's answers."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

import orjson
import pytest

from harvester.simulator.expected import Document, documents
from harvester.simulator.teams.account import Account, CallRecord, Quirk
from harvester.simulator.teams.attendance import Attendance
from harvester.simulator.teams.options import CALL_RECORDS, TeamsOptions
from tests.unit.simulator.clients import organisation
from tests.unit.simulator.teams_client import TeamsClient, teams_client

MADE = organisation(size=60)
ACCOUNT = Account(MADE)
MINUTE = timedelta(minutes=1)


@cache
def expected_documents(
    *, calls: bool = False, titles: bool = False, later: timedelta = timedelta()
) -> dict[str, Document]:
    """Return the documents by id, as JSON values."""
    found = documents(MADE, vendors=("teams",), teams_calls=calls, teams_titles=titles, later=later)
    plain = [orjson.loads(orjson.dumps(document, option=orjson.OPT_UTC_Z)) for document in found]
    by_id = {document["document_id"]: document for document in plain}
    assert len(by_id) == len(plain)
    return by_id


def record(quirk: Quirk) -> CallRecord:
    return next(r for r in ACCOUNT.records if r.quirk is quirk)


def expected_meeting(quirk: Quirk, **options: Any) -> Document:
    return expected_documents(**options)[f"teams:main:{record(quirk).id}"]


def expected_sessions(quirk: Quirk, **options: Any) -> list[Document]:
    return [d for d in expected_documents(**options).values() if d.get("meeting") == record(quirk).id]


@pytest.fixture(scope="module")
def client() -> TeamsClient:
    return teams_client()


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_every_listed_meeting_with_the_times_of_its_row(client: TeamsClient) -> None:
    rows = {
        key: row
        for key, row in client.listed(filter="startDateTime ge 2026-11-12T00:00:00Z").items()
        if row["type"] == "groupCall"
    }
    meetings = {d["uuid"]: d for d in expected_documents().values() if d["kind"] == "meeting"}
    assert meetings.keys() == rows.keys()
    for key, row in rows.items():
        document = meetings[key]
        assert instant(document["start_time"]) == instant(row["startDateTime"])
        assert instant(document["end_time"]) == instant(row["endDateTime"])
        organizer = row["organizer_v2"]["identity"]["user"]
        assert document["host"]["host_id"] == organizer["id"]
        assert document["host"].get("email", "") == (organizer["userPrincipalName"] or "").lower()
        assert document["has_video"] is ("video" in row["modalities"])
        link = row["joinWebUrl"]
        series = None if link is None else sha256(link.split("?")[0].encode()).hexdigest()[:32]
        assert document.get("meeting_series_id") == series


def test_every_participant_of_a_group_call_has_a_session(client: TeamsClient) -> None:
    for call in ACCOUNT.records:
        if call.quirk is not None or f"teams:main:{call.id}" not in expected_documents():
            continue
        wanted = {
            (instant(row["startDateTime"]), instant(row["endDateTime"]), row["id"])
            for row in client.sessions(call)
            if _is_participant(row["caller"])
        }
        found = [d for d in expected_documents().values() if d.get("meeting") == call.id]
        spans = Counter((instant(d["join_time"]), instant(d["leave_time"])) for d in found)
        assert spans == Counter((start, end) for start, end, _ in wanted)


def _is_participant(caller: dict[str, Any]) -> bool:
    identity = caller.get("identity") or {}
    return any(identity.get(kind) for kind in ("user", "guest", "encrypted", "acsUser", "phone"))


def _seconds(text: str) -> float:
    return float(text.rpartition("M" if "M" in text else "T")[2].removesuffix("S"))


def test_quality_is_weighted_by_the_seconds_of_segments(client: TeamsClient) -> None:
    compared = 0
    call = record(Quirk.sixty)
    by_join = {d["id"]: d for d in expected_sessions(Quirk.sixty) if "quality" in d and "id" in d}
    for row in client.sessions(call):
        person = row["caller"]["associatedIdentity"] or row["caller"]["identity"]["guest"] or {}
        document = by_join.get(person.get("id"))
        if document is None or instant(document["join_time"]) != instant(row["startDateTime"]):
            continue
        parts = []
        for segment in row["segments"]:
            length = (instant(segment["endDateTime"]) - instant(segment["startDateTime"])).total_seconds()
            streams = [s for m in segment["media"] or () if m["label"] == "main-audio" for s in m["streams"]]
            sent = [s for s in streams if s["streamDirection"] == "callerToCallee" and s["averageJitter"]]
            parts += [
                (length, _seconds(s["averageJitter"]) * 1000, s["averagePacketLossRate"] * 100) for s in sent
            ]
        if not parts:
            continue
        weight = sum(length for length, _, _ in parts)
        measured = document["quality"]["audio_out"]["jitter_ms"]
        assert measured["mean"] == pytest.approx(
            sum(w * jitter for w, jitter, _ in parts) / weight, abs=0.006
        )
        assert measured["samples"] == weight
        compared += len(parts) > 1
    assert compared > 3


def test_calls_that_are_no_meetings_are_an_option() -> None:
    uuids = {d["uuid"] for d in expected_documents().values() if d["kind"] == "meeting"}
    calls = {d["uuid"] for d in expected_documents(calls=True).values() if d["kind"] == "meeting"}
    assert uuids < calls
    assert record(Quirk.peer_to_peer).id in calls - uuids
    assert record(Quirk.phone_call).id in calls - uuids


def test_both_sides_of_a_call_have_a_session_with_opposite_quality() -> None:
    sessions = expected_sessions(Quirk.peer_to_peer, calls=True)
    assert [s.get("role") for s in sessions].count("host") == 1
    one, other = sessions
    assert one["document_id"] != other["document_id"]
    assert (one["join_time"], one["leave_time"]) == (other["join_time"], other["leave_time"])
    measured = next(
        (a, b)
        for call in ACCOUNT.records
        if call.quirk is Quirk.peer_to_peer
        and len(pair := [d for d in expected_documents(calls=True).values() if d.get("meeting") == call.id])
        == 2
        for a, b in [pair]
        if "audio_in" in a.get("quality", {}) and "audio_out" in a["quality"]
    )
    assert measured[0]["quality"]["audio_in"] == measured[1]["quality"]["audio_out"]


def test_a_telephone_call_has_no_host() -> None:
    document = expected_meeting(Quirk.phone_call, calls=True)
    assert "host" not in document
    assert (document["has_pstn"], document["has_voip"]) == (True, True)
    types = {s["user_type"] for s in expected_sessions(Quirk.phone_call, calls=True)}
    assert types == {"phone", "signed_in"}


def test_a_person_of_an_escalated_call_has_no_second_session() -> None:
    sessions = expected_sessions(Quirk.escalated)
    attendance = Attendance(ACCOUNT)
    [before] = [
        leg for leg in attendance.legs(record(Quirk.escalated)) if leg.id == record(Quirk.escalated).id
    ]
    for side in (before.caller, before.callee):
        assert side is not None
        assert len([s for s in sessions if s.get("id") == side.identity.id]) >= 1
    callers = [leg for leg in attendance.legs(record(Quirk.escalated)) if leg.callee is None and leg.caller]
    people = [leg for leg in callers if leg.caller is not None and not leg.caller.identity.is_bot]
    assert len(sessions) == len(people)


def test_who_left_before_the_group_call_has_a_session() -> None:
    sessions = expected_sessions(Quirk.escalated_left)
    short = [s for s in sessions if s["duration"] == 17]
    assert len(short) == 1
    assert short[0].get("role") is None
    assert short[0]["quality"]["audio_in"].keys() == {"latency_ms"}


def test_names_of_outsiders_are_absent_and_never_tell_people_apart() -> None:
    sessions = [d for d in expected_documents().values() if d["kind"] == "session"]
    assert not [s for s in sessions if s.get("user_name") in {"", "External user"}]
    for meeting in (
        d for d in expected_documents().values() if d["kind"] == "meeting" and d["detail"] == "full"
    ):
        there = [s for s in sessions if s["meeting"] == meeting["uuid"]]
        unknown = [s for s in there if "id" not in s]
        assert meeting["participants"] == len({s["id"] for s in there if "id" in s}) + len(unknown)
    assert any("id" not in s for s in sessions)


def test_users_have_an_address_in_their_associated_identity_only(client: TeamsClient) -> None:
    call = record(Quirk.sixty)
    users = {}
    for row in client.sessions(call):
        user, associated = row["caller"]["identity"]["user"], row["caller"]["associatedIdentity"] or {}
        if user is not None:
            address = (associated.get("userPrincipalName") or "").lower()
            users[user["id"], instant(row["startDateTime"])] = address
    documents_of = {(d.get("id"), instant(d["join_time"])): d for d in expected_sessions(Quirk.sixty)}
    assert {stay: documents_of[stay].get("email", "") for stay in users} == users
    assert "" in users.values()
    assert sum("@" in address for address in users.values()) > 10


def test_users_of_another_tenant_are_guests() -> None:
    sessions = [d for d in expected_documents().values() if d["kind"] == "session"]
    types = Counter(s["user_type"] for s in sessions)
    assert types.keys() == {"signed_in", "guest", "phone", "room"}
    assert all(s["user_type"] != "signed_in" or "id" in s for s in sessions)


def test_a_meeting_whose_sessions_cannot_be_read_yet_has_its_row_only() -> None:
    document = expected_meeting(Quirk.not_readable)
    assert document["detail"] == "basic"
    assert not {"participants", "participant_sessions", "has_voip", "quality"} & document.keys()
    assert expected_sessions(Quirk.not_readable) == []
    later = expected_meeting(Quirk.not_readable, later=timedelta(minutes=95))
    assert (later["detail"], later["participants"] > 0) == ("full", True)


@pytest.mark.slow
def test_every_version_adds_something() -> None:
    counts, ends, measured = [], [], []
    for later in (0, 20, 80):
        wait = timedelta(hours=later)
        meeting = expected_meeting(Quirk.late_legs, later=wait)
        counts.append(meeting["participant_sessions"])
        ends.append(meeting["end_time"])
        measured.append(sum("quality" in s for s in expected_sessions(Quirk.late_legs, later=wait)))
    assert counts[0] < counts[1] == counts[2]
    assert ends == sorted(ends)
    assert measured[0] == measured[1] < measured[2]


def test_an_arriving_version_is_in_the_harvest_that_listed_the_first() -> None:
    legs = Attendance(ACCOUNT).known(record(Quirk.arriving), 1)
    measured = sum(any(segment.media for segment in leg.segments) for leg in legs)
    assert sum("quality" in s for s in expected_sessions(Quirk.arriving)) == measured > 1


def test_titles_are_an_option() -> None:
    plain = [
        d
        for d in expected_documents().values()
        if {"topic", "meeting_code", "scheduled_start_time"} & d.keys()
    ]
    assert plain == []
    titled = [d for d in expected_documents(titles=True).values() if d["kind"] == "meeting" and "topic" in d]
    assert len(titled) > 10
    planned = [d for d in titled if "scheduled_start_time" in d]
    # The later calls of a series have the online meeting of the first.
    assert 10 < len(planned) < len(titled)
    for d in planned:
        assert d["scheduled_start_time"] < d["end_time"]
        assert d["start_time"] < d["scheduled_end_time"]
    refused = [
        d for d in expected_documents(titles=True).values() if d["kind"] == "meeting" and "topic" not in d
    ]
    assert len(refused) > 5
    without = documents(
        MADE, vendors=("teams",), teams=TeamsOptions(permissions=(CALL_RECORDS,)), teams_titles=True
    )
    assert not [d for d in without if "topic" in d]


def test_no_document_holds_a_link_or_the_address_of_a_network_card() -> None:
    text = orjson.dumps(list(expected_documents(calls=True, titles=True).values()))
    for secret in (b"meetup-join", b"02-00-00", b"MACHINE-"):
        assert secret not in text


def test_without_consent_there_is_nothing() -> None:
    assert list(documents(MADE, vendors=("teams",), teams=TeamsOptions(permissions=()))) == []


def test_records_older_than_the_retention_are_absent() -> None:
    made = organisation(size=150, days=40)
    starts = [d["start_time"] for d in documents(made, vendors=("teams",)) if d["kind"] == "meeting"]
    assert min(starts) >= datetime(2026, 10, 21, 13, tzinfo=UTC)
    assert min(starts) < datetime(2026, 10, 24, tzinfo=UTC)
