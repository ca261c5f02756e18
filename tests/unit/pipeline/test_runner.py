"""How the runner plans and records a run, here a filtered one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.models import MeetingRef, Window
from harvester.pipeline import runner
from harvester.pipeline.report import Report
from harvester.pipeline.request import VendorOptions, resolve
from harvester.state.journal import Journal

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
DAY = Window(start=datetime(2026, 11, 20, tzinfo=UTC), end=datetime(2026, 11, 21, tzinfo=UTC))
SPAN = timedelta(days=30)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path)) as opened:
        yield opened


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
def test_a_filtered_run_lists_its_window_and_records_no_target(
    given: dict[str, Any], window: Window, again: bool, journal: Journal
) -> None:
    options = VendorOptions(filtered=True, upcoming_days=given.pop("upcoming_days", None))
    request = resolve(now=NOW, zone=ZoneInfo("UTC"), options=options, **given)
    with runner.recorded_run(ACCOUNT, journal, lambda: False, request, REPORT) as (plan, _):
        assert [part.window for part in plan.slices] == [window]
        assert (plan.filtered, plan.forced_since is not None) == (True, again)
    assert journal.first_nightly() is None, "a filtered run sets no first nightly day"
    begun = journal.begin_forced_run(window, frozenset(), NOW + timedelta(hours=1))
    assert begun == NOW + timedelta(hours=1), "no forced run was recorded"


def test_a_filtered_run_beyond_the_retention_reads_nothing(journal: Journal) -> None:
    waiting = MeetingRef(uuid="waiting", start_time=DAY.start + timedelta(hours=9), digest="d")
    journal.record_intent(waiting, frozenset(), 1)
    journal.flush()
    request = resolve(
        now=NOW, zone=ZoneInfo("UTC"), options=VendorOptions(filtered=True), on=date(2026, 1, 1)
    )
    with runner.recorded_run(ACCOUNT, journal, lambda: False, request, REPORT) as (plan, tracker):
        assert list(plan.slices) == []
        assert list(tracker.resume()) == []
