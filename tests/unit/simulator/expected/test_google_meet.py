"""Compares the expected documents of Google Meet with a plain reading of the simulator's answers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import orjson
import pytest

from harvester.simulator.expected import Document, GoogleSource, documents, google_meet_quality
from harvester.simulator.expected.document_fields import session_key
from harvester.simulator.expected.google_meet import ExpectedGoogleMeet, nanoseconds_to_datetime
from harvester.simulator.google_meet.account import Account, Conference
from harvester.simulator.google_meet.options import GoogleOptions
from harvester.simulator.organisation import DAY, Case
from tests.unit.simulator.clients import NOW, GoogleClient, google_client, organisation

MADE = organisation(size=80)
ACCOUNT = Account(MADE)
FIRST = datetime.fromtimestamp(MADE.first / 1000, UTC)


@cache
def expected_documents(source: GoogleSource, **options: Any) -> dict[str, Document]:
    """Return the documents by id, as JSON values."""
    found = ExpectedGoogleMeet(
        MADE, options=GoogleOptions(**options), source=source, account="main"
    ).documents()
    plain = [orjson.loads(orjson.dumps(document, option=orjson.OPT_UTC_Z)) for document in found]
    by_id = {document["document_id"]: document for document in plain}
    assert len(by_id) == len(plain)
    return by_id


def expected_meetings(source: GoogleSource, **options: Any) -> dict[str, Document]:
    return {d["uuid"]: d for d in expected_documents(source, **options).values() if d["kind"] == "meeting"}


def expected_sessions(source: GoogleSource, uuid: str, **options: Any) -> dict[str, Document]:
    """Return the session documents of a conference by key."""
    found = [d for d in expected_documents(source, **options).values() if d.get("meeting") == uuid]
    return {d["document_id"].rpartition(":")[2]: d for d in found}


def conference(case: Case) -> Conference:
    return next(c for c in ACCOUNT.conferences if c.meeting.case is case)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def normal(code: str) -> str:
    letters = re.sub("[^a-z]", "", code.lower())
    return f"{letters[:3]}-{letters[3:7]}-{letters[7:]}"


@pytest.fixture(scope="module")
def google() -> GoogleClient:
    return google_client(size=80)


@pytest.fixture(scope="module")
def reported(google: GoogleClient) -> dict[str, list[dict[str, Any]]]:
    """Every row of Reports, by conference."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in google.ended_calls():
        row["left"] = instant(row["time"])
        lasted = int(row.get("duration_seconds", "-1"))
        row["joined"] = None if lasted < 0 else row["left"] - timedelta(seconds=lasted)
        if "start_timestamp_seconds" in row:
            row["joined"] = datetime.fromtimestamp(int(row["start_timestamp_seconds"]), UTC)
        found.setdefault(row["conference_id"], []).append(row)
    return {name: many for name, many in found.items() if min(known_at(row) for row in many) >= FIRST}


def known_at(row: dict[str, Any]) -> datetime:
    found: datetime = row["joined"] or row["left"]
    return found


@pytest.fixture(scope="module")
def recorded(google: GoogleClient) -> dict[str, tuple[dict[str, Any], str]]:
    """Every record that is listed to anyone, with one person to whom it is listed."""
    found: dict[str, tuple[dict[str, Any], str]] = {}
    for user in google.rows("users", "directory", "/users", customer="my_customer"):
        answer = google.asserted(
            sub=user["primaryEmail"], scope="https://www.googleapis.com/auth/meetings.space.readonly"
        )
        if answer.status != 200:
            continue
        if google.get("meet", "/conferenceRecords", user["primaryEmail"]).status == 403:
            continue
        for row in google.rows("conferenceRecords", "meet", "/conferenceRecords", user["primaryEmail"]):
            if instant(row["startTime"]) >= FIRST:
                found.setdefault(row["name"].partition("/")[2], (row, user["primaryEmail"]))
    return found


