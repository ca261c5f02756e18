"""Which time a run reads, and the journal of one account and one index that it is written into."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from connectors.errors import HarvestError
from connectors.models import Window
from harvester.cli import dates
from harvester.cli.environment import RunEnvironment
from harvester.formatting import format_instant, format_span, plural
from harvester.pipeline.account import Connected
from harvester.pipeline.destination import Index
from harvester.pipeline.planner import RunPlan, backfill, forced, narrowed, nightly
from harvester.pipeline.report import Report
from harvester.pipeline.request import HarvestRequest
from harvester.pipeline.tracker import JournalTracker
from harvester.sinks.elastic.config import ElasticConfig
from harvester.state.journal import Journal
from harvester.state.layout import journal_folder, rejects_folder

logger = logging.getLogger(__name__)

EMPTY_WHEN_BEGUN = "index_was_empty"


@contextmanager
def journal(vendor: Connected, cluster: ElasticConfig, env: RunEnvironment) -> Iterator[Journal]:
    """The journal of this account into this index, told what it is about."""
    folder = rejects_folder(env.state_folder, cluster.url, cluster.prefix)
    opened = Journal(journal_folder(vendor.folder, folder))
    vendor.context.stored_refs = opened.stored_refs
    try:
        about = {
            "vendor": vendor.name,
            "account": vendor.account,
            "api_url": vendor.api_url,
            "es_url": cluster.url,
            "prefix": cluster.prefix,
        }
        for name, value in about.items():
            if opened.fact(name) is None:
                opened.set_fact(name, value)
        yield opened
    finally:
        opened.close()


@contextmanager
def run(
    vendor: Connected, index: Index, request: HarvestRequest, env: RunEnvironment, report: Report
) -> Iterator[JournalTracker]:
    """The reading of one run into an index, written down from its first intent to its summary.

    AlreadyRunning when another run of this scope is under way.
    """
    now = vendor.context.now
    with journal(vendor, index.cluster, env) as written, written.lock():
        number = written.begin_run(request.what, now())
        try:
            wanted = _wanted(written, vendor, request, env)
            if wanted is not None:
                written.add_target(wanted)
            scheme = _scheme(written, vendor, request, wanted, env)
            empty = _was_empty(written, index)
            _tell(vendor, scheme)
            _give_up(written, vendor, report)
            yield JournalTracker(
                written,
                scheme,
                asked=request.extras,
                run=number,
                now=now,
                span=vendor.connector.max_window,
                empty=empty,
            )
            if scheme.forced_since is not None and not scheme.filtered and report.listing_complete:
                written.finish_forced_run(_dates(vendor, request, env), request.extras, now())
        except HarvestError as error:
            report.stopped_by(error)
            written.end_run(number, now(), report.exit_code, report.summary())
            raise
        else:
            written.end_run(number, now(), report.exit_code, report.summary())


def windows(vendor: Connected, request: HarvestRequest, env: RunEnvironment) -> list[Window]:
    """What a run reads that keeps no journal: the dates that were given, else yesterday."""
    within = _clamped(_dates(vendor, request, env), vendor)
    if within is None:
        return []
    logger.info(f"{vendor.name}: reading {format_span(within)} UTC")
    return list(within.split(vendor.connector.max_window))


def _wanted(
    written: Journal, vendor: Connected, request: HarvestRequest, env: RunEnvironment
) -> Window | None:
    """All the time that this run is about, as far as the vendor still keeps it. What a nightly run wants is written
    down before anything is asked of anybody: nights of refused credentials are caught up, too."""
    asked = _dates(vendor, request, env)
    if not request.has_dates and not request.filtered:
        asked = Window(start=min(asked.start, written.set_first_nightly(asked.start)), end=asked.end)
    return _clamped(asked, vendor)


def _scheme(
    written: Journal, vendor: Connected, request: HarvestRequest, wanted: Window | None, env: RunEnvironment
) -> RunPlan:
    span, now = vendor.connector.max_window, vendor.context.now()
    if wanted is None:
        return RunPlan(slices=())
    if request.filtered:
        again = request.on is not None or request.force or request.upcoming_days is not None
        return narrowed(wanted, span, since=now if again else None)
    if request.on is not None or request.force:
        return forced(written, wanted, request.extras, span, now, named=_dates(vendor, request, env))
    if request.has_dates:
        return backfill(written, wanted, request.extras, span)
    return nightly(written, wanted, request.extras, request.lookback_of(vendor.connector.lookback), span)


def _was_empty(written: Journal, index: Index) -> bool:
    """Whether the index held nothing when this journal began: what the journal does not know is then not there."""
    known = written.fact(EMPTY_WHEN_BEGUN)
    if known is None:
        known = "no" if written.counts() or index.has_indices() else "yes"
        written.set_fact(EMPTY_WHEN_BEGUN, known)
    return known == "yes"


def _give_up(written: Journal, vendor: Connected, report: Report) -> None:
    lost = written.expire(vendor.context.now() - vendor.connector.retention)
    report.expired += lost
    if lost:
        logger.info(
            f"{vendor.name}: {plural(lost, 'meeting')} that could not be read, no longer kept by the vendor: given up"
        )


def _dates(vendor: Connected, request: HarvestRequest, env: RunEnvironment) -> Window:
    zone, now = env.zone(request.timezone), vendor.context.now()
    if request.upcoming_days is not None:
        return Window(start=now, end=now + timedelta(days=request.upcoming_days))
    return dates.window(request.on, request.first, request.last, zone=zone, now=now)


def _clamped(asked: Window, vendor: Connected) -> Window | None:
    kept = vendor.connector.retention
    within = dates.clamped(asked, kept=kept, now=vendor.context.now())
    if within is None:
        logger.error(
            f"{vendor.name}: nothing to read: the vendor keeps {kept.days} days, and all of this is older"
        )
    elif within != asked:
        logger.info(
            f"{vendor.name}: the vendor keeps {kept.days} days; reading from "
            f"{format_instant(within.start)} UTC instead of {asked.start:%Y-%m-%d}"
        )
    return within


def _tell(vendor: Connected, scheme: RunPlan) -> None:
    if not scheme.slices:
        logger.info(f"{vendor.name}: all of this is known already; looking after what failed or is due")
    for part in scheme.slices:
        logger.info(f"{vendor.name}: reading {format_span(part.window)} UTC")
