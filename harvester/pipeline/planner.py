"""Which time a run lists: by what the journal knows already, or all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.models import Window
from harvester.state.intervals import covered_windows
from harvester.state.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One listing. `subjects`: only what an earlier one had to leave out, by the names in its `Skipped`."""

    window: Window
    partitions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """How a run reads. `within`: only meetings that started there come out of the journal, `None` for all of them.
    `forced_since`: everything that was harvested before is read again. `narrow`: a part of what there is; what it lists
    counts as listed for no later run, and what waits in the journal is left to those."""

    slices: Sequence[Slice]
    within: Window | None = None
    forced_since: datetime | None = None
    filtered: bool = False


def nightly(
    journal: Journal, wanted: Window, asked: frozenset[str], lookback: timedelta, span: timedelta
) -> RunPlan:
    """All that is not final yet, and everything that failed or is due."""
    gaps = wanted.difference(covered_windows(journal.listings(asked), margin=lookback))
    return RunPlan(slices=split_into_slices(gaps, span))


def backfill(journal: Journal, wanted: Window, asked: frozenset[str], span: timedelta) -> RunPlan:
    """All that was never listed, and of the rest what failed or is due."""
    gaps = wanted.difference(covered_windows(journal.listings(asked)))
    return RunPlan(slices=split_into_slices(gaps, span), within=wanted)


def forced(
    journal: Journal,
    wanted: Window,
    asked: frozenset[str],
    span: timedelta,
    now: datetime,
    *,
    named: Window | None = None,
) -> RunPlan:
    """All of it, whatever is known; but an unfinished reading of the same goes on where it stopped. `named`: the days
    as they were given, where the vendor no longer keeps the first of them: what it keeps is less by the minute."""
    since = journal.begin_forced_run(named or wanted, asked, now)
    return RunPlan(slices=split_into_slices([wanted], span), within=wanted, forced_since=since)


def narrowed(wanted: Window, span: timedelta, *, since: datetime | None) -> RunPlan:
    """Only what the run's options choose. `since`: whatever is known of it, all of it is read again."""
    return RunPlan(slices=split_into_slices([wanted], span), within=wanted, forced_since=since, filtered=True)


def split_into_slices(windows: Iterable[Window], span: timedelta) -> list[Slice]:
    return [Slice(window=part) for window in windows for part in window.split(span)]
