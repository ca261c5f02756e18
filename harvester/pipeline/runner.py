"""Which time a run reads, and the journal of one account and one index that it is written into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from connectors.errors import HarvestError
from connectors.models import Window
from harvester.cli import dates
from harvester.cli.environment import Surroundings
from harvester.formatting import at, count, span
from harvester.pipeline.account import Connected
from harvester.pipeline.destination import Index
from harvester.pipeline.planner import Scheme, backfill, forced, narrowed, nightly
from harvester.pipeline.report import Report
from harvester.pipeline.request import Wish
from harvester.pipeline.tracker import Journaled
from harvester.sinks.elastic.config import Cluster
from harvester.state.journal import Journal, journal_folder
from harvester.state.rejects import rejects_folder

EMPTY_WHEN_BEGUN = "index_was_empty"


@contextmanager
def journal(vendor: Connected, cluster: Cluster, around: Surroundings) -> Iterator[Journal]:
    """The journal of this account into this index, told what it is about."""
    folder = rejects_folder(around.state_folder, cluster.url, cluster.prefix)
    opened = Journal(journal_folder(vendor.folder, folder))
    vendor.context.stored = opened.hints
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
                opened.note(name, value)
        yield opened
    finally:
        opened.close()


@contextmanager
def run(
    vendor: Connected, index: Index, wish: Wish, around: Surroundings, report: Report
) -> Iterator[Journaled]:
    """The reading of one run into an index, written down from its first intent to its summary.

    ScopeBusy when another run of this scope is under way.
    """
    now = vendor.context.now
    with journal(vendor, index.cluster, around) as written, written.only_run():
        number = written.begin_run(wish.what, now())
        try:
            wanted = _wanted(written, vendor, wish, around)
            if wanted is not None:
                written.want(wanted)
            scheme = _scheme(written, vendor, wish, wanted, around)
            empty = _was_empty(written, index)
            _tell(vendor, scheme, around)
            _give_up(written, vendor, around, report)
            yield Journaled(
                written,
                scheme,
                asked=wish.asked,
                run=number,
                now=now,
                span=vendor.connector.span,
                empty=empty,
            )
            if scheme.forced_since is not None and not scheme.narrow and report.listing_complete:
                written.finish_reading(_dates(vendor, wish, around), wish.asked, now())
        except HarvestError as error:
            report.stopped_by(error)
            written.end_run(number, now(), report.exit_code, report.summary())
            raise
        else:
            written.end_run(number, now(), report.exit_code, report.summary())


def windows(vendor: Connected, wish: Wish, around: Surroundings) -> list[Window]:
    """What a run reads that keeps no journal: the dates that were given, else yesterday."""
    within = _clamped(_dates(vendor, wish, around), vendor, around)
    if within is None:
        return []
    around.voice.say(f"{vendor.name}: reading {span(within)} UTC")
    return list(within.split(vendor.connector.span))


def _wanted(written: Journal, vendor: Connected, wish: Wish, around: Surroundings) -> Window | None:
    """All the time that this run is about, as far as the vendor still keeps it. What a nightly run wants is written
    down before anything is asked of anybody: nights of refused credentials are caught up, too."""
    asked = _dates(vendor, wish, around)
    if not wish.dated and not wish.narrowed:
        asked = Window(start=min(asked.start, written.want_since(asked.start)), end=asked.end)
    return _clamped(asked, vendor, around)


def _scheme(
    written: Journal, vendor: Connected, wish: Wish, wanted: Window | None, around: Surroundings
) -> Scheme:
    span, now = vendor.connector.span, vendor.context.now()
    if wanted is None:
        return Scheme(parts=())
    if wish.narrowed:
        again = wish.on is not None or wish.force or wish.ahead is not None
        return narrowed(wanted, span, since=now if again else None)
    if wish.on is not None or wish.force:
        return forced(written, wanted, wish.asked, span, now, named=_dates(vendor, wish, around))
    if wish.dated:
        return backfill(written, wanted, wish.asked, span)
    return nightly(written, wanted, wish.asked, wish.lookback_of(vendor.connector.lookback), span)


def _was_empty(written: Journal, index: Index) -> bool:
    """Whether the index held nothing when this journal began: what the journal does not know is then not there."""
    known = written.fact(EMPTY_WHEN_BEGUN)
    if known is None:
        known = "no" if written.counts() or index.has_indices() else "yes"
        written.note(EMPTY_WHEN_BEGUN, known)
    return known == "yes"


def _give_up(written: Journal, vendor: Connected, around: Surroundings, report: Report) -> None:
    lost = written.expire(vendor.context.now() - vendor.connector.kept)
    report.expired += lost
    if lost:
        around.voice.say(
            f"{vendor.name}: {count(lost, 'meeting')} that could not be read, no longer kept by the vendor: given up"
        )


def _dates(vendor: Connected, wish: Wish, around: Surroundings) -> Window:
    zone, now = around.zone(wish.timezone), vendor.context.now()
    if wish.ahead is not None:
        return Window(start=now, end=now + timedelta(days=wish.ahead))
    return dates.window(wish.on, wish.first, wish.last, zone=zone, now=now)


def _clamped(asked: Window, vendor: Connected, around: Surroundings) -> Window | None:
    kept = vendor.connector.kept
    within = dates.clamped(asked, kept=kept, now=vendor.context.now())
    if within is None:
        around.voice.complain(
            f"{vendor.name}: nothing to read: the vendor keeps {kept.days} days, and all of this is older"
        )
    elif within != asked:
        around.voice.say(
            f"{vendor.name}: the vendor keeps {kept.days} days; reading from "
            f"{at(within.start)} UTC instead of {asked.start:%Y-%m-%d}"
        )
    return within


def _tell(vendor: Connected, scheme: Scheme, around: Surroundings) -> None:
    if not scheme.parts:
        around.voice.say(f"{vendor.name}: all of this is known already; looking after what failed or is due")
    for part in scheme.parts:
        around.voice.say(f"{vendor.name}: reading {span(part.window)} UTC")