def test_reports_alone(google: GoogleClient, reported: dict[str, list[dict[str, Any]]]) -> None:
    expected = expected_meetings("reports")
    assert expected.keys() == reported.keys()
    users = {u["id"]: u for u in google.rows("users", "directory", "/users", customer="my_customer")}
    by_email = {u["primaryEmail"]: u for u in users.values()}
    for uuid, many in reported.items():
        head = expected[uuid]
        assert (head["detail"], head["state"]) == ("basic", "ended")
        first = min(known_at(row) for row in many)
        assert instant(head["@timestamp"]) == first
        starts_known = any(row["joined"] == first for row in many)
        assert head.get("start_time") == (head["@timestamp"] if starts_known else None)
        assert instant(head["end_time"]) == max(row["left"] for row in many)
        assert head["meeting_code"] == normal(many[0]["meeting_code"])
        assert "meeting_series_id" not in head
        assert "recording" not in head
        organizer = many[0].get("organizer_email")
        host = head.get("host", {})
        assert host.get("email") == organizer
        assert host.get("name") == by_email.get(organizer, {}).get("name", {}).get("fullName")
        sessions = expected_sessions("reports", uuid)
        assert sessions.keys() == {session_key(row["endpoint_id"]) for row in many}
        for row in many:
            session = sessions[session_key(row["endpoint_id"])]
            profile = row["actor"].get("profileId")
            assert session.get("id") == profile
            assert instant(session["leave_time"]) == row["left"]
            if row["joined"] is None:
                assert not {"join_time", "duration", "period"} & session.keys()
            else:
                assert instant(session["join_time"]) == row["joined"]
                assert session["duration"] == int(row["duration_seconds"])
            name = row.get("display_name", users.get(profile, {}).get("name", {}).get("fullName"))
            assert session.get("user_name") == name
            identifier = row.get("identifier", "")
            shown = row.get("identifier_type") == "email_address" and "*" not in identifier
            assert session.get("email") == (identifier if shown else None)
            assert session["device"] == row["device_type"]
            assert session.get("ip_address") == row.get("ip_address")
            assert session.get("leave_reason") == row.get("end_call_reason")
            assert (session.get("role") == "host") is (identifier == organizer and organizer is not None)


def test_the_quality_of_a_session_is_that_of_its_row(reported: dict[str, list[dict[str, Any]]]) -> None:
    seen = 0
    for uuid, many in reported.items():
        sessions = expected_sessions("reports", uuid)
        for row in many:
            quality = sessions[session_key(row["endpoint_id"])].get("quality", {})
            sound = quality.get("audio_in", {})
            seconds = int(row.get("audio_recv_seconds", 0))
            loss = sound.get("packet_loss_pct", {})
            assert loss.get("worst") == replace_surrogates(row.get("audio_recv_packet_loss_max"))
            assert loss.get("mean") == replace_surrogates(row.get("audio_recv_packet_loss_mean"))
            assert loss.get("samples", 0) == (seconds if loss else 0)
            if seconds:
                seen += 1
                assert sound.get("latency_ms", {}).get("mean") == replace_surrogates(
                    row.get("network_rtt_msec_mean")
                )
                assert "worst" not in sound.get("latency_ms", {})
                assert sound["jitter_ms"]["worst"] == replace_surrogates(row["network_recv_jitter_msec_max"])
            picture = quality.get("video_out", {})
            assert picture.get("height_px", {}).get("mean") == replace_surrogates(
                row.get("video_send_short_side_median_pixels")
            )
            assert picture.get("fps", {}).get("mean") == replace_surrogates(row.get("video_send_fps_mean"))
    assert seen > 300


def replace_surrogates(text: str | None) -> float | None:
    return None if text is None else float(text)


def test_meet_alone(google: GoogleClient, recorded: dict[str, tuple[dict[str, Any], str]]) -> None:
    expected = expected_meetings("meet")
    assert expected.keys() == recorded.keys()
    users = {u["id"]: u for u in google.rows("users", "directory", "/users", customer="my_customer")}
    for uuid, (record, seer) in list(recorded.items())[::3]:
        head = expected[uuid]
        assert instant(head["start_time"]) == instant(cut(record["startTime"]))
        assert ("end_time" in head) is ("endTime" in record) is (head["detail"] == "basic")
        assert head["meeting_series_id"] == record["space"].partition("/")[2]
        space = google.get("meet", f"/{record['space']}", seer).body
        assert head["meeting_code"] == space["meetingCode"]
        assert not {"host", "topic", "quality", "has_video"} & head.keys()
        sessions = expected_sessions("meet", uuid)
        found = {}
        for participant in google.rows("participants", "meet", f"/{record['name']}/participants", seer):
            path = f"/{participant['name']}/participantSessions"
            for listed_session in google.rows("participantSessions", "meet", path, seer):
                found[session_key(listed_session["name"])] = listed_session, participant
        assert sessions.keys() == found.keys()
        for name, (listed_session, participant) in found.items():
            session = sessions[name]
            account = participant.get("signedinUser", {}).get("user", "/").partition("/")[2]
            assert session.get("id", "") == account
            assert session.get("email") == users.get(account, {}).get("primaryEmail")
            assert instant(session["join_time"]) == instant(cut(listed_session["startTime"]))
            assert ("leave_time" in session) is ("endTime" in listed_session)
            kind = "signed_in" if account else "phone" if "phoneUser" in participant else "guest"
            assert session["user_type"] == kind


