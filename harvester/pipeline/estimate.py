"""What a backfill would take: meetings, requests, time, and days of a daily quota. It lists, and fetches nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from connectors.errors import QuotaExhausted
from connectors.models import Window
from harvester.formatting import local_days
from harvester.pipeline import engine
from harvester.pipeline.account import ConnectedAccount
from harvester.pipeline.journal_tracker import JournalTracker
from harvester.pipeline.planner import RunPlan, backfill, filtered, split_into_slices, with_backlog
from harvester.pipeline.report import Report
from harvester.pipeline.request import HarvestRequest
from harvester.pipeline.runner import Progress, no_progress, plan_without_journal
from harvester.pipeline.stop_signal import StopSignal
from harvester.pipeline.tracker import NullTracker, RunTracker
from harvester.state.intervals import union
from harvester.state.journal import Journal

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A daily quota of calls."""

    name: str
    limit: int
    spent: int
    """Counted today."""
    rate_share: float
    """The limit, as a part of the vendor's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Over how many days (UTC) the requests are spread, and when the last is made; `None` if there are none."""

    days: int
    ends: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    vendor: str
    account: str
    window: Window | None
    """What the vendor retains of the days asked for."""
    journal: bool
    """Whether a journal was read."""
    complete: bool
    """Whether the listing reached its end; if not, all that follows is a lower bound."""
    reason: str | None
    """Why it did not."""
    until: datetime | None
    """When the rest can be listed."""
    days: int
    """Days of the window."""
    days_listed: int
    """Of these, days listed now; the others were listed by earlier runs."""
    known: int
    """Meetings of those other days that are done, pending or gone."""
    listed: int
    unchanged: int
    """Of the listed ones, those that are done, pending or gone."""
    resumed: int
    """Of those to fetch, those left by earlier runs."""
    wanted: int
    """Meetings to fetch."""
    listing_requests: int
    meeting_requests: int
    requests: int
    requests_per_second: float
    seconds: float
    """Of this machine, at the permitted rate, without the quota."""
    budget: Budget | None
    spread: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outlook:
    """What is known before anything is listed."""

    plan: RunPlan
    tracker: RunTracker
    days: int = 0
    days_listed: int = 0
    known: int = 0


def estimate_backfill(
    account: ConnectedAccount,
    request: HarvestRequest,
    journal: Journal | None,
    report: Report,
    *,
    zone: ZoneInfo,
    stop: StopSignal,
    progress: Progress = no_progress,
) -> Estimate:
    """List what the backfill would list. `journal`: what earlier runs know, if anything; `zone`: whose days count."""
    connector, context = account.connector, account.context
    window = _planned_window(account, request)
    outlook = _look_ahead(account, window, request, journal, zone)
    began = context.stopwatch()
    with progress(report, connector, context):
        wanted, calls = _survey(account, outlook, stop, report)
    listing = context.request_stats.requests
    rate = connector.requests_per_second * context.speed
    # A backfill lists ahead of what it fetches: the slower of the two takes the time.
    seconds = max(context.stopwatch() - began, (listing + calls) / rate)
    budget = _budget(account, request.rate_share)
    return Estimate(
        vendor=account.vendor,
        account=account.config.label,
        window=window,
        journal=journal is not None and window is not None,
        complete=report.listing_complete,
        reason=report.reason,
        until=report.until,
        days=outlook.days,
        days_listed=outlook.days_listed,
        known=outlook.known,
        listed=report.listed,
        unchanged=report.ended,
        resumed=report.resumed,
        wanted=wanted,
        listing_requests=listing,
        meeting_requests=calls,
        requests=listing + calls,
        requests_per_second=round(rate, 3),
        seconds=round(seconds, 1),
        budget=budget,
        spread=spread(listing + calls, seconds, budget, context.now()),
    )


def _planned_window(account: ConnectedAccount, request: HarvestRequest) -> Window | None:
    """What a run without a journal would list."""
    slices = plan_without_journal(account, request.window).slices
    return Window(start=slices[0].window.start, end=slices[-1].window.end) if slices else None


def spread(requests: int, seconds: float, budget: Budget | None, now: datetime) -> Spread:
    """When requests that take this number of seconds without a quota are all made, if they begin now and continue at every
    midnight (UTC) that refills the quota."""
    if not requests or seconds <= 0:
        return Spread(days=0, ends=None)
    rate = requests / seconds
    midnight = datetime.combine(now.date() + DAY, time(), UTC)
    today, per_day = (midnight - now).total_seconds() * rate, DAY.total_seconds() * rate
    if budget is not None:
        today, per_day = min(today, max(0, budget.limit - budget.spent)), min(per_day, budget.limit)
    if requests <= today:
        return Spread(days=1, ends=now + timedelta(seconds=seconds))
    days = ceil((requests - today) / per_day)
    last = requests - today - (days - 1) * per_day
    ends = midnight + (days - 1) * DAY + timedelta(seconds=last / rate)
    return Spread(days=days + (today > 0), ends=ends)


def _look_ahead(
    account: ConnectedAccount,
    window: Window | None,
    request: HarvestRequest,
    journal: Journal | None,
    zone: ZoneInfo,
) -> _Outlook:
    if window is None:
        return _Outlook(plan=RunPlan(), tracker=NullTracker(RunPlan()))
    days, max_window, now = _count_days([window], zone), account.connector.max_window, account.context.now
    if journal is None:
        plan = RunPlan(slices=split_into_slices([window], max_window))
        return _Outlook(plan=plan, tracker=NullTracker(plan), days=days, days_listed=days)
    if request.filtered:
        plan = filtered(window, max_window, since=None)
    else:
        plan = backfill(journal, window, request.extras, max_window, now())
        plan = with_backlog(plan, journal, max_window=max_window, now=now())
    listed = union(part.window for part in plan.slices if not part.partitions)
    return _Outlook(
        plan=plan,
        tracker=JournalTracker(journal, plan, extras=request.extras, run=0, now=now, was_empty=False),
        days=days,
        days_listed=_count_days(listed, zone),
        known=sum(map(journal.count_finished, window.difference(listed))),
    )


def _survey(
    account: ConnectedAccount, outlook: _Outlook, stop: StopSignal, report: Report
) -> tuple[int, int]:
    """How many meetings there are to fetch, and with how many calls, among those that today's quota allows to list."""
    wanted = calls = 0
    refs = engine.survey(
        account.connector, outlook.plan.slices, outlook.tracker, account.context, stop=stop, report=report
    )
    try:
        for ref in refs:
            stop.check()
            wanted += 1
            calls += account.connector.estimate_requests(ref)
    except QuotaExhausted as error:
        report.record_stop(error)
    return wanted, calls


def _count_days(windows: Iterable[Window], zone: ZoneInfo) -> int:
    """How many days of the zone these windows touch."""
    bounds = (local_days(window, zone) for window in windows)
    return len({first + number * DAY for first, last in bounds for number in range((last - first).days + 1)})


def _budget(account: ConnectedAccount, rate_share: float) -> Budget | None:
    quota = account.connector.daily_quota
    if quota is None:
        return None
    name, limit = quota
    return Budget(name=name, limit=limit, spent=account.state.quota_used(name), rate_share=rate_share)
