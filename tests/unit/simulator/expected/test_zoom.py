"""Tests the expected documents of Zoom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester.simulator import expected
from harvester.simulator.expected import Document, write
from harvester.simulator.expected.document_fields import (
    attendance_fields,
    key_instant,
    number_duplicates,
    session_key,
)
from harvester.simulator.organisation import Case
from harvester.simulator.zoom.account import Account, Instance, Quirk
from tests.unit.simulator.clients import NOW, organisation

MADE = organisation(size=40)
documents = partial(expected.documents, vendors=("zoom",))
ACCOUNT = Account(MADE)
DocumentsById = Callable[[], dict[str, Document]]


# Cached per process, and created on first use rather than at collection.


@cache
def dashboard() -> dict[str, Document]:
    return {document["document_id"]: document for document in documents(MADE)}


@cache
def reports() -> dict[str, Document]:
    return {document["document_id"]: document for document in documents(MADE, source="reports")}


@cache
def qos() -> dict[str, Document]:
    return {document["document_id"]: document for document in documents(MADE, qos=True)}


def instance(wanted: Case | Quirk) -> Instance:
    return next(i for i in ACCOUNT.instances if wanted is i.meeting.case or wanted in i.quirks)


def meeting(wanted: Case | Quirk, documents_of: DocumentsById = dashboard) -> Document:
    return documents_of()[f"zoom:main:{instance(wanted).uuid}"]


def sessions(wanted: Case | Quirk, documents_of: DocumentsById = dashboard) -> list[Document]:
    return [
        document for document in documents_of().values() if document.get("meeting") == instance(wanted).uuid
    ]


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    else:
        yield value


@pytest.mark.parametrize("documents_of", [dashboard, reports, qos], ids=["dashboard", "reports", "qos"])
def test_documents_have_no_empty_fields(documents_of: DocumentsById) -> None:
    for document in documents_of().values():
        assert not [value for value in leaves(document) if value is None or value == ""]
        assert "harvested_at" not in document
        orjson.dumps(document)


@pytest.mark.parametrize("source", ["dashboard", "reports"])
def test_no_id_occurs_twice(source: Any) -> None:
    ids = [document["document_id"] for document in documents(MADE, source=source, webinars=True)]
    assert len(set(ids)) == len(ids)


def test_the_account_is_part_of_every_id() -> None:
    for document in documents(organisation(size=20), account="branch"):
        assert document["document_id"].startswith("zoom:branch:")
        assert document["account"] == "branch"


def test_meetings_before_the_first_day_and_webinars_are_left_out() -> None:
    for case in (Case.early, Case.webinar):
        assert f"zoom:main:{instance(case).uuid}" not in dashboard()
    ids = {document["document_id"] for document in documents(MADE, webinars=True)}
    assert f"zoom:main:{instance(Case.webinar).uuid}" in ids


def test_deleted_meetings_have_the_fields_of_their_listing_row() -> None:
    for documents in (dashboard(), reports()):
        (found,) = [i for i in documents if instance(Case.deleted).uuid in i]
        assert documents[found]["kind"] == "meeting"
        assert documents[found]["detail"] == "basic"
        assert not {"participants", "participant_sessions"} & documents[found].keys()


def test_a_meeting_without_ready_records_has_no_sessions() -> None:
    document = meeting(Case.records_pending)
    assert document["detail"] == meeting(Case.records_pending, qos)["detail"] == "basic"
    assert "participants" not in document
    assert sessions(Case.records_pending) == []


def test_late_rows_are_missing() -> None:
    late = instance(Case.late)
    known = [session for session in MADE.sessions(late.meeting) if session.known_at <= MADE.now]
    assert 0 < len(known) < len(MADE.sessions(late.meeting))
    assert len(sessions(Case.late)) == len(known)


def test_a_live_meeting_and_its_present_participants_have_no_end() -> None:
    document = meeting(Case.live_crowd)
    assert (document["state"], document["detail"]) == ("live", "live")
    assert not {"end_time", "duration", "period"} & document.keys()
    present = sessions(Case.live_crowd)
    assert {"leave_time" in session for session in present} == {True, False}
    assert all(
        ("leave_time" in session) is ("duration" in session) is ("period" in session) for session in present
    )


def test_the_reports_have_no_live_meetings_and_no_sessions_of_one_person_meetings() -> None:
    assert not [i for i in reports() if instance(Case.live).uuid in i]
    alone = meeting(Case.alone, reports)
    assert alone["participants"] == 1
    assert "participant_sessions" not in alone
    assert sessions(Case.alone, reports) == []
    assert len(sessions(Case.alone)) == 1


def test_the_reports_do_not_cover_a_host_without_account() -> None:
    assert not [i for i in reports() if instance(Case.departed_host).uuid in i]
    assert "host_id" not in meeting(Case.departed_host)["host"]
    assert "host_id" in meeting(Case.inactive_host)["host"]


def test_an_empty_meeting_has_no_participants() -> None:
    document = meeting(Case.empty)
    assert [document[name] for name in ("participant_sessions", "participants", "participant_seconds")] == [
        0,
        0,
        0,
    ]


def test_a_blank_meeting_has_the_time_of_its_first_join_and_without_one_is_left_out() -> None:
    document = meeting(Quirk.blank)
    assert not {"start_time", "end_time", "duration"} & document.keys()
    assert document["@timestamp"] == min(session["join_time"] for session in sessions(Quirk.blank))
    assert not [i for i in dashboard() if instance(Quirk.blank_empty).uuid in i]


def test_the_reports_duration_in_minutes_counts_if_a_time_is_missing() -> None:
    from_dashboard, reported = meeting(Quirk.no_end), meeting(Quirk.no_end, reports)
    assert reported["duration"] % 60 == 0
    assert 0 <= reported["duration"] - from_dashboard["duration"] < 60


def test_identical_rows_are_one_and_rows_with_one_key_are_numbered() -> None:
    shown = Account(MADE)
    assert len(sessions(Quirk.duplicates)) == len(MADE.sessions(instance(Quirk.duplicates).meeting))
    assert shown.instances
    numbered = [session for session in sessions(Quirk.collision) if session["document_id"].endswith("-2")]
    assert len(numbered) == 3
    for session in numbered:
        first = dashboard()[session["document_id"][:-2]]
        assert first["leave_time"] < session["leave_time"]


def test_a_lone_surrogate_is_replaced_and_nothing_else_changes() -> None:
    names = {document.get("user_name") for document in documents(organisation(size=200))}
    assert "cut off \ufffd here" in names
    assert {
        "  spaces around  ",
        "NUL\x00inside",
        "Lima# Ana (Finance)",
        "Line one\nLine two\tand a tab",
    } <= names


def test_only_dashboard_documents_have_devices() -> None:
    assert any("device" in document for document in dashboard().values())
    kept_back = {"device", "ip_address", "location", "role", "network_type", "leave_reason", "share_desktop"}
    assert not [document for document in reports().values() if document.keys() & kept_back]
    assert {d.get("user_type") for d in reports().values() if d["kind"] == "session"} == {"signed_in", None}


def test_all_four_kinds_of_participants_and_three_of_sessions() -> None:
    all_sessions = [document for document in dashboard().values() if document["kind"] == "session"]
    assert {session["user_type"] for session in all_sessions} == {"signed_in", "guest", "phone", "room"}
    assert {session["stay"] for session in all_sessions} == {"meeting", "waiting_room", "breakout"}


def test_quality_makes_meetings_of_several_people_full() -> None:
    assert meeting(Case.recurring, qos)["detail"] == "full"
    assert meeting(Case.alone, qos)["detail"] == "basic"
    assert "quality" not in meeting(Case.alone, qos)
    assert not [document for document in dashboard().values() if "quality" in document]
    measured = [document["quality"] for document in qos().values() if "quality" in document]
    assert {"audio_in", "video_out", "share_in", "cpu_pct"} <= {
        name for quality in measured for name in quality
    }
    for quality in measured:
        for measure in (m for name, stream in quality.items() if name != "cpu_pct" for m in stream.values()):
            assert measure["samples"] >= 1
    assert qos().keys() == dashboard().keys()


def test_the_session_key_is_a_hash_over_the_ids_in_order() -> None:
    # The first 16 bytes of sha256("16778240\x1f2026-11-20T09:00:00.000Z\x1fin_meeting\x1f"), computed with
    # coreutils and basenc.
    assert session_key("16778240", "2026-11-20T09:00:00.000Z", "in_meeting", None) == "xolJmZju8IhVeik8viqWYQ"
    assert key_instant(1_795_165_200_007) == "2026-11-20T09:00:00.007Z"


def session(start: int, end: int | None, **more: Any) -> Document:
    times = {"join_time": datetime(2026, 11, 20, 9, start, tzinfo=UTC)}
    if end is not None:
        times["leave_time"] = datetime(2026, 11, 20, 9, end, tzinfo=UTC)
    return {"stay": "meeting", **times, **more}


def test_seconds_are_the_union_of_a_persons_sessions() -> None:
    counts = attendance_fields(
        [
            session(0, 10, id="a"),
            session(5, 20, id="a"),
            session(30, 40, id="a"),
            session(40, 41, id="a"),
            session(0, 10, user_name="Bea"),
            session(2, 4, user_name="Bea", stay="breakout"),
            session(0, None, user_name="Bea"),
        ]
    )
    assert counts == {"participant_sessions": 6, "participants": 2, "participant_seconds": 31 * 60 + 10 * 60}


def test_waiting_rooms_do_not_count_and_each_unnamed_participant_counts() -> None:
    counts = attendance_fields(
        [
            session(0, 1, stay="waiting_room", user_name="Bea"),
            session(0, 1),
            session(0, 1),
            session(1, 2, user_id="7"),
        ]
    )
    assert counts == {"participant_sessions": 3, "participants": 3, "participant_seconds": 180}


def test_duplicates_are_numbered_by_leave_time_and_those_without_come_last() -> None:
    found = number_duplicates(
        [
            ("k", session(0, None)),
            ("k", session(0, 9)),
            ("k", session(0, 5)),
            ("k", session(0, 9)),
            ("o", session(0, 9)),
        ]
    )
    assert [(name, fields.get("leave_time", NOW).minute) for name, fields in found] == [
        ("k", 5), ("k-2", 9), ("k-3", 0), ("o", 9),
    ]  # fmt: skip


def test_the_file_has_one_document_per_line(tmp_path: Path) -> None:
    write(tmp_path / "truth.ndjson", MADE, vendors=("zoom",), source="dashboard", qos=False)
    lines = (tmp_path / "truth.ndjson").read_bytes().splitlines()
    assert [orjson.loads(line)["document_id"] for line in lines] == list(dashboard())
    assert b'Z"' in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == ["truth.ndjson"]