def cut(text: str) -> str:
    """Cut an instant to the microsecond."""
    return re.sub(r"(\.\d{6})\d+", r"\1", text)


def test_recordings_are_known_if_the_owner_can_be_impersonated(
    google: GoogleClient, recorded: dict[str, tuple[dict[str, Any], str]]
) -> None:
    known = set()
    for uuid in recorded:
        owner = next(c for c in ACCOUNT.conferences if c.record_id == uuid).owner
        head = expected_meetings("meet")[uuid]
        if owner is None or owner.status != "active":
            assert "recording" not in head
            known.add(None)
        else:
            path = f"/conferenceRecords/{uuid}/recordings"
            listed = google.rows("recordings", "meet", path, owner.email)
            assert head["recording"] is bool(listed)
            known.add(bool(listed))
    assert known == {True, False, None}


def test_reports_and_meet_together(
    reported: dict[str, list[dict[str, Any]]], recorded: dict[str, tuple[dict[str, Any], str]]
) -> None:
    expected = expected_meetings("auto")
    joined: dict[str, tuple[list[dict[str, Any]], str | None]] = {}
    unused = dict(recorded)
    for uuid, many in reported.items():
        found = next((name for name in unused if fits(uuid, many, name, unused[name][0])), None)
        joined[uuid] = many, found
        unused.pop(found or "", None)
    assert expected.keys() == joined.keys() | unused.keys()
    differ = 0
    for uuid, (_, record) in joined.items():
        live = record is not None and "endTime" not in recorded[record][0]
        assert expected[uuid]["detail"] == ("live" if live else "full" if record else "basic")
        differ += record not in {None, uuid}
        keys = expected_meetings("reports")[uuid]["participant_sessions"]
        sessions = expected_sessions("auto", uuid)
        assert (
            sessions.keys()
            == (
                expected_sessions("meet", record or "") if live else expected_sessions("reports", uuid)
            ).keys()
        )
        assert live or len(sessions) == keys
    assert differ > 10
    for uuid in unused:
        assert expected[uuid]["detail"] in {"basic", "live"}
        assert expected_sessions("auto", uuid).keys() == expected_sessions("meet", uuid).keys()


def fits(uuid: str, many: list[dict[str, Any]], name: str, record: dict[str, Any]) -> bool:
    """Return the event by id, or by code and time."""
    if name == uuid:
        return True
    code = next(c.code for c in ACCOUNT.conferences if c.record_id == name)
    start = instant(cut(record["startTime"]))
    end = instant(cut(record["endTime"])) if "endTime" in record else NOW
    first, last = min(map(known_at, many)), max(row["left"] for row in many)
    return code == normal(many[0]["meeting_code"]) and first < end and start < last


def test_topics_come_from_the_owners_calendar(
    google: GoogleClient, reported: dict[str, list[dict[str, Any]]]
) -> None:
    absent = 0
    for uuid, many in reported.items():
        event, owner = many[0].get("calendar_event_id"), many[0].get("organizer_email")
        topic = None
        if event is not None and google.asserted(sub=owner).status == 200:
            answer = google.get("calendar", f"/calendars/{owner}/events/{event}", owner)
            kept_close = answer.body.get("visibility") == "private"
            topic = answer.body.get("summary") if answer.status == 200 and not kept_close else None
            absent += topic is None
        assert expected_meetings("reports")[uuid].get("topic") == topic
        assert expected_meetings("auto")[uuid].get("topic") == topic
    assert absent > 3


def test_a_row_may_lack_seconds_or_half_of_a_measure() -> None:
    row = {"audio_recv_packet_loss_mean": 2, "audio_recv_packet_loss_max": 9, "network_rtt_msec_mean": 40}
    row |= {"audio_send_seconds": 60, "audio_send_packet_loss_max": 4, "video_send_seconds": 0}
    quality = google_meet_quality.document(google_meet_quality.of_row(row))
    assert quality == {
        "audio_in": {"packet_loss_pct": {"mean": 2, "worst": 9}},
        "audio_out": {
            "latency_ms": {"mean": 40, "samples": 60},
            "packet_loss_pct": {"worst": 4, "samples": 60},
        },
    }


