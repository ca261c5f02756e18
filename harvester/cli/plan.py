"""`harvester plan VENDOR`: what a backfill would take, out of the listing alone. It fetches and stores nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from math import ceil
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import orjson

import connectors
from connectors.errors import QuotaExhausted
from connectors.models import Window
from harvester.cli.environment import RunEnvironment
from harvester.cli.options import (
    AS_JSON,
    ES_HOST,
    RATE_SHARE,
    apply,
    day_options,
    examples,
    general_options,
    handle_signals,
    pass_env,
    split_options,
    vendor_options,
)
from harvester.cli.render.progress import Progress
from harvester.formatting import (
    format_duration,
    format_instant,
    format_span,
    local_days,
    plural,
    without_prefix,
)
from harvester.pipeline import destination, engine, runner
from harvester.pipeline.account import Connected, connected
from harvester.pipeline.planner import backfill
from harvester.pipeline.report import Report
from harvester.pipeline.request import HarvestRequest
from harvester.pipeline.tracker import JournalTracker, NullTracker, RunTracker
from harvester.state.intervals import union
from harvester.state.journal import Journal
from harvester.state.reader import StateReader

logger = logging.getLogger(__name__)

DAY = timedelta(days=1)


class Vendors(click.Group):
    """A subcommand for every vendor, built when it is used."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(connectors.table())

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        return vendor_command(name) if name in connectors.table() else None


@click.group(cls=Vendors, epilog=examples("harvester plan zoom --from 2026-06-01"))
def plan() -> None:
    """Estimate a backfill before it starts: meetings, requests, time, days that its budget takes.

    The meetings are listed as the backfill would list them, so the credentials are needed and the listing's requests
    are made; nothing is fetched, stored or written into the journal. What the journal of the index knows as done
    already is left out.
    """


