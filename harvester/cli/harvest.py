"""`harvester zoom`, and every other vendor's command, and `harvester all`: built from what the connectors tell."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Literal

import click

import connectors
from connectors.errors import ConfigurationError, HarvestError
from harvester.cli.environment import RunEnvironment
from harvester.cli.options import (
    examples,
    handle_signals,
    harvest_options,
    pass_env,
    split_options,
    stdout_bytes,
)
from harvester.cli.render.progress import Progress
from harvester.cli.render.summary import summarized
from harvester.pipeline import destination, engine, runner
from harvester.pipeline.account import PUT_IT, Connected, connected, missing_settings
from harvester.pipeline.destination import Index
from harvester.pipeline.report import QUIET_ENDS, Report
from harvester.pipeline.request import HarvestRequest
from harvester.pipeline.tracker import NullTracker, RunTracker
from harvester.sinks.base import Sink

logger = logging.getLogger(__name__)


WITHOUT_DATES = (
    "Without dates, runs the nightly harvest: every day that is not complete yet, up to the end of yesterday."
)


def vendor_command(name: str) -> click.Command:
    """The command of one vendor, with the options that its connector names."""
    connector = connectors.load(name)

    @harvest_options(connector.options)
    @pass_env
    def command(env: RunEnvironment, **given: Any) -> int:
        options = split_options(connector.options, given)
        return harvest_all([name], HarvestRequest(**given, **options), env)

    return click.command(
        name,
        help=f"Harvest {connector.title} meetings and their sessions.\n\n{WITHOUT_DATES}",
        epilog=examples(
            f"harvester {name} --date 2026-11-20 --destination stdout",
            f"harvester {name} --from 2026-11-01 --to 2026-11-20",
            f"harvester {name} -q",
        ),
    )(command)


@click.command("all", epilog=examples("harvester all -q", "harvester all --date 2026-11-20"))
@harvest_options(())
@pass_env
def everything(env: RunEnvironment, **given: Any) -> int:
    """Harvest every vendor that is configured, one after the other, without the switches that only some of them have.

    What `--qos` or `--webinars` bring every night needs the vendor's own command.
    """
    request = HarvestRequest(**given).validate(env)
    configured = []
    for name in sorted(connectors.table()):
        missing = missing_settings(name, env)
        if missing:
            logger.info(f"{name}: not configured ({', '.join(missing)} not set), left out")
        else:
            configured.append(name)
    if not configured:
        with summarized(request.summary_json, (), ""):
            said = env.environment.retired() or f"{PUT_IT}; see example.env for what to set"
            raise ConfigurationError(f"no vendor is configured: {said}")
    return harvest_all(configured, request, env)


def harvest_all(
    names: Sequence[str],
    request: HarvestRequest,
    env: RunEnvironment,
    *,
    stream: BinaryIO | None = None,
    wrapped: Callable[[Sink], Sink] = lambda sink: sink,
) -> int:
    """Harvest these vendors; the exit code is the worst of theirs. One vendor's failure stops no other.

    `stream` takes the documents instead of stdout; `wrapped` may put a sink of its own around the destination.
    """
    request = request.validate(env)
    handle_signals(env)
    label = env.environment.values.get("HARVESTER_ACCOUNT", "main")
    with (
        summarized(request.summary_json, names, label) as summary,
        destination.opened(request.destination, env, stream or stdout_bytes()) as opened,
    ):
        for name in names:
            report = Report(vendor=name, account=env.account, destination=_kind(opened, stream))
            summary.reports.append(report)
            try:
                _harvest_one(name, request, env, opened, report, wrapped)
            except HarvestError as error:
                report.stopped_by(error)
            finally:
                _tell(report, dry_run=request.dry_run)
            if report.stopped_with in QUIET_ENDS:
                break
    return summary.exit_code


def _kind(opened: Index | Sink, stream: BinaryIO | None) -> Literal["index", "stdout", "file"]:
    if isinstance(opened, Index):
        return "index"
    return "stdout" if stream is None else "file"


def _harvest_one(
    name: str,
    request: HarvestRequest,
    env: RunEnvironment,
    opened: Index | Sink,
    report: Report,
    wrapped: Callable[[Sink], Sink],
) -> None:
    with connected(name, env, request) as vendor:
        if request.dry_run:
            _survey(vendor, request, env, report)
        elif isinstance(opened, Index):
            with runner.run(vendor, opened, request, env, report) as reading:
                sink = opened.replacing(spared=reading.is_new)
                _run(vendor, reading, wrapped(sink), request, env, report)
        else:
            once = NullTracker(runner.windows(vendor, request, env))
            _run(vendor, once, wrapped(opened), request, env, report)


def _run(
    vendor: Connected,
    reading: RunTracker,
    sink: Sink,
    request: HarvestRequest,
    env: RunEnvironment,
    report: Report,
) -> None:
    report.started = True
    with Progress(report, vendor.connector, vendor.context, env):
        engine.harvest(
            vendor.connector,
            reading,
            sink,
            vendor.context,
            stop=env.stop,
            report=report,
            concurrency=request.concurrency,
        )


def _survey(vendor: Connected, request: HarvestRequest, env: RunEnvironment, report: Report) -> None:
    report.started = True
    reading = NullTracker(runner.windows(vendor, request, env))
    with Progress(report, vendor.connector, vendor.context, env):
        for _ in engine.survey(vendor.connector, reading, vendor.context, stop=env.stop, report=report):
            env.stop.check()


def _tell(report: Report, *, dry_run: bool) -> None:
    """Log the report; as errors if something is wrong, so that quiet mode shows it."""
    level = logging.ERROR if report.exit_code else logging.INFO
    if report.started or report.exit_code:
        for line in report.lines(dry_run=dry_run and report.started):
            logger.log(level, line)
    for text in report.tracebacks:
        logger.log(level, text)
