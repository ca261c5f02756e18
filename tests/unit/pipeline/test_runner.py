"""Runs that their options narrow to a selection of meetings: they count as coverage for no other run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.models import Detail, Meeting, MeetingRecord, MeetingRef, Reason, SkippedPartition, Window
from harvester.pipeline import runner
from harvester.pipeline.planner import RunPlan, Slice, backfill, filtered, nightly, with_backlog
from harvester.pipeline.report import Report
from harvester.pipeline.request import VendorOptions, resolve
from harvester.pipeline.tracker import Fetch, JournalTracker, LoadedMeeting, Unchanged
from harvester.state.journal import Journal

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
DAY = Window(start=datetime(2026, 11, 20, tzinfo=UTC), end=datetime(2026, 11, 21, tzinfo=UTC))
SPAN = timedelta(days=30)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path)) as opened:
        yield opened


def tracker_of(journal: Journal, plan: RunPlan) -> JournalTracker:
    return JournalTracker(journal, plan, extras=frozenset(), run=1, now=lambda: NOW, was_empty=False)


def stored(journal: Journal, ref: MeetingRef, *, replaces: tuple[str, ...] = ()) -> None:
    meeting = Meeting(
        vendor="v",
        account="a",
        uuid=ref.uuid,
        detail=Detail.basic,
        harvested_at=NOW,
        start_time=ref.start_time,
    )
    tracker = tracker_of(journal, filtered(DAY, SPAN, since=None))
    fetch = tracker.should_fetch(ref)
    assert isinstance(fetch, Fetch)
    tracker.on_fetching(fetch)
    tracker.on_acknowledged(LoadedMeeting.of(fetch.ref, MeetingRecord(meeting=meeting, replaces=replaces)))
    journal.flush()


def ref(uuid: str, digest: str = "d", **hint: str) -> MeetingRef:
    return MeetingRef(uuid=uuid, start_time=DAY.start + timedelta(hours=9), digest=digest, hint=hint)


def test_a_narrowed_listing_covers_nothing(journal: Journal) -> None:
    part = Slice(window=DAY)
    plan = filtered(DAY, SPAN, since=None)
    assert plan.slices == [part]
    tracker = tracker_of(journal, plan)
    tracker.on_slice_started(part)
    skipped = SkippedPartition(partition="user x", reason=Reason.refused, permanent=False)
    tracker.on_partition_skipped(skipped, part)
    tracker.on_slice_listed(part)
    assert journal.listings(frozenset()) == []
    assert journal.failed_partitions() == []
    assert [p.window for p in backfill(journal, DAY, frozenset(), SPAN).slices] == [DAY]
    assert [p.window for p in nightly(journal, DAY, frozenset(), SPAN, SPAN).slices] == [DAY]


REPORT = Report(vendor="fake", account="main")
ACCOUNT: Any = SimpleNamespace(
    vendor="fake",
    connector=SimpleNamespace(max_window=SPAN, retention=SPAN, lookback=timedelta(days=3)),
    context=SimpleNamespace(now=lambda: NOW),
)


@pytest.mark.parametrize(
    ("given", "window", "again"),
    [
        ({}, DAY, False),
        ({"first": DAY.start.date()}, DAY, False),
        ({"on": DAY.start.date()}, DAY, True),
        ({"upcoming_days": 7}, Window(start=NOW, end=NOW + timedelta(days=7)), True),
    ],
)
def test_a_filtered_run_reads_its_own_time_and_moves_no_others(
    given: dict[str, Any], window: Window, again: bool, journal: Journal
) -> None:
    options = VendorOptions(filtered=True, upcoming_days=given.pop("upcoming_days", None))
    request = resolve(now=NOW, zone=ZoneInfo("UTC"), options=options, **given)
    with runner.recorded_run(ACCOUNT, journal, lambda: False, request, REPORT) as (plan, _):
        assert [part.window for part in plan.slices] == [window]
        assert (plan.filtered, plan.forced_since is not None) == (True, again)
    assert journal.first_nightly() is None, "the nightly run begins where it began"
    begun = journal.begin_forced_run(window, frozenset(), NOW + timedelta(hours=1))
    assert begun == NOW + timedelta(hours=1), "no forced run was recorded"


def test_a_filtered_run_beyond_the_retention_reads_nothing(journal: Journal) -> None:
    journal.record_intent(ref("waiting"), frozenset(), 1)
    journal.flush()
    request = resolve(
        now=NOW, zone=ZoneInfo("UTC"), options=VendorOptions(filtered=True), on=date(2026, 1, 1)
    )
    with runner.recorded_run(ACCOUNT, journal, lambda: False, request, REPORT) as (plan, tracker):
        assert list(plan.slices) == []
        assert list(tracker.resume()) == []


def test_what_waits_in_the_journal_is_left_to_other_runs(journal: Journal) -> None:
    journal.record_intent(ref("waiting"), frozenset(), 1)
    journal.set_outcome(ref("waiting"), "failed", reason="r")
    journal.flush()
    plan = with_backlog(filtered(DAY, SPAN, since=None), journal, max_window=SPAN, now=NOW)
    tracker = tracker_of(journal, plan)
    assert list(tracker.resume()) == []
    assert list(tracker.missing_from_listing(Slice(window=DAY))) == []
    assert plan.slices == [Slice(window=DAY)]


def test_what_it_stores_is_known_to_the_next(journal: Journal) -> None:
    stored(journal, ref("m1"))
    once = tracker_of(journal, filtered(DAY, SPAN, since=None))
    again = tracker_of(journal, filtered(DAY, SPAN, since=NOW + timedelta(hours=1)))
    assert isinstance(once.should_fetch(ref("m1")), Unchanged)
    assert isinstance(again.should_fetch(ref("m1")), Fetch)
    assert isinstance(once.should_fetch(ref("m1", digest="other")), Fetch)


def test_a_meeting_that_was_replaced_is_no_longer_stored(journal: Journal) -> None:
    stored(journal, ref("old", source="meet"))
    assert dict(journal.stored_refs(DAY)) == {"old": {"source": "meet"}}
    stored(journal, ref("new", source="auto"), replaces=("old",))
    assert dict(journal.stored_refs(DAY)) == {"new": {"source": "auto"}}
    assert journal.gone_by_reason() == {str(Reason.replaced): 1}
    assert list(journal.stored_refs(Window(start=DAY.end, end=DAY.end + SPAN))) == []
