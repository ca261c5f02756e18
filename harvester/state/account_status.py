"""How one account stands in one index, by what its journal says: which time is covered, what waits, what will be lost.

Reads a journal, and neither writes one nor asks anybody. The instant `now` is the caller's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from heapq import nlargest
from zoneinfo import ZoneInfo

from connectors.models import Reason, Window
from harvester.state.intervals import Listing, covered_windows, missing, union
from harvester.state.journal import Journal
from harvester.state.journal_rows import FailedPartition, JournalEntry, Run

DAY = timedelta(days=1)
SOON = timedelta(days=14)
"""What falls out of the vendor's keeping within this time is about to expire."""

RUNS = 5
WORST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Of a vendor: how late its data may come, and how long it is kept."""

    lookback: timedelta
    kept: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """Which time was `listed` to the end of its listing, by whatever run, and which of it is `complete`: without any day
    that has a meeting which is listed and not read yet. `failed`: meetings of the complete time that failed.

    `since`: the first instant that a run listed or a nightly one wanted; from there all is listed `until`, and nothing
    can come late any more `final_until` (`None`: not even its first moment). `gaps`: what no run has listed between
    `since` and the last midnight.
    """

    since: datetime | None = None
    until: datetime | None = None
    final_until: datetime | None = None
    listed: Sequence[Window] = ()
    complete: Sequence[Window] = ()
    failed: int = 0
    gaps: Sequence[Window] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A meeting that failed, or is gone; `attempts` that it took."""

    uuid: str
    start: datetime | None
    attempts: int
    reason: str


