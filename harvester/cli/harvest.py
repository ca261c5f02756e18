"""`harvester zoom`, and every other vendor's command, and `harvester all`: built from what the connectors tell."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click

import connectors
from connectors.errors import ConfigurationError, HarvestError, Interrupted, OutputError, worst_exit
from harvester import engine
from harvester.cli import destination, scope
from harvester.cli.account import Connected, connected, missing_settings
from harvester.cli.destination import Index
from harvester.cli.progress import Progress
from harvester.cli.surroundings import Surroundings
from harvester.cli.wish import Wish, chosen, harvest_options, vendor_options
from harvester.reading import Once, Reading
from harvester.report import Report
from harvester.sinks.base import PipeClosed, Sink


def vendor_command(name: str) -> click.Command:
    """The command of one vendor, with the options that its connector names."""
    connector = connectors.load(name)

    def command(env_file: str | None, quiet: bool, **given: Any) -> int:
        ours = chosen(connector.options, given)
        return harvest_all([name], Wish(**given, **ours), Surroundings.find(env_file, quiet=quiet))

    built = vendor_options(connector.options)(harvest_options(command))
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
    wish = wish.checked()
    around.obey_signals()
    reports: list[Report] = []
    codes: list[int] = []
    with destination.opened(wish.destination, wish.es_host, wish.index_period, around, stream) as opened:
        for name in names:
            report = Report(vendor=name, account=around.account)
            reports.append(report)
            try:
                codes.append(_harvest_one(name, wish, around, opened, report, wrapped))
            except PipeClosed:
                return 0
            except Interrupted as stopped:
                goes_on = "resumes" if isinstance(opened, Index) else "begins again"
                around.voice.complain(f"harvester: {stopped}; the same command {goes_on}")
                codes = [stopped.exit_code]
                break
            except HarvestError as error:
                if all(failure.why != str(error) for failure in report.failures):
                    around.voice.complain(f"harvester: {error}")
                codes.append(error.exit_code)
    _write_summary(wish.summary_json, reports)
    return codes[0] if len(codes) == 1 else worst_exit(codes)


def _harvest_one(
    name: str,
    wish: Wish,
    around: Surroundings,
    opened: Index | Sink,
    report: Report,
    wrapped: Callable[[Sink], Sink],
) -> int:
    with connected(name, around, wish) as vendor:
        try:
            if wish.dry_run:
                _survey(vendor, wish, around, report)
            elif isinstance(opened, Index):
                with scope.run(vendor, opened, wish, around, report) as reading:
                    sink = opened.replacing(spared=reading.is_new)
                    _run(vendor, reading, wrapped(sink), wish, around, report)
            else:
                once = Once(scope.windows(vendor, wish, around))
                _run(vendor, once, wrapped(opened), wish, around, report)
        finally:
            _tell(report, around, dry_run=wish.dry_run)
    return report.exit_code


def _run(
    vendor: Connected, reading: Reading, sink: Sink, wish: Wish, around: Surroundings, report: Report
) -> None:
    with Progress(report, vendor.connector, vendor.context, around), stopping(report):
        engine.harvest(
            vendor.connector,
            reading,
            sink,
            vendor.context,
            stop=around.stop,
            report=report,
            concurrency=wish.concurrency,
        )


def _survey(vendor: Connected, wish: Wish, around: Surroundings, report: Report) -> None:
    reading = Once(scope.windows(vendor, wish, around))
    with Progress(report, vendor.connector, vendor.context, around), stopping(report):
        for _ in engine.survey(vendor.connector, reading, vendor.context, stop=around.stop, report=report):
            around.stop.check()


@contextmanager
def stopping(report: Report) -> Iterator[None]:
    """What ends a run early is part of its report."""
    try:
        yield
    except HarvestError as error:
        if not isinstance(error, PipeClosed | Interrupted):
            report.stopped_by(error, "the run")
        raise


def _tell(report: Report, around: Surroundings, *, dry_run: bool) -> None:
    for text in report.tracebacks:
        around.voice.complain(text)
    if not (report.requests or report.listed or report.failures or dry_run):
        return  # it did not come so far
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
