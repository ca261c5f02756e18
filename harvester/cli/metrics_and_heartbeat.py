"""What a run reports to others: its summary as JSON, its metrics for Prometheus, its heartbeat."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from connectors.errors import HarvestError, OutputError
from connectors.exit_codes import ExitCode
from harvester.cli.render.summary import Summary, summarized
from harvester.cli.run_environment import RunEnvironment
from harvester.heartbeat import MAX_BYTES, Heartbeat
from harvester.logging_setup import log_tail
from harvester.metrics_file import MetricsFile
from harvester.pipeline.request import HarvestRequest
from harvester.setting_checks import heartbeat_url

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitors:
    metrics: MetricsFile | None = None
    heartbeat: Heartbeat | None = None

    @classmethod
    def of(
        cls,
        env: RunEnvironment,
        request: HarvestRequest,
        *,
        metrics_file: Path | None,
        heartbeat: str | None,
    ) -> Monitors:
        """Those that the options and the settings name. The setting of the heartbeat is for the nightly run: a backfill by
        hand is not a sign that the nights work.

        Raises UsageError for options that a dry run must not have, and OutputError if the metrics file cannot be written.
        """
        if request.dry_run and (metrics_file is not None or heartbeat is not None):
            raise click.UsageError(
                "--metrics-file and --heartbeat report on harvests, and --dry-run harvests nothing: leave it out"
            )
        if heartbeat is not None:
            heartbeat = heartbeat_url(heartbeat, "--heartbeat")
        elif request.mode == "nightly" and not request.dry_run and not request.filtered:
            heartbeat = env.heartbeat
        metrics = None
        if metrics_file is not None:
            metrics = MetricsFile(path=metrics_file, state_folder=env.state_folder)
            metrics.check_writable()
        if heartbeat is not None:
            env.redactor.add(heartbeat)
            env.redactor.add(heartbeat.rpartition("/")[2])  # what is secret in it
        return cls(metrics=metrics, heartbeat=None if heartbeat is None else Heartbeat(url=heartbeat))


@contextmanager
def monitored(
    monitors: Monitors, env: RunEnvironment, names: Sequence[str], account: str, summary_json: Path | None
) -> Iterator[Summary]:
    """Yield a summary to fill; at the end, whatever the end is, it goes into its file, the metrics and the heartbeat.

    `names`, `account`, `summary_json`: as in `summarized`.
    """
    summary = Summary()
    with (
        _heartbeat(monitors.heartbeat, env, summary),
        _metrics(monitors.metrics, env, summary),
        summarized(summary_json, names, account, env.stop.wait, summary, env.machine.now),
    ):
        yield summary


@contextmanager
def _metrics(metrics: MetricsFile | None, env: RunEnvironment, summary: Summary) -> Iterator[None]:
    if metrics is None:
        yield
        return
    try:
        yield
    except BaseException:
        try:
            metrics.update(summary.reports, env.machine.now())
        except OutputError as error:
            logger.error(str(error))  # what ended the run is the error to raise
        raise
    metrics.update(summary.reports, env.machine.now())


@contextmanager
def _heartbeat(heartbeat: Heartbeat | None, env: RunEnvironment, summary: Summary) -> Iterator[None]:
    if heartbeat is None:
        yield
        return
    with log_tail(env.redactor, max_characters=MAX_BYTES) as messages:
        heartbeat.start()
        code, last_words = int(ExitCode.SOFTWARE), "stopped by a bug"
        try:
            yield
            code, last_words = summary.exit_code, ""
        except HarvestError as error:
            code, last_words = error.exit_code, str(error)
            raise
        except KeyboardInterrupt:
            code, last_words = ExitCode.INTERRUPTED, "interrupted"
            raise
        finally:
            heartbeat.end(code, "\n".join(filter(None, [messages(), env.redactor(last_words)])))