def vendor_command(name: str) -> click.Command:
    """`harvester plan` for one vendor, with the switches that its connector names."""
    connector = connectors.load(name)
    switches = [option for option in connector.options if not option.metavar and not option.filters]

    @apply(
        day_options(
            None, "First day of the backfill.", "Last day, inclusive.  [default: yesterday]", required=True
        )
    )
    @apply([ES_HOST])
    @vendor_options(switches)
    @apply([RATE_SHARE, AS_JSON])
    @general_options
    @pass_env
    def command(env: RunEnvironment, as_json: bool, **given: Any) -> int:
        options = split_options(switches, given)
        return _planned(name, HarvestRequest(**given, **options), env, as_json=as_json)

    return click.command(
        name,
        help=f"Estimate a backfill of {connector.title}.",
        epilog=examples(
            f"harvester plan {name} --from 2026-06-01", f"harvester plan {name} --from 2026-06-01 --json"
        ),
    )(command)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A daily budget of calls, and what is counted of it today. `rate_share`: the part of the vendor's own limit that
    it is."""

    name: str
    limit: int
    spent: int
    rate_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Over how many days of UTC the requests are spread, and when the last is made; `None` where there are none."""

    days: int
    ends: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """`journal`: whether one was looked into. Of the `days` of the window `days_listed` were listed now; the others were
    by earlier runs, and `known` meetings of theirs are done. `wanted`: meetings to fetch, of them `resumed` from earlier
    runs; `listed` and `unchanged`: what the listing showed, and what of it is done already. `seconds`: of this machine,
    at the permitted rate, budgets apart. `complete`: whether the listing reached its end; the rest of it is unknown
    otherwise, for this `reason`, and may be had at `until`."""

    vendor: str
    account: str
    window: Window | None
    journal: bool
    complete: bool
    reason: str | None
    until: datetime | None
    days: int
    days_listed: int
    known: int
    listed: int
    unchanged: int
    resumed: int
    wanted: int
    listing_requests: int
    meeting_requests: int
    requests: int
    requests_per_second: float
    seconds: float
    budget: Budget | None
    spread: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is known before anything is listed: see `Estimate`."""

    journal: bool = False
    days: int = 0
    days_listed: int = 0
    known: int = 0


def _planned(name: str, request: HarvestRequest, env: RunEnvironment, *, as_json: bool) -> int:
    request.validate(env)
    handle_signals(env)
    report = Report(vendor=name, account=env.account)
    with connected(name, env, request) as vendor:
        estimate = _estimated(vendor, request, env, report)
    for line in report.troubles():
        logger.error(f"{name}: {line}")
    if as_json:
        click.echo(orjson.dumps(estimate, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z))
    else:
        click.echo("\n".join(_text(estimate)))
    return report.exit_code


# Estimating


def _estimated(vendor: Connected, request: HarvestRequest, env: RunEnvironment, report: Report) -> Estimate:
    connector, context = vendor.connector, vendor.context
    windows = runner.windows(vendor, request, env)
    window = Window(start=windows[0].start, end=windows[-1].end) if windows else None
    began = context.stopwatch()
    with (
        _reading(vendor, window, request, env) as (reading, known),
        Progress(report, connector, context, env),
    ):
        wanted, calls = _surveyed(vendor, reading, env, report)
    listing = context.request_stats.requests
    rate = connector.requests_per_second * context.speed
    # The listing of a backfill runs ahead of what it fetches: the slower of the two is what takes the time.
    seconds = max(context.stopwatch() - began, (listing + calls) / rate)
    budget = _budget(vendor, env.rate_share(request.rate_share))
    return Estimate(
        vendor=vendor.name,
        account=vendor.account,
        window=window,
        journal=known.journal,
        complete=report.listing_complete,
        reason=report.reason,
        until=report.until,
        days=known.days,
        days_listed=known.days_listed,
        known=known.known,
        listed=report.listed,
        unchanged=report.unchanged,
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


def _surveyed(vendor: Connected, reading: RunTracker, env: RunEnvironment, report: Report) -> tuple[int, int]:
    """How many meetings there are to fetch, and with how many calls; as far as the day's budget lets itself be listed."""
    wanted = calls = 0
    try:
        for ref in engine.survey(vendor.connector, reading, vendor.context, stop=env.stop, report=report):
            env.stop.check()
            wanted += 1
            calls += vendor.connector.estimate_requests(ref)
    except QuotaExhausted as error:
        report.stopped_by(error)
    return wanted, calls


@contextmanager
def _reading(
    vendor: Connected, window: Window | None, request: HarvestRequest, env: RunEnvironment
) -> Iterator[tuple[RunTracker, _Known]]:
    """What the backfill would read, and what a journal, where there is one, knows of it."""
    folder, zone = _journal(vendor, env), env.zone(request.timezone)
    span = vendor.connector.max_window
    if window is None:
        yield NullTracker(()), _Known()
        return
    days = _days([window], zone)
    if folder is None:
        yield NullTracker(window.split(span)), _Known(days=days, days_listed=days)
        return
    with closing(Journal(folder, dry_run=True)) as journal:
        scheme = backfill(journal, window, request.extras, span)
        now = vendor.context.now
        reading = JournalTracker(
            journal, scheme, asked=request.extras, run=0, now=now, span=span, empty=False
        )
        parts = union(part.window for part in reading.parts if not part.partitions)
        yield (
            reading,
            _Known(
                journal=True,
                days=days,
                days_listed=_days(parts, zone),
                known=sum(map(journal.count_finished, window.difference(parts))),
            ),
        )


def _days(windows: Iterable[Window], zone: ZoneInfo) -> int:
    """How many days these windows touch, by the midnights of the zone."""
    bounds = (local_days(window, zone) for window in windows)
    return len({first + number * DAY for first, last in bounds for number in range((last - first).days + 1)})


