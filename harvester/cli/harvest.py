"""`harvester zoom`, and every other vendor's command, and `harvester all`: built from what the connectors tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Literal

import click

import connectors
from connectors.errors import ConfigurationError, HarvestError
from harvester.cli.environment import Surroundings
from harvester.cli.render.progress import Progress
from harvester.cli.render.summary import summarized
from harvester.pipeline import destination, engine, runner
from harvester.pipeline.account import PUT_IT, Connected, connected, missing_settings
from harvester.pipeline.destination import Index
from harvester.pipeline.report import QUIET_ENDS, Report
from harvester.pipeline.request import Wish, chosen, harvest_options, vendor_options
from harvester.pipeline.tracker import Once, Reading
from harvester.sinks.base import Sink


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
    """Harvest every vendor that is configured, one after the other, without the switches that only some of them have.

    What `--qos` or `--webinars` bring every night needs the vendor's own command.
    """
    around = Surroundings.find(env_file, quiet=quiet)
    wish = Wish(**given).checked(around)
    configured = []
    for name in sorted(connectors.table()):
        missing = missing_settings(name, around)
        if missing:
            around.voice.say(f"{name}: not configured ({', '.join(missing)} not set), left out")
        else:
            configured.append(name)
    if not configured:
        with summarized(wish.summary_json, (), ""):
            said = around.environment.retired() or f"{PUT_IT}; see example.env for what to set"
            raise ConfigurationError(f"no vendor is configured: {said}")
    return harvest_all(configured, wish, around)


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
    wish = wish.checked(around)
    around.obey_signals()
    label = around.environment.values.get("HARVESTER_ACCOUNT", "main")
    with (
        summarized(wish.summary_json, names, label) as summary,
        destination.opened(wish.destination, wish.es_host, wish.index_period, around, stream) as opened,
    ):
        for name in names:
            report = Report(vendor=name, account=around.account, destination=_kind(opened, stream))
            summary.reports.append(report)
            try:
                _harvest_one(name, wish, around, opened, report, wrapped)
            except HarvestError as error:
                report.stopped_by(error)
            finally:
                _tell(report, around, dry_run=wish.dry_run)
            if report.stopped_with in QUIET_ENDS:
                break
    return summary.exit_code


def _kind(opened: Index | Sink, stream: BinaryIO | None) -> Literal["index", "stdout", "file"]:
    if isinstance(opened, Index):
        return "index"
    return "stdout" if stream is None else "file"


def _harvest_one(
    name: str,
    wish: Wish,
    around: Surroundings,
    opened: Index | Sink,
    report: Report,
    wrapped: Callable[[Sink], Sink],
) -> None:
    with connected(name, around, wish) as vendor:
        if wish.dry_run:
            _survey(vendor, wish, around, report)
        elif isinstance(opened, Index):
            with runner.run(vendor, opened, wish, around, report) as reading:
                sink = opened.replacing(spared=reading.is_new)
                _run(vendor, reading, wrapped(sink), wish, around, report)
        else:
            once = Once(runner.windows(vendor, wish, around))
            _run(vendor, once, wrapped(opened), wish, around, report)


def _run(
    vendor: Connected, reading: Reading, sink: Sink, wish: Wish, around: Surroundings, report: Report
) -> None:
    report.began = True
    with Progress(report, vendor.connector, vendor.context, around):
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
    report.began = True
    reading = Once(runner.windows(vendor, wish, around))
    with Progress(report, vendor.connector, vendor.context, around):
        for _ in engine.survey(vendor.connector, reading, vendor.context, stop=around.stop, report=report):
            around.stop.check()


def _tell(report: Report, around: Surroundings, *, dry_run: bool) -> None:
    """Where something is wrong, what is wrong comes first, and nothing is kept back."""
    tell = around.voice.complain if report.exit_code else around.voice.say
    if report.began or report.exit_code:
        for line in report.lines(dry_run=dry_run and report.began):
            tell(line)
    for text in report.tracebacks:
        tell(text)
