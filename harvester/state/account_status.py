"""The status of one account in one index, according to its journal: coverage, backlog, and what is about to expire.

It reads the journal only. The caller passes the instant `now`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from heapq import nlargest
from zoneinfo import ZoneInfo

from connectors.models import Reason, RefusedPartition, Window
from harvester.state.intervals import Listing, covered_windows, difference, intersection, union
from harvester.state.journal_reader import JournalReader
from harvester.state.journal_rows import FailedPartition, JournalEntry, Run

DAY = timedelta(days=1)
SOON = timedelta(days=14)
"""Data that the vendor drops within this time is about to expire."""

RUNS = 5
WORST = 5
_FIRST_INSTANT = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Of a vendor."""

    lookback: timedelta
    """How late its data may arrive."""
    period: timedelta
    """How long it keeps its data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Which time has been listed."""

    since: datetime | None = None
    """The first instant that a run listed or a nightly run was to list."""
    until: datetime | None = None
    """From `since` to here everything is listed; `None` if not even the first moment is."""
    final_until: datetime | None = None
    """From `since` to here nothing can arrive late any more."""
    listed: Sequence[Window] = ()
    complete: Sequence[Window] = ()
    """Listed time without any day that has a meeting which is listed and not read yet."""
    failed: int = 0
    """Meetings of the complete time that failed."""
    gaps: Sequence[Window] = ()
    """What no run has listed between `since` and the last midnight, and of the time before that a run was to list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedMeeting:
    """A meeting that failed or is gone."""

    uuid: str
    start: datetime | None
    attempts: int
    reason: str


@dataclass(slots=True, kw_only=True)
class Backlog:
    """Meetings that are not done."""

    unread: int = 0
    """Listed and not read yet."""
    unread_on: set[date] = field(default_factory=set)
    pending: Counter[str] = field(default_factory=Counter)
    """By reason."""
    due: int = 0
    """Pending, and the next run reads them."""
    overdue: int = 0
    """Due for more than a day."""
    next_due: datetime | None = None
    failed: Counter[str] = field(default_factory=Counter)
    """By reason."""
    failed_on: Counter[date] = field(default_factory=Counter)
    worst: list[FailedMeeting] = field(default_factory=list)
    """The failed meetings with most attempts."""
    expiring: int = 0
    """Meetings of any of these kinds that the vendor drops within `SOON`."""
    lost: int = 0
    """Meetings that the vendor has dropped and that were never stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringData:
    """What the vendor has dropped, or drops within `SOON`, and was never stored."""

    since: datetime
    """What started before is dropped already."""
    until: datetime
    """What started before is dropped within `SOON`."""
    gaps: Sequence[Window]
    """Time that was never listed."""
    meetings: int
    failed_partitions: int
    lost_gaps: Sequence[Window]
    lost_meetings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatus:
    runs: Sequence[Run]
    coverage: Coverage
    meetings: Mapping[str, int]
    """How many meetings have each outcome."""
    backlog: Backlog
    gone: Sequence[FailedMeeting]
    """The newest meetings that are gone."""
    failed_partitions: Sequence[FailedPartition]
    refused_partitions: Sequence[RefusedPartition]
    """Users and groups that the vendor refuses for good."""
    expiring: ExpiringData | None
    """`None` if it is not known how long the vendor keeps its data."""

    @property
    def reachable_gaps(self) -> Sequence[Window]:
        """The gaps that the vendor still keeps, if that is known."""
        if self.expiring is None:
            return self.coverage.gaps
        return difference(self.coverage.gaps, self.expiring.lost_gaps)


def account_status(
    journal: JournalReader, *, now: datetime, zone: ZoneInfo, retention: Retention | None
) -> AccountStatus:
    """The status at `now`. Days begin at the midnights of `zone`."""
    period = retention.period if retention is not None else None
    backlog = backlog_of(journal.open_meetings(), now=now, zone=zone, retention=period)
    coverage = coverage_of(
        journal.listings(frozenset(), now),
        journal.first_nightly(),
        journal.whole_targets(),
        now=now,
        zone=zone,
        lookback=retention.lookback if retention is not None else None,
        backlog=backlog,
    )
    failed_partitions = journal.failed_partitions()
    return AccountStatus(
        runs=journal.runs(RUNS),
        coverage=coverage,
        meetings=journal.counts(),
        backlog=backlog,
        gone=[_failed_meeting(entry) for entry in journal.gone_meetings(WORST)],
        failed_partitions=failed_partitions,
        refused_partitions=list(journal.refused_partitions().values()),
        expiring=_expiring(coverage, backlog, failed_partitions, journal.gone_by_reason(), now - period)
        if period is not None
        else None,
    )


