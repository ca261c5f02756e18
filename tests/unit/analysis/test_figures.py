"""The figures of the report, each against a computation over the same meetings that uses no database."""

from __future__ import annotations

import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from connectors.attendance import group_by_person
from connectors.models import MeetingRecord
from harvester.analysis import document_source
from harvester.analysis.document_tables import read_documents
from harvester.analysis.duckdb_database import open_database
from harvester.analysis.figures.fact_tables import Period
from harvester.analysis.figures.quality import wilson
from harvester.analysis.org_units import Units
from harvester.analysis.report_data import ReportData, report_data
from harvester.analysis.selection import Selection
from harvester.documents import encode
from tests.hypothesis_examples import one_in
from tests.invented_meetings import HARVESTED, full_harvest, plain
from tests.unit.analysis.record_strategies import documents, several, write

BERLIN = ZoneInfo("Europe/Berlin")


def figures(found: Sequence[Any], **more: Any) -> ReportData:
    selection = more.pop("selection", Selection(zone=BERLIN))
    with tempfile.TemporaryDirectory() as folder, open_database("128MB", in_file=False) as database:
        path = write(Path(folder) / "documents.ndjson", found)
        read = read_documents(database, document_source.files([path]), selection, quality=True)
        options = {"units": Units(), "meetings": (), "worst": 3, "shows_people": True, **more}
        return report_data(database, read, selection, **options)


Span = tuple[str, datetime, datetime | None]


def spans(records: Sequence[MeetingRecord]) -> list[Span]:
    """Vendor, start and end of each meeting that was held."""
    found = []
    for record in records:
        meeting = record.meeting
        stays = [s for s in record.sessions if s.stay != "waiting_room"]
        if meeting.start_time is None and not stays:
            continue
        joins = [s.join_time for s in stays if s.join_time]
        leaves = [s.leave_time for s in stays if s.leave_time]
        start = meeting.start_time or min(joins, default=None) or meeting.scheduled_start_time
        assert start is not None
        found.append((meeting.vendor, start, meeting.end_time or max(leaves, default=None)))
    return found


@pytest.mark.slow
@one_in(10)
@given(several)
def test_meetings_people_hours_and_peaks_are_those_of_a_plain_count(
    records: tuple[MeetingRecord, ...],
) -> None:
    data = figures(documents(records))
    held = spans(records)
    assert data.totals["held"] == len(held)
    assert data.totals["people"] >= (1 if any(r.sessions for r in records) and data.totals["stays"] else 0)
    by_day = Counter((start.astimezone(BERLIN).date().isoformat(), vendor) for vendor, start, _ in held)
    step = "day" if data.period is None else data.period.bucket
    assert step == "day"
    assert {(row[0], row[1]): row[2] for row in data.over_time.rows} == by_day
    seconds = defaultdict(int)
    for record in records:
        seconds[record.meeting.vendor] += record.meeting.participant_seconds or 0
    for row in data.by_vendor.dicts():
        if row["participant-hours"] is not None:
            assert row["participant-hours"] == pytest.approx(seconds[row["vendor"]] / 3600)
    check_peaks(data, held)
    check_hours(data, held)
    sizes = Counter(
        len(group_by_person([s for s in r.sessions if s.stay != "waiting_room"]))
        for r in records
        if r.sessions
    )
    assert data.totals["one_person"] == sizes[1]


def check_peaks(data: ReportData, held: Sequence[Span]) -> None:
    timed = [(start, end) for _, start, end in held if end is not None and end > start]
    peak = max((sum(s <= start < e for s, e in timed) for start, _ in timed), default=None)
    assert next((row[1] for row in data.peaks.rows if row[0] == "all vendors"), None) == peak
    by_day = {row[0]: row[2] for row in data.peaks_over_time.rows if row[1] == "all vendors"}
    for text, found in by_day.items():
        begin = datetime.combine(date.fromisoformat(text), datetime.min.time(), BERLIN)
        end = datetime.combine(date.fromisoformat(text) + timedelta(days=1), datetime.min.time(), BERLIN)
        moments = [begin, *(s for s, _ in timed if begin.timestamp() <= s.timestamp() < end.timestamp())]
        counts = [sum(s.timestamp() <= m.timestamp() < e.timestamp() for s, e in timed) for m in moments]
        assert found == max(counts), text


def check_hours(data: ReportData, held: Sequence[Span]) -> None:
    """The averages add up to the time that all meetings ran within the days of the period."""
    if data.period is None:
        return
    begin = datetime.combine(data.period.first, datetime.min.time(), BERLIN).timestamp()
    end = datetime.combine(data.period.last + timedelta(days=1), datetime.min.time(), BERLIN).timestamp()
    ran = sum(
        max(0.0, min(e.timestamp(), end) - max(s.timestamp(), begin))
        for _, s, e in held
        if e is not None and e > s
    )
    days = Counter((data.period.first + timedelta(days=n)).strftime("%a") for n in range(data.period.days))
    shown = sum(level * 3600 * days[weekday] for weekday, _, level in data.by_hour.rows)
    assert shown == pytest.approx(ran, abs=0.002 * 3600 * 24 * 3)


