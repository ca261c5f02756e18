"""The documents of a perfect harvest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester.simulator import truth
from harvester.simulator.organisation import Case
from harvester.simulator.truth import Document, write
from harvester.simulator.truth.figures import distinct, figures, hashed_instant, key
from harvester.simulator.zoom.account import Account, Instance, Quirk
from tests.unit.simulator.client import NOW, organisation

MADE = organisation(size=40)
documents = partial(truth.documents, vendors=("zoom",))
ACCOUNT = Account(MADE)
Told = Callable[[], dict[str, Document]]


# Made by the process that runs these tests, and not by each that counts them.


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


def meeting(wanted: Case | Quirk, told: Told = dashboard) -> Document:
    return told()[f"zoom:main:{instance(wanted).uuid}"]


def sessions(wanted: Case | Quirk, told: Told = dashboard) -> list[Document]:
    return [document for document in told().values() if document.get("meeting") == instance(wanted).uuid]


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    else:
        yield value


@pytest.mark.parametrize("told", [dashboard, reports, qos], ids=["dashboard", "reports", "qos"])
def test_documents_hold_nothing_that_was_not_told(told: Told) -> None:
    for document in told().values():
        assert not [value for value in leaves(document) if value is None or value == ""]
        assert "harvested_at" not in document
        orjson.dumps(document)


@pytest.mark.parametrize("source", ["dashboard", "reports"])
def test_no_id_comes_twice(source: Any) -> None:
    ids = [document["document_id"] for document in documents(MADE, source=source, webinars=True)]
    assert len(set(ids)) == len(ids)


def test_the_account_is_part_of_every_id() -> None:
    for document in documents(organisation(size=20), account="branch"):
        assert document["document_id"].startswith("zoom:branch:")
        assert document["account"] == "branch"


def test_what_began_before_the_first_day_and_webinars_are_left_out() -> None:
    for case in (Case.early, Case.webinar):
        assert f"zoom:main:{instance(case).uuid}" not in dashboard()
    told = {document["document_id"] for document in documents(MADE, webinars=True)}
    assert f"zoom:main:{instance(Case.webinar).uuid}" in told


def test_deleted_meetings_leave_nothing() -> None:
    for told in (dashboard(), reports()):
        assert not [i for i in told if instance(Case.deleted).uuid in i]


def test_a_meeting_whose_records_are_not_ready_stands_alone() -> None:
    document = meeting(Case.unsettled)
    assert document["detail"] == meeting(Case.unsettled, qos)["detail"] == "basic"
    assert "participants" not in document
    assert sessions(Case.unsettled) == []


def test_late_rows_are_not_there() -> None:
    late = instance(Case.late)
    known = [stay for stay in MADE.stays(late.meeting) if stay.known_at <= MADE.now]
    assert 0 < len(known) < len(MADE.stays(late.meeting))
    assert len(sessions(Case.late)) == len(known)


def test_a_live_meeting_has_no_end_and_neither_have_those_who_are_there() -> None:
    document = meeting(Case.live_crowd)
    assert (document["state"], document["detail"]) == ("live", "live")
    assert not {"end_time", "duration", "period"} & document.keys()
    told = sessions(Case.live_crowd)
    assert {"leave_time" in session for session in told} == {True, False}
    assert all(
        ("leave_time" in session) is ("duration" in session) is ("period" in session) for session in told
    )


def test_the_reports_know_no_live_meetings_and_no_stays_of_one_person() -> None:
    assert not [i for i in reports() if instance(Case.live).uuid in i]
    alone = meeting(Case.alone, reports)
    assert alone["participants"] == 1
    assert "participant_sessions" not in alone
    assert sessions(Case.alone, reports) == []
    assert len(sessions(Case.alone)) == 1


def test_the_reports_do_not_reach_a_host_whose_account_is_gone() -> None:
    assert not [i for i in reports() if instance(Case.nobody_knows_host).uuid in i]
    assert "host_id" not in meeting(Case.nobody_knows_host)["host"]
    assert "host_id" in meeting(Case.retired_host)["host"]


def test_an_empty_meeting_was_read_and_had_nobody() -> None:
    document = meeting(Case.empty)
    assert [document[name] for name in ("participant_sessions", "participants", "participant_seconds")] == [
        0,
        0,
        0,
    ]


def test_a_blank_meeting_is_filed_by_its_first_join_and_without_one_not_at_all() -> None:
    document = meeting(Quirk.blank)
    assert not {"start_time", "end_time", "duration"} & document.keys()
    assert document["@timestamp"] == min(session["join_time"] for session in sessions(Quirk.blank))
    assert not [i for i in dashboard() if instance(Quirk.blank_empty).uuid in i]


def test_the_reports_whole_minutes_count_where_a_time_is_missing() -> None:
    told, reported = meeting(Quirk.no_end), meeting(Quirk.no_end, reports)
    assert reported["duration"] % 60 == 0
    assert 0 <= reported["duration"] - told["duration"] < 60


def test_rows_that_come_twice_are_one_and_rows_with_one_key_are_numbered() -> None:
    shown = Account(MADE)
    assert len(sessions(Quirk.duplicates)) == len(MADE.stays(instance(Quirk.duplicates).meeting))
    assert shown.instances
    numbered = [session for session in sessions(Quirk.collision) if session["document_id"].endswith("-2")]
    assert len(numbered) == 3
    for session in numbered:
        first = dashboard()[session["document_id"][:-2]]
        assert first["leave_time"] < session["leave_time"]


def test_a_cut_off_character_is_replaced_and_nothing_else_is_cleaned() -> None:
    names = {document.get("user_name") for document in documents(organisation(size=200))}
    assert "cut off \ufffd here" in names
    assert {
        "  spaces around  ",
        "NUL\x00inside",
        "Lima# Ana (Finance)",
        "Line one\nLine two\tand a tab",
    } <= names


def test_only_dashboard_documents_tell_of_devices() -> None:
    assert any("device" in document for document in dashboard().values())
    kept_back = {"device", "ip_address", "location", "role", "network_type", "leave_reason", "share_desktop"}
    assert not [document for document in reports().values() if document.keys() & kept_back]
    assert {d.get("user_type") for d in reports().values() if d["kind"] == "session"} == {"signed_in", None}


def test_all_four_kinds_of_participants_and_three_of_stays() -> None:
    told = [document for document in dashboard().values() if document["kind"] == "session"]
    assert {session["user_type"] for session in told} == {"signed_in", "guest", "phone", "room"}
    assert {session["stay"] for session in told} == {"meeting", "waiting_room", "breakout"}


def test_quality_makes_full_what_had_more_than_one_person() -> None:
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


def test_the_key_of_a_stay_is_a_hash_over_its_ids_in_their_order() -> None:
    # sha256("16778240\x1f2026-11-20T09:00:00.000Z\x1fin_meeting\x1f"), its first 16 bytes, by coreutils and basenc
    assert key("16778240", "2026-11-20T09:00:00.000Z", "in_meeting", None) == "xolJmZju8IhVeik8viqWYQ"
    assert hashed_instant(1_795_165_200_007) == "2026-11-20T09:00:00.007Z"


def stay(start: int, end: int | None, **more: Any) -> Document:
    times = {"join_time": datetime(2026, 11, 20, 9, start, tzinfo=UTC)}
    if end is not None:
        times["leave_time"] = datetime(2026, 11, 20, 9, end, tzinfo=UTC)
    return {"stay": "meeting", **times, **more}


def test_seconds_are_the_union_of_one_persons_stays() -> None:
    told = figures(
        [
            stay(0, 10, id="a"),
            stay(5, 20, id="a"),
            stay(30, 40, id="a"),
            stay(40, 41, id="a"),
            stay(0, 10, user_name="Bea"),
            stay(2, 4, user_name="Bea", stay="breakout"),
            stay(0, None, user_name="Bea"),
        ]
    )
    assert told == {"participant_sessions": 6, "participants": 2, "participant_seconds": 31 * 60 + 10 * 60}


def test_waiting_rooms_count_for_nothing_and_the_nameless_each_for_themselves() -> None:
    told = figures(
        [stay(0, 1, stay="waiting_room", user_name="Bea"), stay(0, 1), stay(0, 1), stay(1, 2, user_id="7")]
    )
    assert told == {"participant_sessions": 3, "participants": 3, "participant_seconds": 180}


def test_twins_are_numbered_by_their_end_and_the_endless_come_last() -> None:
    found = distinct(
        [("k", stay(0, None)), ("k", stay(0, 9)), ("k", stay(0, 5)), ("k", stay(0, 9)), ("o", stay(0, 9))]
    )
    assert [(name, told.get("leave_time", NOW).minute) for name, told in found] == [
        ("k", 5), ("k-2", 9), ("k-3", 0), ("o", 9),
    ]  # fmt: skip


def test_a_truth_file_holds_a_document_a_line(tmp_path: Path) -> None:
    write(tmp_path / "truth.ndjson", MADE, vendors=("zoom",), source="dashboard", qos=False)
    lines = (tmp_path / "truth.ndjson").read_bytes().splitlines()
    assert [orjson.loads(line)["document_id"] for line in lines] == list(dashboard())
    assert b'Z"' in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == ["truth.ndjson"]