def coverage_of(
    listings: Sequence[Listing],
    first_nightly: datetime | None,
    targets: Sequence[Window],
    *,
    now: datetime,
    zone: ZoneInfo,
    lookback: timedelta | None,
    backlog: Backlog,
) -> Coverage:
    """What these listings cover. `first_nightly`: the beginning of the first day that a nightly run was to list; `targets`: the
    time that runs were to list."""
    listed = covered_windows(listings)
    since = min(
        (instant for instant in (first_nightly, listed[0].start if listed else None) if instant), default=None
    )
    midnight = datetime.combine(now.astimezone(zone).date(), time(), zone)
    if since is None:
        return Coverage(gaps=_gaps([], targets, listed, midnight))
    final = covered_windows(listings, margin=lookback) if lookback is not None else []
    complete = difference(listed, union(Window.day(day, zone) for day in backlog.unread_on))
    return Coverage(
        since=since,
        until=_covered_until(since, now, listed),
        final_until=_covered_until(since, now, final),
        listed=listed,
        complete=complete,
        failed=_failed_in(complete, backlog.failed_on, zone),
        gaps=_gaps(
            [Window(start=since, end=midnight)] if since < midnight else [], targets, listed, midnight
        ),
    )


def _gaps(
    since: Sequence[Window], targets: Sequence[Window], listed: Sequence[Window], midnight: datetime
) -> Sequence[Window]:
    past = intersection(targets, Window(start=_FIRST_INSTANT, end=midnight))
    return difference(union([*since, *past]), listed)


def _failed_in(windows: Sequence[Window], failed_on: Mapping[date, int], zone: ZoneInfo) -> int:
    return sum(number for day, number in failed_on.items() if intersection(windows, Window.day(day, zone)))


def _covered_until(since: datetime, now: datetime, windows: Sequence[Window]) -> datetime | None:
    """The end of the window that holds `since`; `None` if no window holds it."""
    end = next((window.end for window in windows if since in window), None)
    return min(end, now) if end is not None else None


def backlog_of(
    entries: Iterable[JournalEntry], *, now: datetime, zone: ZoneInfo, retention: timedelta | None
) -> Backlog:
    """Counts meetings that are not done. They are taken one by one: there may be very many."""
    backlog = Backlog()
    failed: list[FailedMeeting] = []
    for entry in entries:
        day = entry.start.astimezone(zone).date() if entry.start is not None else None
        if entry.outcome == "pending":
            _count_pending(backlog, entry, now)
        elif entry.outcome == "failed":
            backlog.failed[entry.reason or ""] += 1
            backlog.failed_on.update([day] if day is not None else [])
            failed.append(_failed_meeting(entry))
        else:
            backlog.unread += 1
            backlog.unread_on.update([day] if day is not None else [])
        if retention is not None and entry.start is not None:
            is_dropped = entry.start < now - retention
            backlog.lost += is_dropped and entry.rank is None
            backlog.expiring += not is_dropped and entry.start < now - retention + SOON
    backlog.worst = nlargest(WORST, failed, key=lambda each: each.attempts)
    return backlog


def _count_pending(backlog: Backlog, entry: JournalEntry, now: datetime) -> None:
    backlog.pending[entry.reason or ""] += 1
    due = entry.due or now
    backlog.due += due <= now
    backlog.overdue += due <= now - DAY
    backlog.next_due = due if backlog.next_due is None else min(backlog.next_due, due)


def _failed_meeting(entry: JournalEntry) -> FailedMeeting:
    return FailedMeeting(
        uuid=entry.uuid, start=entry.start, attempts=entry.attempts, reason=entry.reason or ""
    )


def _expiring(
    coverage: Coverage,
    backlog: Backlog,
    failed_partitions: Sequence[FailedPartition],
    gone: Mapping[str, int],
    horizon: datetime,
) -> ExpiringData:
    """`horizon`: the vendor has dropped what started before."""
    soon = horizon + SOON
    return ExpiringData(
        since=horizon,
        until=soon,
        gaps=intersection(coverage.gaps, Window(start=horizon, end=soon)),
        meetings=backlog.expiring,
        failed_partitions=sum(failed.window.start < soon for failed in failed_partitions),
        lost_gaps=intersection(coverage.gaps, Window(start=_FIRST_INSTANT, end=horizon)),
        lost_meetings=backlog.lost + gone.get(str(Reason.expired), 0),
    )
