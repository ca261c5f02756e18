"""Which time a run lists: computed from what was asked for and what the journal already knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connectors.models import ONCE_A_DAY, Window
from harvester.formatting import format_span
from harvester.state.intervals import covered_windows, union
from harvester.state.journal_reader import JournalReader
from harvester.state.journal_rows import JournalEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One listing to make."""

    window: Window
    partitions: frozenset[str] = frozenset()
    """List only these, which an earlier listing skipped; empty: all of them."""

    @property
    def seconds(self) -> float:
        return (self.window.end - self.window.start).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What one run lists and reads."""

    slices: Sequence[Slice] = ()
    """In the order of listing."""
    within: Window | None = None
    """Resume only meetings that started in this window; `None`: all of them."""
    forced_since: datetime | None = None
    """Read every listed meeting again that was harvested before this instant."""
    filtered: bool = False
    """The run lists a selection of meetings: it counts as coverage for no later run, and resumes nothing."""


def plan_lines(plan: RunPlan) -> Iterator[str]:
    """What the run reads, in words: slices that follow each other are one span."""
    if not plan.slices:
        yield "everything is listed already; reading only what failed, is due, or was not read yet"
    for window in union(part.window for part in plan.slices):
        yield f"reading {format_span(window)} UTC"


def nightly(
    journal: JournalReader, window: Window, extras: frozenset[str], lookback: timedelta, max_window: timedelta
) -> RunPlan:
    """List all that is not final yet; resume everything that failed or is due."""
    gaps = window.difference(covered_windows(journal.listings(extras), margin=lookback))
    return RunPlan(slices=split_into_slices(gaps, max_window))


def backfill(
    journal: JournalReader,
    window: Window,
    extras: frozenset[str],
    max_window: timedelta,
    now: datetime | None = None,
) -> RunPlan:
    """List all that was never listed; resume what failed or is due in the rest. Listings of the future of `now` do not
    count; a run that writes the journal has forgotten them."""
    gaps = window.difference(covered_windows(journal.listings(extras, now)))
    return RunPlan(slices=split_into_slices(gaps, max_window), within=window)


def forced(window: Window, max_window: timedelta, *, since: datetime) -> RunPlan:
    """List and read all of it again. `since`: when this run, or the unfinished one that it resumes, began."""
    return RunPlan(slices=split_into_slices([window], max_window), within=window, forced_since=since)


def filtered(window: Window, max_window: timedelta, *, since: datetime | None) -> RunPlan:
    """List only what the options of the run select. `since`: read all of it again, whatever is known."""
    return RunPlan(
        slices=split_into_slices([window], max_window), within=window, forced_since=since, filtered=True
    )


def with_backlog(plan: RunPlan, journal: JournalReader, *, max_window: timedelta, now: datetime) -> RunPlan:
    """The plan, with listings of earlier runs' leftovers before its own: days with meetings that were listed and never
    stored, and partitions that could not be listed."""
    if plan.filtered:
        return plan
    unread = _unread_days(plan, journal, max_window, now)
    failed = _failed_partitions(plan, unread, journal, max_window, now)
    return replace(plan, slices=[*unread, *failed, *plan.slices])


def split_into_slices(windows: Iterable[Window], max_window: timedelta) -> list[Slice]:
    return [Slice(window=part) for window in windows for part in window.split(max_window)]


def meetings_to_resume(
    journal: JournalReader, within: Window | None, now: datetime
) -> Iterator[JournalEntry]:
    """The meetings, of those that started in the window, that failed, were never fetched, or are due."""
    for entry in journal.open_meetings():
        if within is not None and entry.start is not None and entry.start not in within:
            continue
        if entry.outcome != "pending" or is_due(entry, now):
            yield entry


def is_due(entry: JournalEntry, now: datetime) -> bool:
    """Whether the time has come to read a pending meeting again."""
    return entry.outcome == "pending" and (entry.due is None or entry.due <= now)


def needs_listing(entry: JournalEntry) -> bool:
    """Whether a meeting has to be listed again before it is fetched: nothing of it is stored, and its details alone may
    not be enough."""
    return entry.rank is None and entry.start is not None


def _unread_days(plan: RunPlan, journal: JournalReader, max_window: timedelta, now: datetime) -> list[Slice]:
    """The days of meetings that were listed and never stored, unless the plan lists them anyway. Listing a day costs
    less than requesting the heads of a few meetings one by one, and may return more."""
    days = union(
        _day(entry.start)
        for entry in meetings_to_resume(journal, plan.within, now)
        if needs_listing(entry) and entry.start is not None
    )
    planned = [part.window for part in plan.slices]
    gaps = (gap for day in _clip(days, plan.within) for gap in day.difference(planned))
    return split_into_slices(gaps, max_window)


def _failed_partitions(
    plan: RunPlan, unread: Sequence[Slice], journal: JournalReader, max_window: timedelta, now: datetime
) -> list[Slice]:
    """The partitions that earlier listings skipped, unless the plan lists them anyway."""
    planned = [part.window for part in (*unread, *plan.slices)]
    gaps = [
        (failed.partition, gap)
        for failed in journal.failed_partitions()
        if failed.tried_at <= now - ONCE_A_DAY
        for window in _clip([failed.window], plan.within)
        for gap in window.difference(planned)
    ]
    return [
        Slice(
            window=part,
            partitions=frozenset(partition for partition, gap in gaps if gap.intersection(part)),
        )
        for window in union(gap for _, gap in gaps)
        for part in window.split(max_window)
    ]


def _clip(windows: Iterable[Window], within: Window | None) -> list[Window]:
    if within is None:
        return list(windows)
    return [part for window in windows if (part := window.intersection(within))]


def _day(instant: datetime) -> Window:
    midnight = instant.replace(hour=0, minute=0, second=0, microsecond=0)
    return Window(start=midnight, end=midnight + timedelta(days=1))