def test_a_meetings_quality_is_weighted_by_seconds() -> None:
    many = [
        {"audio_recv_seconds": 60, "audio_recv_packet_loss_mean": 1, "audio_recv_packet_loss_max": 3},
        {"audio_recv_seconds": 180, "audio_recv_packet_loss_mean": 5},
        {"audio_recv_packet_loss_mean": 90},
    ]
    told_of = google_meet_quality.document(
        google_meet_quality.of_meeting(map(google_meet_quality.of_row, many))
    )
    assert told_of == {"audio_in": {"packet_loss_pct": {"mean": 4, "worst": 3, "samples": 240}}}
    assert google_meet_quality.document(
        google_meet_quality.of_meeting([google_meet_quality.of_row({"audio_recv_packet_loss_mean": 90})])
    ) == {"audio_in": {"packet_loss_pct": {"mean": 90}}}


@pytest.mark.parametrize("source", ["auto", "reports", "meet"])
def test_documents_have_no_empty_fields(source: GoogleSource) -> None:
    for document in expected_documents(source).values():
        assert not [name for name, value in document.items() if value in (None, "", {})]
        assert "harvested_at" not in document


def test_late_rows_are_missing() -> None:
    late, records_pending = conference(Case.late), conference(Case.records_pending)
    assert (
        0
        < len(expected_sessions("reports", late.reports_id))
        < len(expected_sessions("meet", late.record_id))
    )
    assert records_pending.reports_id not in expected_meetings("reports")
    assert expected_meetings("auto")[records_pending.record_id]["detail"] == "basic"


def test_conferences_over_midnight_and_over_a_day_are_whole() -> None:
    for case in (Case.midnight, Case.day_long):
        found = conference(case)
        head = expected_meetings("reports")[found.reports_id]
        assert instant(head["start_time"]).date() < instant(head["end_time"]).date()
        assert head["participant_sessions"] == len(expected_sessions("reports", found.reports_id))
    assert expected_meetings("auto")[conference(Case.day_long).reports_id]["duration"] > 86_400


def test_conferences_before_the_first_day_are_left_out_and_those_without_owner_are_not() -> None:
    early, empty = conference(Case.early), conference(Case.empty)
    assert not {early.record_id, early.reports_id} & expected_meetings("auto").keys()
    assert expected_meetings("auto")[empty.record_id]["participants"] == 0
    assert empty.reports_id not in expected_meetings("reports")


def test_without_reports_auto_is_meet_and_without_meet_it_is_reports() -> None:
    assert expected_documents("auto", without=("reports",)) == expected_documents("meet")
    assert expected_documents("auto", disabled=("meet",)) == expected_documents("reports")
    assert {d["detail"] for d in expected_documents("auto", without=("calendar",)).values()} == {
        "live",
        "full",
        "basic",
    }
    assert not [d for d in expected_documents("auto", without=("calendar",)).values() if "topic" in d]


def test_owners_see_fewer_conferences_and_a_user_only_their_own() -> None:
    assert expected_meetings("meet", attended=False).keys() < expected_meetings("meet").keys()
    own = expected_meetings("auto", user=True)
    assert 0 < len(own) < len(expected_meetings("meet"))
    assert not [d for d in expected_documents("auto", user=True).values() if "email" in d]


def test_records_expire_and_rows_stay() -> None:
    long = organisation(size=20, days=60)
    found = {
        source: list(documents(long, vendors=("google-meet",), google_source=source))
        for source in ("auto", "reports", "meet")
    }
    month_ago = NOW - timedelta(days=30)
    assert min(d["@timestamp"] for d in found["meet"]) >= month_ago
    old = [d for d in found["auto"] if d["@timestamp"] < month_ago - timedelta(days=2)]
    assert {d["detail"] for d in old} == {"basic"}
    assert {d["document_id"] for d in old} <= {d["document_id"] for d in found["reports"]}


def test_instants_are_cut_to_microseconds() -> None:
    assert nanoseconds_to_datetime(1_999).microsecond == 1
    assert nanoseconds_to_datetime(DAY * 10**6) == datetime(1970, 1, 2, tzinfo=UTC)
