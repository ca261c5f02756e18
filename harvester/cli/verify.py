"""`harvester verify`: the vendor's listing, the journal and the index compared; what is wrong told, and repaired if asked."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

import connectors
from connectors.errors import ConfigurationError, HarvestError, Interrupted
from connectors.models import Window
from harvester.cli import dates
from harvester.cli.environment import RunEnvironment
from harvester.cli.options import (
    AS_JSON,
    apply,
    day_options,
    elasticsearch_options,
    examples,
    general_options,
    handle_signals,
    pass_env,
)
from harvester.pipeline import destination, engine, runner
from harvester.pipeline.account import Connected, connected, missing_settings
from harvester.pipeline.destination import Index
from harvester.pipeline.report import Report
from harvester.pipeline.request import HarvestRequest
from harvester.pipeline.tracker import NullTracker
from harvester.sinks.elastic.config import ElasticConfig
from harvester.state.intervals import intersection
from harvester.state.journal import Journal
from harvester.state.reader import KnownState, StateReader
from harvester.verify.result import Verdict, exit_code, tell

if TYPE_CHECKING:
    from harvester.sinks.elastic.inventory import Inventory
    from harvester.verify.findings import Finding
    from harvester.verify.repair import Mending

logger = logging.getLogger(__name__)

VISIBLE_SECONDS = 2.0
"""After how long Elasticsearch finds what was written, where it may not be asked to refresh."""


@click.command(
    epilog=examples(
        "harvester verify",
        "harvester verify zoom --from 2026-11-01 --to 2026-11-20",
        "harvester verify zoom --date 2026-11-20 --repair",
    )
)
@click.argument("vendor", required=False)
@apply(
    day_options(
        "Check this day only.",
        "First day to check.  [default: the first day that any run was asked to harvest]",
        "Last day to check, inclusive.  [default: yesterday]",
    )
)
@elasticsearch_options
@click.option("--repair", is_flag=True, help="Harvest what is missing, delete what is not to be there.")
@click.option(
    "--delete-orphans",
    is_flag=True,
    help="With --repair: delete sessions whose meeting the vendor no longer has. They exist nowhere else.",
)
@AS_JSON
@general_options
@pass_env
def verify(
    env: RunEnvironment,
    vendor: str | None,
    repair: bool,
    delete_orphans: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Compare the vendor's listing, the journal and the index, and tell what is wrong: meetings that are missing, with
    too few sessions or too many, sessions without their meeting, documents of earlier harvests, documents in two
    indices, documents among the rejects.

    Without VENDOR: every one that is configured. Without dates: all that runs were ever to read and the vendor still
    keeps; where no journal tells, all that it keeps. Nothing is written, unless with --repair, and nothing is ever
    deleted that is newer or richer than the meeting's own document, or, unless with --delete-orphans, that exists
    nowhere else.

    The exit code is 65 where something is wrong and was not repaired, or documents are among the rejects.
    """
    if delete_orphans and not repair:
        raise click.UsageError("--delete-orphans goes with --repair")
    handle_signals(env)
    request = HarvestRequest(**given)
    verdicts: list[Verdict] = []
    for name in _vendors(vendor, env):
        verdict = Verdict(vendor=name, account=env.account, zone=env.zone(request.timezone))
        verdicts.append(verdict)
        try:
            _verify(verdict, request, env, repair=repair, delete_orphans=delete_orphans)
        except HarvestError as error:
            logger.error(f"harvester: {name}: {error}")
            verdict.error = str(error)
            verdict.codes.add(error.exit_code)
            if isinstance(error, Interrupted):
                break
    tell(verdicts, as_json=as_json, quiet=env.quiet)
    return exit_code(verdicts)


def _vendors(given: str | None, env: RunEnvironment) -> list[str]:
    known = sorted(connectors.table())
    if given is not None:
        if given not in known:
            raise click.UsageError(f"{given} is not one of {', '.join(known)}")
        return [given]
    configured = [name for name in known if not missing_settings(name, env)]
    if not configured:
        said = env.environment.retired() or "see example.env for what to set"
        raise ConfigurationError(f"no vendor is configured; {said}")
    return configured


def _verify(
    verdict: Verdict, request: HarvestRequest, env: RunEnvironment, *, repair: bool, delete_orphans: bool
) -> None:
    from harvester.sinks.elastic.client import Client
    from harvester.sinks.elastic.inventory import Inventory

    named = destination.cluster(env)
    with ExitStack() as stack:
        vendor = stack.enter_context(connected(verdict.vendor, env, request))
        client = stack.enter_context(closing(Client(named)))
        waiting = destination.patience(env)
        inventory = Inventory(client, waiting, vendor=vendor.name, account=vendor.account)
        inventory.prepare()
        written = None
        if repair:
            written = stack.enter_context(runner.journal(vendor, named, env))
            stack.enter_context(written.lock())
        memory = stack.enter_context(closing(_memory(vendor, named, env)))
        _compare(verdict, vendor, inventory, memory, request, env)
        if written is not None and verdict.findings:
            index = stack.enter_context(destination.index(env))
            repairing = _Repair(vendor, index, inventory, written, memory, env, delete_orphans=delete_orphans)
            repairing.of(verdict)


