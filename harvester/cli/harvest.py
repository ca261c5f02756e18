"""`harvester zoom`, and every other vendor's command, and `harvester all`: built from what the connectors tell."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import click

import connectors
from connectors.base import Connector, Settings
from connectors.errors import ConfigurationError, HarvestError, Interrupted, OutputError, worst_exit
from connectors.model import Window
from harvester import engine
from harvester.cli import dates, destination
from harvester.cli.progress import Progress
from harvester.cli.surroundings import Surroundings, common_options
from harvester.context import RunContext
from harvester.report import Report
from harvester.sinks.base import PipeClosed, Sink
from harvester.state.account import AccountState, account_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asked for."""

    on: date | None = None
    first: date | None = None
    last: date | None = None
    timezone: str | None = None
    destination: str | None = None
    es_host: str | None = None
    index_period: str | None = None
    concurrency: int | None = None
    rate_share: float | None = None
    raw: bool = False
    dry_run: bool = False
    summary_json: Path | None = None
    options: frozenset[str] = frozenset()


def harvest_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every vendor's command has."""
    options = (
        click.option("--date", "on", type=dates.Date(), help="One day.  [default: yesterday]"),
        click.option("--from", "first", type=dates.Date(), help="First day of several."),
        click.option("--to", "last", type=dates.Date(), help="Last day of several.  [default: yesterday]"),
        click.option("--timezone", metavar="ZONE", help="Whose midnights these are.  [default: UTC]"),
        *destination.OPTIONS,
        click.option(
            "--concurrency",
            type=click.IntRange(1, 64),
            metavar="N",
            help="Meetings in flight.  [default: what the rate limit can use]",
        ),
        click.option(
            "--rate-share", type=float, metavar="S", help="Part of the permitted rate.  [default: 0.8]"
        ),
        click.option("--raw", is_flag=True, help="Keep the vendor's own rows as vendor_data."),
        click.option("--dry-run", is_flag=True, help="List the meetings, fetch and store nothing."),
        click.option(
            "--summary-json",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Write what the run did to FILE.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return common_options(command)


def vendor_command(name: str) -> click.Command:
    """The command of one vendor, with the switches that its connector names."""
    connector = connectors.load(name)
    switches = [option.name for option in connector.options]

    def command(env_file: str | None, quiet: bool, **given: Any) -> int:
        chosen = frozenset(switch for switch in switches if given.pop(switch.replace("-", "_")))
        wish = Wish(**given, options=chosen)
        return harvest_all([name], wish, Surroundings.find(env_file, quiet=quiet))

    built = harvest_options(command)
    for option in reversed(connector.options):
        built = click.option(f"--{option.name}", is_flag=True, help=option.help)(built)
    return click.command(name, help=f"Harvest {connector.title} meetings and their sessions.")(built)


@click.command("all")
@harvest_options
def everything(env_file: str | None, quiet: bool, **given: Any) -> int:
    """Harvest every vendor that is configured, one after the other."""
    around = Surroundings.find(env_file, quiet=quiet)
    configured = []
    for name in sorted(connectors.table()):
        missing = missing_settings(name, around)
        if missing:
            around.voice.say(f"{name}: not configured ({', '.join(missing)} not set), left out")
        else:
            configured.append(name)
    if not configured:
        raise ConfigurationError(
            f"no vendor is configured; {around.environment.retired() or 'see example.env for what to set'}"
        )
    return harvest_all(configured, Wish(**given), around)


def missing_settings(name: str, around: Surroundings) -> list[str]:
    """The required settings of a vendor that are not set."""
    required = [setting.name for setting in connectors.load(name).settings if setting.required]
    return [setting for setting in required if around.environment.get(setting) is None]


def harvest_all(
    names: Sequence[str],
    wish: Wish,
    around: Surroundings,
    *,
    stream: BinaryIO | None = None,
    wrapped: Callable[[Sink], Sink] = lambda sink: sink,
) -> int:
    """Harvest these vendors; the exit code is the worst of theirs. One vendor's failure stops no other.

    `stream` takes the documents instead of stdout; `wrapped` may put a sink of its own around the destination.
    """
    around.obey_signals()
    reports: list[Report] = []
    codes: list[int] = []
    with destination.opened(wish.destination, wish.es_host, wish.index_period, around, stream) as opened:
        sink = wrapped(opened)
        for name in names:
            report = Report(vendor=name, account=around.account)
            reports.append(report)
            try:
                codes.append(_harvest_one(name, wish, around, sink, report))
            except PipeClosed:
                return 0
            except Interrupted as stopped:
                around.voice.complain(f"harvester: {stopped}; the same command resumes")
                codes = [stopped.exit_code]
                break
            except HarvestError as error:
                around.voice.complain(f"harvester: {error}")
                codes.append(error.exit_code)
    _write_summary(wish.summary_json, reports)
    return codes[0] if len(codes) == 1 else worst_exit(codes)


def _harvest_one(name: str, wish: Wish, around: Surroundings, sink: Sink, report: Report) -> int:
    with connected(name, around, wish) as (connector, context):
        windows = _windows(connector, wish, around, context)
        try:
            with Progress(report, connector, context, around):
                if wish.dry_run:
                    for _ in engine.survey(connector, windows, context, stop=around.stop, report=report):
                        around.stop.check()
                else:
                    engine.harvest(
                        connector,
                        windows,
                        sink,
                        context,
                        stop=around.stop,
                        report=report,
                        concurrency=wish.concurrency,
                    )
        except HarvestError as error:
            if not isinstance(error, PipeClosed | Interrupted):
                report.stopped_by(error, "the run")
            raise
        finally:
            _tell(report, around, dry_run=wish.dry_run)
    return report.exit_code


@contextmanager
def connected(name: str, around: Surroundings, wish: Wish) -> Iterator[tuple[Connector, RunContext]]:
    """A vendor's connector, built from the settings, with the state of its account."""
    kind = connectors.load(name)
    around.hide(kind.settings)
    if missing_settings(name, around) and (said := around.environment.retired()):
        raise ConfigurationError(said)
    values = around.environment.of(kind.settings)
    urls = {setting: value for setting, value in values.items() if setting.endswith("_URL")}
    clock = around.clock(urls)
    api_url = next((url for setting, url in urls.items() if setting.endswith("_API_URL")), "")
    settings = Settings(
        account=around.account,
        values=values,
        options=wish.options,
        rate_share=around.rate_share(wish.rate_share),
        raw=wish.raw,
    )
    with ExitStack() as stack:
        state = AccountState(account_folder(around.state_folder, name, around.account, api_url), clock.now)
        stack.callback(state.close)
        context = RunContext(clock, state, around.stop, lambda text: around.voice.say(f"{name}: {text}"))
        yield kind(settings, context), context


def _windows(connector: Connector, wish: Wish, around: Surroundings, context: RunContext) -> list[Window]:
    now = context.now()
    asked = dates.window(wish.on, wish.first, wish.last, zone=around.zone(wish.timezone), now=now)
    within = dates.clamped(asked, kept=connector.kept, now=now)
    if within is None:
        around.voice.complain(
            f"{connector.name}: nothing to read: the vendor keeps {connector.kept.days} days, and all of this is older"
        )
        return []
    if within != asked:
        around.voice.say(
            f"{connector.name}: the vendor keeps {connector.kept.days} days; reading from "
            f"{within.start:%Y-%m-%d %H:%M} UTC instead of {asked.start:%Y-%m-%d}"
        )
    around.voice.say(
        f"{connector.name}: reading {within.start:%Y-%m-%d %H:%M} to {within.end:%Y-%m-%d %H:%M} UTC"
    )
    return engine.slices(within, connector.span)


def _tell(report: Report, around: Surroundings, *, dry_run: bool) -> None:
    for text in report.tracebacks:
        around.voice.complain(text)
    if dry_run:
        around.voice.say(
            f"{report.vendor}: {report.listed} meetings listed; --dry-run fetched and stored nothing"
        )
        lines = report.lines()[2:]
    else:
        lines = report.lines()
    for line in lines:
        if report.exit_code:
            around.voice.complain(line)
        else:
            around.voice.say(line)


def _write_summary(path: Path | None, reports: Sequence[Report]) -> None:
    if path is None:
        return
    summary = {"vendors": [report.summary() for report in reports]}
    temporary = path.with_name(path.name + ".part")
    try:
        temporary.write_text(json.dumps(summary, indent=2, default=str) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"the summary {path} cannot be written ({error.strerror})") from None
