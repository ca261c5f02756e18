"""`harvester verify`: the vendor's listing, the journal and the index compared; what is wrong told, and repaired if asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click
import orjson

import connectors
from connectors.errors import ConfigurationError, HarvestError, Interrupted, worst_exit
from connectors.model import Window
from harvester import engine
from harvester.cli import dates, destination, scope
from harvester.cli.account import Connected, connected, missing_settings
from harvester.cli.destination import Index
from harvester.cli.surroundings import Surroundings, common_options
from harvester.cli.wish import Wish
from harvester.reading import Once
from harvester.report import Report
from harvester.sinks.elastic.cluster import Cluster
from harvester.state.journal import Journal, journal_folder
from harvester.state.looked import Looked
from harvester.state.rejects import rejects_folder

if TYPE_CHECKING:
    from harvester.sinks.elastic.inventory import Inventory
    from harvester.verify import Finding, Kind, Mending, Tally

SHOWN = 20
"""So many findings of each kind are printed; `--json` has them all."""
VISIBLE_SECONDS = 2.0
"""After how long Elasticsearch finds what was written, where it may not be asked to refresh."""


@click.command()
@click.argument("vendor", required=False)
@click.option("--date", "on", type=dates.Date(), help="This one day.")
@click.option(
    "--from", "first", type=dates.Date(), help="First day.  [default: the first that was ever wanted]"
)
@click.option("--to", "last", type=dates.Date(), help="Last day.  [default: yesterday]")
@click.option("--timezone", metavar="ZONE", help="Whose midnights these are.  [default: UTC]")
@destination.elasticsearch_options
@click.option("--repair", is_flag=True, help="Harvest what is missing, delete what is not to be there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with every finding.")
@common_options
def verify(
    env_file: str | None, quiet: bool, vendor: str | None, repair: bool, as_json: bool, **given: Any
) -> int:
    """Compare the vendor's listing, the journal and the index, and tell what is wrong: meetings that are missing or
    incomplete, sessions without their meeting, documents of earlier harvests, documents in two indices.

    Without VENDOR: every one that is configured. Without dates: all that runs were ever to read and the vendor still
    keeps; where no journal tells, all that it keeps. Nothing is written, unless with --repair, and nothing is ever
    deleted that is newer or richer than the meeting's own document, or that exists nowhere else.

    The exit code is 65 where something is wrong and was not repaired.
    """
    around = Surroundings.find(env_file, quiet=quiet)
    around.obey_signals()
    wish = Wish(**given)
    results: list[Result] = []
    for name in _vendors(vendor, around):
        result = Result(vendor=name, account=around.account)
        results.append(result)
        try:
            _verify(result, wish, around, repair=repair)
        except HarvestError as error:
            around.voice.complain(f"harvester: {name}: {error}")
            result.error = str(error)
            result.codes.add(error.exit_code)
            if isinstance(error, Interrupted):
                break
    _print(results, as_json=as_json, quiet=quiet)
    return _exit_code(results)


@dataclass(slots=True, kw_only=True)
class Result:
    """What was found of one vendor. `codes`: what else went wrong; `report`: of the listing."""

    vendor: str
    account: str
    window: Window | None = None
    tally: Tally | None = None
    findings: list[Finding] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)
    error: str = ""

    @property
    def exit_code(self) -> int:
        if interrupted := self.codes & {130, 143}:
            return max(interrupted)
        wrong = any(not finding.repaired for finding in self.findings)
        return worst_exit(self.codes | ({65} if wrong else set()))


def _exit_code(results: Sequence[Result]) -> int:
    codes = [result.exit_code for result in results]
    return codes[-1] if codes[-1] in {130, 143} else worst_exit(codes)


def _vendors(given: str | None, around: Surroundings) -> list[str]:
    known = sorted(connectors.table())
    if given is not None:
        if given not in known:
            raise click.UsageError(f"{given} is not one of {', '.join(known)}")
        return [given]
    configured = [name for name in known if not missing_settings(name, around)]
    if not configured:
        said = around.environment.retired() or "see example.env for what to set"
        raise ConfigurationError(f"no vendor is configured; {said}")
    return configured


def _verify(result: Result, wish: Wish, around: Surroundings, *, repair: bool) -> None:
    from harvester.sinks.elastic.client import Client
    from harvester.sinks.elastic.inventory import Inventory

    named = destination.cluster(wish.es_host, wish.index_period, around)
    with ExitStack() as stack:
        vendor = stack.enter_context(connected(result.vendor, around, wish))
        client = stack.enter_context(closing(Client(named)))
        waiting = destination.patience(around)
        inventory = Inventory(client, waiting, vendor=vendor.name, account=vendor.account)
        inventory.begin()
        written = None
        if repair:
            written = stack.enter_context(scope.journal(vendor, named, around))
            stack.enter_context(written.only_run())
        memory = stack.enter_context(closing(_memory(vendor, named, around)))
        _compare(result, vendor, inventory, memory, wish, around)
        if written is not None and result.findings:
            index = stack.enter_context(destination.index(wish.es_host, wish.index_period, around))
            _Repair(vendor, index, inventory, written, memory, around).of(result)


def _compare(
    result: Result,
    vendor: Connected,
    inventory: Inventory,
    memory: Looked,
    wish: Wish,
    around: Surroundings,
) -> None:
    from harvester.verify import Comparison

    result.window = window = _window(vendor, wish, memory, around)
    if window is None:
        return
    if memory.unfinished_run():
        around.voice.say(
            f"{vendor.name}: the last run has not come to its end: what it was still to harvest counts as missing"
        )
    report = Report(vendor=vendor.name, account=vendor.account)
    comparison = Comparison(memory, inventory)
    result.tally = comparison.tally
    for part in window.split(vendor.connector.span):
        listing = engine.survey(
            vendor.connector, Once([part]), vendor.context, stop=around.stop, report=report
        )
        result.findings += comparison.of(listing, part)
    result.codes |= report.causes
    for failure in report.failures:
        around.voice.complain(f"{vendor.name}: {failure.what}: {failure.why}")


def _window(vendor: Connected, wish: Wish, memory: Looked, around: Surroundings) -> Window | None:
    zone, now, kept = around.zone(wish.timezone), vendor.context.now(), vendor.connector.kept
    asked = dates.window(wish.on, wish.first, wish.last, zone=zone, now=now)
    if not wish.dated:
        first = memory.first_day()
        if first is None:
            around.voice.say(f"{vendor.name}: no journal tells what was read: all that the vendor keeps")
            first = now - kept
        if first >= asked.end:
            around.voice.say(f"{vendor.name}: nothing to verify: the first day that was read is not over")
            return None
        asked = Window(start=first, end=asked.end)
    within = dates.clamped(asked, kept=kept, now=now)
    if within is None:
        around.voice.complain(
            f"{vendor.name}: nothing to verify: the vendor keeps {kept.days} days, and all of this is older"
        )
    elif within != asked:
        around.voice.say(
            f"{vendor.name}: the vendor keeps {kept.days} days; verifying from "
            f"{within.start:%Y-%m-%d %H:%M} UTC instead of {asked.start:%Y-%m-%d}"
        )
    return within


@dataclass(frozen=True, slots=True)
class _Repair:
    """Deletes and harvests what a comparison found, as a run of its own in the journal, and compares once more."""

    vendor: Connected
    index: Index
    inventory: Inventory
    written: Journal
    memory: Looked
    around: Surroundings

    def of(self, result: Result) -> None:
        from harvester.verify import Mending, after_repair, to_harvest

        now = self.vendor.context.now
        report = Report(vendor=self.vendor.name, account=self.vendor.account, listing_complete=True)
        number = self.written.begin_run("verify --repair", now())
        mending = Mending(self.written, to_harvest(result.findings), asked=frozenset(), run=number, now=now)
        try:
            self._mend(result.findings, mending, report)
            self.written.flush()
            result.findings = after_repair(result.findings, self._again(result.findings), mending)
            result.codes |= report.causes | ({65} if report.rejected else set())
        except HarvestError as error:
            self.written.end_run(number, now(), error.exit_code, report.summary())
            raise
        self.written.end_run(number, now(), result.exit_code, report.summary())

    def _mend(self, findings: Sequence[Finding], mending: Mending, report: Report) -> None:
        from harvester.verify import removals, to_harvest

        report.replaced += self.inventory.remove(removals(findings))
        if to_harvest(findings):
            engine.harvest(
                self.vendor.connector,
                mending,
                self.index.replacing(spared=mending.is_new),
                self.vendor.context,
                stop=self.around.stop,
                report=report,
            )
        for line in [*report.tracebacks, *report.lines()]:
            self.around.voice.say(line)

    def _again(self, findings: Sequence[Finding]) -> Iterator[Finding]:
        from harvester.verify import AT_ONCE, Comparison, chunks

        if not self.inventory.refresh():
            self.around.stop.sleep(VISIBLE_SECONDS)
        comparison = Comparison(self.memory, self.inventory)
        refs = {finding.uuid: finding.ref for finding in findings}
        for uuids in chunks(refs, AT_ONCE):
            yield from comparison.among({uuid: refs[uuid] for uuid in uuids})


# Telling


def _print(results: Sequence[Result], *, as_json: bool, quiet: bool) -> None:
    if as_json:
        told = {
            "vendors": [_told(result) for result in results],
            "exit_code": _exit_code(results),
        }
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode())
        return
    for result in results:
        if result.window is not None and (result.findings or not quiet):
            for line in _lines(result, result.window):
                click.echo(line)


def _told(result: Result) -> dict[str, Any]:
    from harvester.verify import KINDS, counts

    found = counts(result.findings)
    window, tally = result.window, result.tally
    return {
        "vendor": result.vendor,
        "account": result.account,
        "start": window.start if window else None,
        "end": window.end if window else None,
        "listed": tally.listed if tally else 0,
        "compared": tally.compared if tally else 0,
        "rejected": tally.rejected if tally else 0,
        "counts": {kind: found[kind] for kind in KINDS},
        "findings": [finding.document() for finding in result.findings],
        "error": result.error or None,
        "exit_code": result.exit_code,
    }


def _lines(result: Result, window: Window) -> Iterator[str]:
    from harvester.verify import KINDS, MEANINGS, counts

    if result.tally is not None:
        yield (
            f"{result.vendor}: {window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC: "
            f"{result.tally.listed} meetings listed, {result.tally.compared} compared"
        )
        if result.tally.rejected:
            yield f"  {result.tally.rejected} documents are among the rejects: see `harvester rejects list`"
    found = counts(result.findings)
    for kind in KINDS:
        yield f"  {kind:<11} {found[kind]:>6}  {MEANINGS[kind]}"
    for kind in KINDS:
        yield from _details(kind, [finding for finding in result.findings if finding.kind == kind])


def _details(kind: Kind, findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings[:SHOWN]:
        yield f"{kind}: {finding.line()}"
    if len(findings) > SHOWN:
        yield f"{kind}: … and {len(findings) - SHOWN} more; --json has them all"


def _memory(vendor: Connected, named: Cluster, around: Surroundings) -> Looked:
    folder = rejects_folder(around.state_folder, named.url, named.prefix)
    return Looked(journal_folder(vendor.folder, folder), folder, f"{vendor.name}:{vendor.account}:")