def test_a_meeting_in_the_repeated_hour_is_counted_once() -> None:
    record = plain(0)
    meeting = record.meeting
    start = datetime.fromisoformat("2026-10-25T00:10:00+00:00")
    from dataclasses import replace

    for offset in (0, 1):
        begin = start + timedelta(hours=offset)
        moved = replace(
            record, meeting=replace(meeting, start_time=begin, end_time=begin + timedelta(minutes=30))
        )
        data = figures(documents([moved]))
        assert sum(row[2] for row in data.by_hour.rows) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("first", "last", "bucket", "count", "partial"),
    [
        ("2026-11-20", "2026-11-20", "day", 1, []),
        ("2026-08-21", "2026-11-20", "day", 92, []),
        ("2026-08-20", "2026-11-20", "week", 14, [0, 13]),
        ("2024-01-01", "2026-11-20", "month", 35, [34]),
    ],
)
def test_steps_of_time_and_which_are_partial(
    first: str, last: str, bucket: str, count: int, partial: list[int]
) -> None:
    selection = Selection(zone=BERLIN, first=date.fromisoformat(first), last=date.fromisoformat(last))
    period = figures(documents([plain(1)]), selection=selection).period
    assert period is not None
    assert (period.bucket, len(period.buckets())) == (bucket, count)
    assert [n for n, day in enumerate(period.buckets()) if period.is_partial(day)] == partial


def test_wilson_is_the_known_interval() -> None:
    assert wilson(1, 10) == pytest.approx((0.0179, 0.4042), abs=1e-3)
    assert wilson(0, 10)[0] == 0


@pytest.mark.slow
def test_quality_is_rated_by_the_worse_direction_of_the_sound() -> None:
    meeting, session = documents([full_harvest()])
    rated = figures([meeting, session])
    assert (rated.totals["measured"], rated.totals["poor"]) == (1, 1)  # 12.5 % loss
    measure = {"latency_ms": {"mean": 10.0}}
    good = {**session, "quality": {"audio_in": measure, "video_in": {"latency_ms": {"mean": 900.0}}}}
    assert figures([meeting, good]).totals["poor"] == 0
    picture = {**session, "quality": {"video_in": {"latency_ms": {"mean": 900.0}}}}
    assert figures([meeting, picture]).totals["poor"] == 1
    none = {key: value for key, value in session.items() if key != "quality"}
    data = figures([meeting, none])
    assert data.totals["measured"] == 0
    assert not data.rates


def test_planned_meetings_without_participants_are_counted_apart_from_held_ones() -> None:
    from dataclasses import replace

    from connectors.attendance import to_record

    meeting = replace(
        plain(1).meeting, start_time=None, end_time=None, scheduled_start_time=plain(1).meeting.start_time
    )
    data = figures(documents([to_record(meeting, [])]))
    assert (data.totals["held"], data.totals["missed"], data.period) == (0, 1, None)
    assert (data.totals["missed_at"], data.totals["unattested"]) == (meeting.vendor, 0)


def test_planned_meetings_of_which_no_participants_are_provided_are_not_taken_for_missed() -> None:
    """A room of Meetecho without a session: nothing says whether it was used."""
    from dataclasses import replace

    from connectors.attendance import to_record

    meeting = replace(
        plain(1).meeting, start_time=None, end_time=None, scheduled_start_time=plain(1).meeting.start_time
    )
    bare = [
        {name: value for name, value in json.loads(encode(document)).items() if name != "participants"}
        for document in documents([to_record(meeting, [])])
    ]
    totals = figures(bare).totals
    assert (totals["held"], totals["missed"], totals["unattested"]) == (0, 0, 1)
    assert totals["unattested_at"] == meeting.vendor


def test_a_planned_end_after_the_harvest_counts_until_the_harvest_only() -> None:
    """A meeting of a vendor without times that was going on when it was harvested, and one that had not begun."""
    from dataclasses import replace

    from connectors.attendance import to_record
    from connectors.models import Session

    for begins, running in ((-30, 0.5), (30, 0.0)):
        begin = HARVESTED + timedelta(minutes=begins)
        meeting = replace(
            plain(1).meeting,
            start_time=None,
            end_time=None,
            scheduled_start_time=begin,
            scheduled_end_time=begin + timedelta(hours=2),
        )
        data = figures(documents([to_record(meeting, [Session(key="a", id="u1", stay="meeting")])]))
        assert data.totals["held"] == 1
        assert sum(row[2] for row in data.by_hour.rows) == pytest.approx(running)


def test_a_host_with_one_email_at_two_vendors_is_one_host() -> None:
    from dataclasses import replace

    from connectors.models import Host

    records = [
        replace(r, meeting=replace(r.meeting, vendor=vendor, host=Host(name="Ada", email=email)))
        for r, vendor, email in zip(
            (plain(1), plain(2)), ("zoom", "webex"), ("ada@x.org", "Ada@X.org"), strict=True
        )
    ]
    (row,) = figures(documents(records)).hosts.rows
    assert row[:3] == ("Ada", "webex, zoom", 2)


def test_units_are_domains_or_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    path.write_text("pattern,unit\n*.med.example.org,Medicine\nada@example.org,Board\n")
    units = Units.read(path)
    assert [units.of(e) for e in ("x@a.med.example.org", "ada@example.org", "b@example.org")] == [
        "Medicine",
        "Board",
        None,
    ]
    assert Units().of("b@example.org") == "example.org"


def test_small_groups_are_left_out_unless_people_are_shown() -> None:
    assert figures(documents([full_harvest()])).units.rows
    assert not figures(documents([full_harvest()]), shows_people=False).units.rows


def test_a_period_without_meetings_has_none() -> None:
    assert figures([]).period is None
    assert Period(first=date(2026, 1, 1), last=date(2026, 1, 1), bucket="day").days == 1