def _journal(vendor: Connected, env: RunEnvironment) -> Path | None:
    if not env.environment.get("ES_HOST"):
        return None
    cluster = destination.cluster(env)
    return StateReader(env.state_folder).find_journal(vendor.folder, cluster.url, cluster.prefix)


def _budget(vendor: Connected, rate_share: float) -> Budget | None:
    told = vendor.connector.daily_quota
    if told is None:
        return None
    name, limit = told
    return Budget(name=name, limit=limit, spent=vendor.state.quota_used(name), rate_share=rate_share)


def spread(requests: int, seconds: float, budget: Budget | None, now: datetime) -> Spread:
    """When so many requests, which take so many seconds without a budget, are made if they begin now and are gone on
    with at every midnight (UTC) that fills the budget again."""
    if not requests or seconds <= 0:
        return Spread(days=0, ends=None)
    rate = requests / seconds
    midnight = datetime.combine(now.date() + DAY, time(), UTC)
    today, a_day = (midnight - now).total_seconds() * rate, DAY.total_seconds() * rate
    if budget is not None:
        today, a_day = min(today, max(0, budget.limit - budget.spent)), min(a_day, budget.limit)
    if requests <= today:
        return Spread(days=1, ends=now + timedelta(seconds=seconds))
    days = ceil((requests - today) / a_day)
    last = requests - today - (days - 1) * a_day
    ends = midnight + (days - 1) * DAY + timedelta(seconds=last / rate)
    return Spread(days=days + (today > 0), ends=ends)


# Telling


def _text(estimate: Estimate) -> Iterator[str]:
    within = estimate.window
    what = f", {format_span(within)} UTC" if within is not None else ""
    yield f"{estimate.vendor}, account {estimate.account}{what}"
    if not estimate.complete:
        why = f" ({without_prefix(estimate.reason, estimate.vendor)})" if estimate.reason else ""
        again = f"; ask again at {format_instant(estimate.until)} UTC" if estimate.until is not None else ""
        yield f"  the listing did not reach its end{why}: it is more than this{again}"
    yield from (f"  {label:14}{text}" for label, text in _rows(estimate))


def _rows(estimate: Estimate) -> Iterator[tuple[str, str]]:
    done = estimate.days - estimate.days_listed
    if estimate.journal:
        yield (
            "done already",
            f"{done:,} of {plural(estimate.days, 'day')}: {plural(estimate.known, 'meeting')} known",
        )
    known = f", {estimate.unchanged:,} of them known already" if estimate.journal else ""
    yield (
        "listed now",
        f"{plural(estimate.days_listed, 'day')}: {plural(estimate.listed, 'meeting')}{known}",
    )
    earlier = f", {estimate.resumed:,} of them left by earlier runs" if estimate.resumed else ""
    yield "to fetch", f"{plural(estimate.wanted, 'meeting')}{earlier}"
    yield (
        "requests",
        f"{estimate.requests:,}: {estimate.meeting_requests:,} for meetings, {estimate.listing_requests:,} for the listing",
    )
    yield (
        "time",
        f"{format_duration(estimate.seconds)} at {estimate.requests_per_second:.1f} requests a second",
    )
    if estimate.budget is not None:
        yield "daily budget", _budget_words(estimate.budget)
    yield from _spread_words(estimate.spread, complete=estimate.complete)


def _budget_words(budget: Budget) -> str:
    return (
        f"{budget.limit:,} calls ({budget.name}): the vendor's limit × the rate share, {budget.rate_share:g}; "
        f"{budget.spent:,} of them spent today"
    )


def _spread_words(spread: Spread, *, complete: bool) -> Iterator[tuple[str, str]]:
    if spread.ends is None:
        yield "days", "0" if complete else "unknown"
        yield "ends", "at once: nothing is left to do" if complete else "unknown"
        return
    again = "; run the same command on each of them" if spread.days > 1 else ""
    yield "days", f"{spread.days}{again}"
    yield "ends", f"{format_instant(spread.ends)} UTC, begun now"