@dataclass(slots=True, kw_only=True)
class Waiting:
    """Meetings that are not done. `unread`: listed and not read yet, `unread_on` which days. `due`: pending, and the next run reads them;
    `overdue`: for more than a day. `pending` by reason, `failed` by cause and `failed_on` by day. `expiring`: those of all of these that the
    vendor drops within `SOON`; `lost`: those that it no longer has, and of which nothing was ever stored."""

    unread: int = 0
    unread_on: set[date] = field(default_factory=set)
    pending: Counter[str] = field(default_factory=Counter)
    due: int = 0
    overdue: int = 0
    next_due: datetime | None = None
    failed: Counter[str] = field(default_factory=Counter)
    failed_on: Counter[date] = field(default_factory=Counter)
    worst: list[Failing] = field(default_factory=list)
    expiring: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiring:
    """What started before `since` the vendor has dropped, before `until` it does within `SOON`; what is `lost` it has dropped already, and it
    was never stored. Meetings, and time that was never listed; `left_out`: parts of listings."""

    since: datetime
    until: datetime
    gaps: Sequence[Window]
    meetings: int
    left_out: int
    lost_gaps: Sequence[Window]
    lost_meetings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`meetings`: how many of each outcome. `gone`: some that are not to be had, the newest. `expiring` is `None` where it
    is not known how long the vendor keeps it."""

    runs: Sequence[Run]
    covered: Covered
    meetings: Mapping[str, int]
    waiting: Waiting
    gone: Sequence[Failing]
    left_out: Sequence[FailedPartition]
    expiring: Expiring | None

    @property
    def reachable_gaps(self) -> Sequence[Window]:
        """Those that the vendor still keeps, as far as that is known."""
        if self.expiring is None:
            return self.covered.gaps
        return list(missing_parts(self.covered.gaps, self.expiring.lost_gaps))


def standing(journal: Journal, *, now: datetime, zone: ZoneInfo, measures: Measures | None) -> Standing:
    """How it stands by `now`; days begin at the midnights of `zone`."""
    kept = measures.kept if measures is not None else None
    waiting = waited_for(journal.open_meetings(), now=now, zone=zone, kept=kept)
    covered = coverage(
        journal.listings(frozenset()),
        journal.first_nightly(),
        now=now,
        zone=zone,
        lookback=measures.lookback if measures is not None else None,
        waiting=waiting,
    )
    left_out = journal.failed_partitions()
    return Standing(
        runs=journal.runs(RUNS),
        covered=covered,
        meetings=journal.counts(),
        waiting=waiting,
        gone=[_failing(record) for record in journal.gone_meetings(WORST)],
        left_out=left_out,
        expiring=_expiring(covered, waiting, left_out, journal.gone_by_reason(), now - kept)
        if kept is not None
        else None,
    )


def coverage(
    listings: Sequence[Listing],
    wanted: datetime | None,
    *,
    now: datetime,
    zone: ZoneInfo,
    lookback: timedelta | None,
    waiting: Waiting,
) -> Covered:
    """What these listings come to. `wanted`: the beginning of the first day that a nightly run wanted; `waiting`: the
    meetings that are not done."""
    listed = covered_windows(listings)
    since = min(
        (instant for instant in (wanted, listed[0].start if listed else None) if instant), default=None
    )
    if since is None:
        return Covered()
    midnight = datetime.combine(now.astimezone(zone).date(), time(), zone)
    final = covered_windows(listings, margin=lookback) if lookback is not None else []
    complete = list(missing_parts(listed, union(Window.day(day, zone) for day in waiting.unread_on)))
    return Covered(
        since=since,
        until=_reached(since, now, listed),
        final_until=_reached(since, now, final),
        listed=listed,
        complete=complete,
        failed=_failed_in(complete, waiting.failed_on, zone),
        gaps=missing(Window(start=since, end=midnight), listed) if since < midnight else (),
    )


def missing_parts(windows: Iterable[Window], others: Sequence[Window]) -> Iterator[Window]:
    """The parts of these windows that lie in none of the others (in order, without overlaps)."""
    return (part for window in windows for part in missing(window, others))


def _failed_in(windows: Sequence[Window], failed_on: Mapping[date, int], zone: ZoneInfo) -> int:
    return sum(
        number
        for day, number in failed_on.items()
        if within(windows, start=(whole := Window.day(day, zone)).start, end=whole.end)
    )


def _reached(since: datetime, now: datetime, windows: Sequence[Window]) -> datetime | None:
    """Until when all of it lies in these windows, without a gap; `None` where already the beginning does not."""
    reached = next((window.end for window in windows if since in window), None)
    return min(reached, now) if reached is not None else None


def within(windows: Iterable[Window], *, start: datetime | None = None, end: datetime) -> list[Window]:
    """The parts of these windows that lie between `start` and `end`."""
    bounds = ((max(w.start, start or w.start), min(w.end, end)) for w in windows)
    return [Window(start=first, end=last) for first, last in bounds if first < last]


def waited_for(
    records: Iterable[JournalEntry], *, now: datetime, zone: ZoneInfo, kept: timedelta | None
) -> Waiting:
    """What these records of meetings that are not done come to; they pass one by one, for there may be very many."""
    waiting = Waiting()
    failing: list[Failing] = []
    for record in records:
        day = record.start.astimezone(zone).date() if record.start is not None else None
        if record.outcome == "pending":
            _count_pending(waiting, record, now)
        elif record.outcome == "failed":
            waiting.failed[record.reason or ""] += 1
            waiting.failed_on.update([day] if day is not None else [])
            failing.append(_failing(record))
        else:
            waiting.unread += 1
            waiting.unread_on.update([day] if day is not None else [])
        if kept is not None and record.start is not None:
            lost = record.start < now - kept
            waiting.lost += lost and record.rank is None
            waiting.expiring += not lost and record.start < now - kept + SOON
    waiting.worst = nlargest(WORST, failing, key=lambda each: each.attempts)
    return waiting


def _count_pending(waiting: Waiting, record: JournalEntry, now: datetime) -> None:
    waiting.pending[record.reason or ""] += 1
    due = record.due or now
    waiting.due += due <= now
    waiting.overdue += due <= now - DAY
    waiting.next_due = due if waiting.next_due is None else min(waiting.next_due, due)


def _failing(record: JournalEntry) -> Failing:
    return Failing(uuid=record.uuid, start=record.start, attempts=record.attempts, reason=record.reason or "")


def _expiring(
    covered: Covered,
    waiting: Waiting,
    left_out: Sequence[FailedPartition],
    gone: Mapping[str, int],
    horizon: datetime,
) -> Expiring:
    """`horizon`: what started before is no longer kept."""
    soon = horizon + SOON
    return Expiring(
        since=horizon,
        until=soon,
        gaps=within(covered.gaps, start=horizon, end=soon),
        meetings=waiting.expiring,
        left_out=sum(left.window.start < soon for left in left_out),
        lost_gaps=within(covered.gaps, end=horizon),
        lost_meetings=waiting.lost + gone.get(str(Reason.expired), 0),
    )