def _compare(
    verdict: Verdict,
    vendor: Connected,
    inventory: Inventory,
    memory: KnownState,
    request: HarvestRequest,
    env: RunEnvironment,
) -> None:
    from harvester.verify.comparison import Comparison

    _choose(verdict, vendor, request, memory)
    if memory.has_unfinished_run():
        logger.info(
            f"{vendor.name}: the last run has not come to its end: what it was still to harvest counts as missing"
        )
    report = Report(vendor=vendor.name, account=vendor.account)
    comparison = Comparison(memory, inventory)
    verdict.tally = comparison.tally
    for part in (part for window in verdict.windows for part in window.split(vendor.connector.max_window)):
        listing = engine.survey(
            vendor.connector, NullTracker([part]), vendor.context, stop=env.stop, report=report
        )
        verdict.findings += comparison.of(listing, part)
        verdict.codes |= report.causes
    verdict.failures = [f"{failure.what}: {failure.why}" for failure in report.failures]
    for failure in verdict.failures:
        logger.error(f"{vendor.name}: {failure}")
    verdict.complete = not report.causes


def _choose(verdict: Verdict, vendor: Connected, request: HarvestRequest, memory: KnownState) -> None:
    """Which time is compared: the days that were given, else all that any run was to read; as far as it is kept."""
    now, kept = vendor.context.now(), vendor.connector.retention
    asked = dates.window(request.on, request.first, request.last, zone=verdict.zone, now=now)
    wanted: Sequence[Window] = [asked]
    if not request.has_dates:
        known = memory.targets(asked.end)
        if known is None:
            logger.info(f"{vendor.name}: no journal tells what was read: all that the vendor keeps")
            known = [Window(start=now - kept, end=asked.end)]
        wanted = known
        if not wanted or wanted[0].start >= asked.end:
            logger.info(f"{vendor.name}: nothing to verify: the first day that was read is not over")
            return
        asked = Window(start=wanted[0].start, end=asked.end)
    within = dates.clamped(asked, kept=kept, now=now)
    verdict.windows = intersection(wanted, within) if within is not None else []
    if within is None or not verdict.windows:
        logger.error(
            f"{vendor.name}: nothing to verify: the vendor keeps {kept.days} days, and all of this is older"
        )
        return
    verdict.gaps = Window(start=verdict.windows[0].start, end=asked.end).difference(verdict.windows)
    if within != asked:
        logger.info(
            f"{vendor.name}: the vendor keeps {kept.days} days; verifying from "
            f"{within.start:%Y-%m-%d %H:%M} UTC instead of {asked.start:%Y-%m-%d}"
        )


@dataclass(frozen=True, slots=True)
class _Repair:
    """Deletes and harvests what a comparison found, as a run of its own in the journal, and compares once more."""

    vendor: Connected
    index: Index
    inventory: Inventory
    written: Journal
    memory: KnownState
    env: RunEnvironment
    delete_orphans: bool

    def of(self, verdict: Verdict) -> None:
        from harvester.verify.repair import Mending, after_repair, to_harvest

        now = self.vendor.context.now
        report = Report(vendor=self.vendor.name, account=self.vendor.account, listing_complete=True)
        number = self.written.begin_run("verify --repair", now())
        mending = Mending(self.written, to_harvest(verdict.findings), asked=frozenset(), run=number, now=now)
        try:
            self._mend(verdict.findings, mending, report)
            deleted = self._delete_orphans(verdict.findings, mending)
            self.written.flush()
            verdict.findings = after_repair(verdict.findings, self._again(verdict.findings), mending, deleted)
            verdict.codes |= report.causes
            self._count_rejects(verdict)
            verdict.repaired = True
        except HarvestError as error:
            self.written.end_run(number, now(), error.exit_code, report.summary())
            raise
        self.written.end_run(number, now(), verdict.exit_code, report.summary())

    def _mend(self, findings: Sequence[Finding], mending: Mending, report: Report) -> None:
        from harvester.verify.repair import removals, to_harvest

        report.replaced += self.inventory.delete(removals(findings))
        if to_harvest(findings):
            engine.harvest(
                self.vendor.connector,
                mending,
                self.index.replacing(spared=mending.is_new),
                self.vendor.context,
                stop=self.env.stop,
                report=report,
            )
        for line in [*report.tracebacks, *report.lines()]:
            logger.info(line)

    def _delete_orphans(self, findings: Sequence[Finding], mending: Mending) -> set[str]:
        """The meetings whose sessions were deleted, since the vendor no longer has them and that was asked for."""
        from harvester.verify.repair import orphans, removed

        given_up = orphans(findings, mending.given_up) if self.delete_orphans else []
        if given_up:
            count = self.inventory.delete(removed(given_up))
            logger.info(f"{self.vendor.name}: {count} sessions without their meeting deleted")
        return {finding.uuid for finding in given_up}

    def _count_rejects(self, verdict: Verdict) -> None:
        """Those that are left: what was read again and stored is no reject any more."""
        if verdict.tally is not None:
            rejected = (self.memory.rejected_in(window) for window in verdict.windows)
            verdict.tally.rejected = set().union(*rejected)

    def _again(self, findings: Sequence[Finding]) -> Iterator[Finding]:
        from harvester.verify.comparison import AT_ONCE, Comparison, chunks

        if not self.inventory.refresh():
            self.env.stop.wait(VISIBLE_SECONDS)
        comparison = Comparison(self.memory, self.inventory)
        refs = {finding.uuid: finding.ref for finding in findings}
        for uuids in chunks(refs, AT_ONCE):
            yield from comparison.among({uuid: refs[uuid] for uuid in uuids})


def _memory(vendor: Connected, named: ElasticConfig, env: RunEnvironment) -> KnownState:
    reader, id_prefix = StateReader(env.state_folder), f"{vendor.name}:{vendor.account}:"
    return reader.known_state(vendor.folder, named.url, named.prefix, id_prefix=id_prefix)
