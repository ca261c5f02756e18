"""The time that each kind of run lists."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.models import ONCE_A_DAY, Window
from harvester.pipeline.planner import RunPlan, Slice, backfill, nightly, plan_lines
from harvester.state.journal import Journal
from tests.unit.journal_builders import (
    DAY,
    FIRST,
    HOUR,
    LOOKBACK,
    NOTHING,
    NOW,
    SPAN,
    Clock,
    begin_forced,
    days,
    in_days,
    ref,
    run_listings,
    run_of,
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "scope")) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


def test_a_listing_covers_only_the_time_before_it_began(journal: Journal) -> None:
    clock = Clock(FIRST + DAY + 6 * HOUR)
    run_listings(run_of(journal, clock, backfill(journal, days(0, 3), NOTHING, SPAN)), journal)
    clock.now += 5 * DAY
    assert in_days([*backfill(journal, days(0, 3), NOTHING, SPAN).slices]) == [(1.25, 3)]


def test_a_listing_is_final_if_it_began_after_the_lookback(journal: Journal, clock: Clock) -> None:
    run = run_of(journal, clock, nightly(journal, days(0, 4), NOTHING, LOOKBACK, SPAN))
    assert in_days([*run.plan.slices]) == [(0, 4)]
    run_listings(run, journal)
    final = (clock() - LOOKBACK - FIRST) / DAY
    assert in_days([*nightly(journal, days(0, 4), NOTHING, LOOKBACK, SPAN).slices]) == [(final, 4)]
    clock.now += LOOKBACK
    run_listings(run_of(journal, clock, nightly(journal, days(0, 4), NOTHING, LOOKBACK, SPAN)), journal)
    assert not nightly(journal, days(0, 4), NOTHING, LOOKBACK, SPAN).slices


def test_an_unfinished_listing_covers_nothing(journal: Journal, clock: Clock) -> None:
    run = run_of(journal, clock, backfill(journal, days(0, 2), NOTHING, DAY), span=DAY)
    first, second = run.plan.slices
    run.tracker.on_slice_started(first)
    assert run.fetch(ref("m")) is not None
    run.tracker.on_slice_started(second)
    run.tracker.on_slice_listed(second)
    journal.flush()
    assert in_days([*backfill(journal, days(0, 2), NOTHING, DAY).slices]) == [(0, 1)]


def test_a_failed_partition_is_listed_again_once_a_day(journal: Journal, clock: Clock) -> None:
    plan = backfill(journal, days(0, 1), NOTHING, SPAN)
    run_listings(run_of(journal, clock, plan), journal, failing=("user 1",))
    clock.now += ONCE_A_DAY - timedelta(seconds=1)
    assert not run_of(journal, clock, backfill(journal, days(0, 1), NOTHING, SPAN)).plan.slices
    clock.now += timedelta(seconds=1)
    run = run_of(journal, clock, RunPlan())
    assert [*run.plan.slices] == [Slice(window=days(0, 1), partitions=frozenset({"user 1"}))]
    run_listings(run, journal, failing=("user 1",))
    assert not run_of(journal, clock, RunPlan()).plan.slices
    clock.now += DAY
    run_listings(run_of(journal, clock, RunPlan()), journal)
    assert journal.failed_partitions() == []


def test_a_forced_run_resumes_although_the_retention_clips_its_days(journal: Journal, clock: Clock) -> None:
    began = begin_forced(journal, days(1, 3), NOTHING, clock, named=days(0, 3)).forced_since
    clock.now += HOUR
    later = Window(start=days(1, 3).start + HOUR, end=days(1, 3).end)
    assert begin_forced(journal, later, NOTHING, clock, named=days(0, 3)).forced_since == began
    assert begin_forced(journal, later, NOTHING, clock).forced_since == clock()


def test_slices_that_follow_each_other_are_one_line() -> None:
    plan = RunPlan(slices=[Slice(window=days(n, n + 1)) for n in (0, 1, 2, 5)])
    assert list(plan_lines(plan)) == [
        "reading 2026-11-16 00:00 to 2026-11-19 00:00 UTC",
        "reading 2026-11-21 00:00 to 2026-11-22 00:00 UTC",
    ]
    (line,) = plan_lines(RunPlan())
    assert line.startswith("everything is listed already")
