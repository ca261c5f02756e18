"""Attendance: every row against a computation over the same sessions that uses no database."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from connectors.attendance import group_by_person, to_record, union_seconds
from connectors.models import Detail, MeetingRecord, Session
from harvester.analysis import document_source, safe_csv
from harvester.analysis.aliases import Alias
from harvester.analysis.attendance import By, Threshold, create_attendance, query, totals
from harvester.analysis.document_tables import read_documents
from harvester.analysis.duckdb_database import Database, open_database
from harvester.analysis.roster import Expected
from harvester.analysis.selection import Selection
from tests.examples import one_in
from tests.invented_meetings import plain
from tests.unit.analysis.record_strategies import documents, several, write

BERLIN = ZoneInfo("Europe/Berlin")


@contextmanager
def attendance(
    records: Sequence[MeetingRecord], by: By = "meeting", **more: Any
) -> Iterator[tuple[Database, list[dict[str, Any]]]]:
    selection = more.pop("selection", Selection(zone=BERLIN))
    roster = more.get("roster")
    with tempfile.TemporaryDirectory() as folder, open_database("128MB", in_file=False) as database:
        path = write(Path(folder) / "documents.ndjson", documents(records))
        read_documents(database, document_source.files([path]), selection, quality=False)
        create_attendance(
            database, zone="Europe/Berlin", by=by, threshold=more.pop("threshold", Threshold()), **more
        )
        chosen = query("meeting" if by == "meeting" else "person", roster=roster is not None)
        yield database, [dict(zip(chosen.columns, row, strict=True)) for row in chosen.rows(database)]


def rows(records: Sequence[MeetingRecord], by: By = "meeting", **more: Any) -> list[dict[str, Any]]:
    with attendance(records, by, **more) as (_, found):
        return found


def text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(BERLIN).replace(microsecond=0).isoformat()


def expected_rows(record: MeetingRecord) -> list[tuple[Any, ...]]:
    counted = [session for session in record.sessions if session.stay != "waiting_room"]
    return [_expected(record, people) for people in group_by_person(counted)]


def _expected(record: MeetingRecord, sessions: Sequence[Session]) -> tuple[Any, ...]:
    timed = any(s.join_time and s.leave_time for s in sessions)
    joins = [s.join_time for s in sessions if s.join_time]
    leaves = [s.leave_time for s in sessions if s.leave_time]
    return (
        record.meeting.uuid,
        text(min(joins, default=None)),
        text(max(leaves, default=None)),
        round(union_seconds(sessions) / 60, 4) if timed else None,
        len(sessions),
    )


@pytest.mark.slow
@one_in(7)
@given(several)
def test_the_rows_of_a_meeting_are_its_participants_and_their_times(
    records: tuple[MeetingRecord, ...],
) -> None:
    with attendance(records) as (database, found):
        seconds = database.rows("SELECT uuid, seconds FROM attended JOIN meeting USING (number)")
        lines = list(query("meeting", roster=False).csv_lines(database))
    assert lines == [safe_csv.row(row.values()) for row in found]
    wanted = [row for record in records for row in expected_rows(record)]
    key = str
    got = [(r["meeting"], r["first_join"], r["last_leave"], r["sessions"]) for r in found]
    assert sorted(got, key=key) == sorted([(*w[:3], w[4]) for w in wanted], key=key)
    for record in records:
        meeting = record.meeting
        of_meeting = [value or 0 for uuid, value in seconds if uuid == meeting.uuid]
        assert len(of_meeting) == meeting.participants
        assert sum(of_meeting) == meeting.participant_seconds
    minutes = sorted(row["minutes"] for row in found if row["minutes"] is not None)
    exact = sorted(w[3] for w in wanted if w[3] is not None)
    assert minutes == pytest.approx(exact, abs=0.0501)
    check_shares(records, found)


def check_shares(records: Sequence[MeetingRecord], found: Sequence[dict[str, Any]]) -> None:
    by_uuid = {record.meeting.uuid: record.meeting for record in records}
    for row in found:
        meeting = by_uuid[row["meeting"]]
        if row["minutes"] is None:
            assert row["share"] is None
        elif meeting.start_time and meeting.end_time and meeting.end_time > meeting.start_time:
            length = (meeting.end_time - meeting.start_time).total_seconds()
            expected = min(100.0, row["minutes"] * 6000 / length)
            assert row["share"] == pytest.approx(expected, abs=0.06 + 301 / length)


def stay(record: MeetingRecord, *sessions: Session) -> MeetingRecord:
    return to_record(record.meeting, sessions)


def session(key: str, begin: int, end: int | None, record: MeetingRecord, **more: Any) -> Session:
    """From minute to minute of the meeting, which lasts 30."""
    start = record.meeting.start_time
    assert start is not None
    leave = None if end is None else start + timedelta(minutes=end)
    return Session(key=key, join_time=start + timedelta(minutes=begin), leave_time=leave, **more)


def test_twelve_rejoins_and_a_second_device_count_once() -> None:
    record = plain(1)
    rejoins = [session(f"a{n}", 2 * n, 2 * n + 1, record, id="u1", user_name="Ada") for n in range(13)]
    second = session("b", 0, 25, record, id="u1", user_name="Ada's phone")
    (row,) = rows([stay(record, *rejoins, second)])
    assert (row["minutes"], row["share"], row["sessions"], row["name"]) == (25.0, 83.3, 14, "Ada")


def test_presence_is_measured_against_the_share_or_the_minutes() -> None:
    record = plain(1)
    there = stay(record, *(session(str(n), 0, n, record, id=f"u{n}") for n in (14, 15, 20)))
    unknown = stay(plain(2), session("x", 0, None, record, id="u9"))
    assert [r["present"] for r in rows([there, unknown], threshold=Threshold(percent=50))] == [
        "no",
        "yes",
        "yes",
        None,
    ]
    assert [r["present"] for r in rows([there], threshold=Threshold(minutes=20))] == ["no", "no", "yes"]
    assert [r["present"] for r in rows([there, unknown])] == ["yes"] * 4


@pytest.mark.parametrize("text", ["", "50", "half", "101%", "-5m", "5 hours"])
def test_another_threshold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="50% or 20m|like 50%"):
        Threshold.parse(text)


def test_thresholds_are_understood() -> None:
    assert Threshold.parse("50%") == Threshold(percent=50)
    assert Threshold.parse("20 min") == Threshold(minutes=20)
    assert Threshold.parse("7.5m") == Threshold(minutes=7.5)


def test_people_are_one_across_meetings_by_email_then_id_then_name() -> None:
    one, two, three = plain(1), plain(2), plain(3)
    other = replace(three.meeting, vendor="webex")
    records = [
        stay(
            one,
            session("a", 0, 10, one, id="u1", user_name="Ada", email="Ada@example.org"),
            session("b", 0, 5, one, user_name="Guest"),
        ),
        stay(
            two,
            session("a", 0, 10, two, id="u1", user_name="Ada L."),
            session("b", 0, 5, two, user_name="guest"),
        ),
        stay(
            replace(three, meeting=other),
            session("a", 0, 10, three, user_name="Lovelace", email="ada@example.org"),
        ),
    ]
    found = rows(records, by="person")
    assert [(r["email"], r["meetings"], r["minutes"]) for r in found] == [
        (None, 2, 10.0),
        ("ada@example.org", 3, 30.0),
    ]


def test_two_ids_with_one_email_count_once_across_meetings() -> None:
    record = plain(1)
    both = [session(key, 0, 10, record, id=key, email="ada@example.org") for key in ("u1", "u2")]
    assert len(rows([stay(record, *both)])) == 2
    (row,) = rows([stay(record, *both)], by="person")
    assert (row["meetings"], row["minutes"], row["share"]) == (1, 10.0, 33.3)


def test_people_are_in_the_order_of_their_names_whatever_surrounds_them() -> None:
    record = plain(1)
    names = ["Mary Example", " zoe Example", "  Ada Example"]
    people = [session(name, 0, 10, record, id=name, user_name=name) for name in names]
    found = [row["name"].strip() for row in rows([stay(record, *people)], by="person")]
    assert found == ["Ada Example", "Mary Example", "zoe Example"]


def test_an_alias_merges_a_phone_number_with_its_owner() -> None:
    record = plain(1)
    phone = session("p", 10, 20, record, id="x", user_name="+1 555 0100")
    own = session("o", 0, 12, record, id="u1", user_name="Ada Example", email="ada@example.org")
    (row,) = rows([stay(record, phone, own)], aliases=[Alias(pattern="+1 555*", person="Ada Example")])
    assert (row["name"], row["email"], row["minutes"], row["sessions"]) == (
        "Ada Example",
        "ada@example.org",
        20.0,
        2,
    )


def test_the_roster_adds_the_absent_and_marks_the_unexpected() -> None:
    record = plain(1)
    there = stay(
        record,
        session("a", 0, 10, record, id="u1", user_name="Ada", email="ada@example.org"),
        session("b", 0, 5, record, user_name="Eve"),
    )
    roster = [
        Expected(email="ada@example.org", name="Ada Example"),
        Expected(email="bob@example.org", name="Bob"),
    ]
    found = {row["name"]: row for row in rows([there], roster=roster)}
    assert [
        (name, found[name]["present"], found[name]["expected"]) for name in ("Ada Example", "Bob", "Eve")
    ] == [*(("Ada Example", "yes", "yes"), ("Bob", "no", "yes"), ("Eve", "yes", "no"))]
    assert (found["Bob"]["minutes"], found["Bob"]["sessions"], found["Bob"]["email"]) == (
        0.0,
        0,
        "bob@example.org",
    )
    by_person = {row["name"]: row for row in rows([there], by="person", roster=roster)}
    assert (by_person["Bob"]["meetings"], by_person["Bob"]["present"]) == (0, 0)


def test_values_that_a_vendor_lacks_are_empty_and_counted() -> None:
    record = plain(1)
    there = stay(record, session("a", 0, None, record, id="u1"))
    with attendance([there]) as (database, (row,)):
        assert (row["minutes"], row["share"], row["last_leave"], row["present"]) == (None, None, None, "yes")
        assert totals(database).untimed == {"zoom": (1, 1)}
        assert totals(database).seconds is None


def test_people_who_have_not_left_yet_are_not_counted_as_untimed() -> None:
    live = plain(1, detail=Detail.live)
    there = stay(live, session("a", 0, None, live, id="u1"))
    with attendance([there, plain(2)]) as (database, rows):
        assert [row["minutes"] for row in rows if row["person_id"] == "u1"] == [None]
        assert (totals(database).untimed, totals(database).still_there) == ({}, 1)
    nameless = to_record(live.meeting, [Session(key="k", user_name="Ada")])
    with attendance([nameless]) as (database, _):
        assert (totals(database).untimed, totals(database).still_there) == ({"zoom": (1, 1)}, 0)


@pytest.mark.slow
def test_a_selection_takes_the_days_of_the_zone() -> None:
    late = plain(0)
    shifted = replace(
        late.meeting, start_time=datetime.fromisoformat("2026-11-20T23:30:00+00:00"), end_time=None
    )
    record = replace(late, meeting=shifted)
    assert rows([record], selection=Selection(zone=BERLIN, first=date(2026, 11, 21)))
    assert not rows([record], selection=Selection(zone=BERLIN, last=date(2026, 11, 20)))
    for chosen in ({"series": ["1"]}, {"hosts": ["x@example.org"]}, {"topic": "zzz"}, {"vendors": ["webex"]}):
        assert not rows([record], selection=Selection(zone=BERLIN, **chosen))
    assert rows(
        [record], selection=Selection(zone=BERLIN, topic="PLANN", meetings=["meeting-0"], vendors=["zoom"])
    )
