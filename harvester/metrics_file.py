"""The last runs of every account as a text file for Prometheus, which the textfile collector of node_exporter reads.

A file holds the accounts of all runs that have written it. What a run has nothing new about stays as it is: other accounts,
and the last success of an account whose run failed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.exit_codes import ExitCode
from connectors.text_file import UnreadableFile, read_text_file
from harvester.logging_setup import EVEN_IF_QUIET
from harvester.output_file import prepare_output, write_output
from harvester.pipeline.report import Report
from harvester.state.layout import make_private, metrics_lock_file
from harvester.state.locks import exclusive_lock
from harvester.write_errors import write_errors

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily

logger = logging.getLogger(__name__)

ACCOUNT = ("vendor", "account")
ANOTHER_FILE = "name another with --metrics-file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    help: str
    label: str | None = None
    """The label that it has besides vendor and account."""


METRICS = {
    "harvester_last_run_timestamp_seconds": Metric(help="When the last run ended, in seconds since 1970."),
    "harvester_last_success_timestamp_seconds": Metric(
        help="When the last run with exit code 0 ended, in seconds since 1970."
    ),
    "harvester_last_run_exit_code": Metric(help="Exit code of the last run."),
    "harvester_last_run_duration_seconds": Metric(help="How long the last run listed, fetched and stored."),
    "harvester_last_run_documents": Metric(
        help="Documents of the last run: stored, superseded by what the index had, rejected, and stale ones deleted.",
        label="result",
    ),
    "harvester_last_run_requests": Metric(
        help="Requests of the last run by the class of the status; none: no whole response.", label="status"
    ),
    "harvester_quota_left": Metric(
        help="Calls of the vendor's daily quota that were left after the last run."
    ),
    "harvester_meetings": Metric(
        help="Meetings that a later run reads: failed, pending, unread.", label="state"
    ),
    "harvester_newest_document_timestamp_seconds": Metric(
        help="When the newest stored meeting began, in seconds since 1970; its age is time() minus this."
    ),
}

Labels = tuple[str, ...]
UNLABELLED: Labels = ()
Samples = dict[str, dict[Labels, float]]
"""By metric and by the values of its labels: vendor, account, and its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsFile:
    path: Path
    state_folder: Path
    """Where the lock is, since a collector reads the folder of the file."""

    def check_writable(self) -> None:
        """Raises OutputError if the file cannot be written. Changes nothing: what is in it is needed at the end of the run."""
        with write_errors(f"the metrics file {self.path}", elsewhere=ANOTHER_FILE):
            if self.path.is_file():
                self.path.open("rb+").close()
            else:
                prepare_output(self.path).discard()

    def update(self, reports: Sequence[Report], now: datetime) -> None:
        """Write what these runs did into the file, which keeps what they did not do. Raises OutputError."""
        with exclusive_lock(metrics_lock_file(make_private(self.state_folder))):
            samples = self._read()
            for report in reports:
                if report.started or report.exit_code != ExitCode.OK:  # others did not get their turn
                    record(samples, report, now)
            with write_errors(f"the metrics file {self.path}", elsewhere=ANOTHER_FILE):
                write_output(self.path, to_text(samples))

    def _read(self) -> Samples:
        if not self.path.is_file():
            return {}
        try:
            return parse(read_text_file(self.path))
        except (UnreadableFile, ValueError) as error:
            logger.warning(
                f"the metrics of earlier runs in {self.path} cannot be used and are replaced: {error}",
                extra=EVEN_IF_QUIET,
            )
            return {}


def record(samples: Samples, report: Report, now: datetime) -> None:
    """Put what a run did in the place of what the account's last run did."""
    account = (report.vendor, report.account)
    for name, values in _measured(report, now).items():
        known = samples.setdefault(name, {})
        for labels in [labels for labels in known if labels[:2] == account]:
            del known[labels]
        known.update({(*account, *labels): value for labels, value in values.items()})
    if report.newest is not None:
        newest = samples.setdefault("harvester_newest_document_timestamp_seconds", {})
        newest[account] = max(newest.get(account, 0.0), report.newest.timestamp())


def _measured(report: Report, now: datetime) -> dict[str, dict[Labels, float]]:
    """The metrics that this run has a value of, by the value of their own label."""
    ended = {UNLABELLED: now.timestamp()}
    measured: dict[str, dict[Labels, float]] = {
        "harvester_last_run_timestamp_seconds": ended,
        "harvester_last_run_exit_code": {UNLABELLED: report.exit_code},
        "harvester_last_run_duration_seconds": {UNLABELLED: round(report.seconds, 3)},
        "harvester_last_run_documents": {
            ("stored",): report.documents,
            ("superseded",): report.superseded,
            ("rejected",): report.rejected,
            ("deleted",): report.replaced,
        },
        "harvester_last_run_requests": {(status,): count for status, count in report.responses.items()},
    }
    if report.started and report.stopped is None and report.exit_code == ExitCode.OK:
        measured["harvester_last_success_timestamp_seconds"] = ended
    if report.quota_left is not None:
        measured["harvester_quota_left"] = {UNLABELLED: report.quota_left}
    if (unfinished := _unfinished(report)) is not None:
        measured["harvester_meetings"] = {(state,): count for state, count in unfinished.items()}
    return measured


def _unfinished(report: Report) -> Mapping[str, int] | None:
    """Of all runs if there is a journal, else of this one; `None` if it has not begun."""
    if report.unfinished is not None:
        count = report.unfinished.get
        return {"failed": count("failed", 0), "pending": count("pending", 0), "unread": count("listed", 0)}
    if not report.started:
        return None
    return {
        "failed": report.failed,
        "pending": report.pending,
        "unread": report.unread + report.unacknowledged,
    }


def parse(text: str) -> Samples:
    """The metrics of this program in the text; others are left out. Raises ValueError if it is not such a text."""
    from prometheus_client.parser import text_string_to_metric_families

    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        metric = METRICS.get(family.name)
        if metric is None:
            continue
        names = _label_names(metric)
        for sample in family.samples:
            if sample.labels.keys() == set(names):
                labels = tuple(sample.labels[name] for name in names)
                samples.setdefault(family.name, {})[labels] = sample.value
    return samples


def to_text(samples: Samples) -> bytes:
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(samples))
    return generate_latest(registry)


class _Collected:
    """Samples, as prometheus-client collects them."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def collect(self) -> Iterable[GaugeMetricFamily]:
        from prometheus_client.core import GaugeMetricFamily

        for name, metric in METRICS.items():
            if name in self._samples:
                family = GaugeMetricFamily(name, metric.help, labels=_label_names(metric))
                for labels, value in sorted(self._samples[name].items()):
                    family.add_metric(labels, value)
                yield family


def _label_names(metric: Metric) -> tuple[str, ...]:
    return ACCOUNT if metric.label is None else (*ACCOUNT, metric.label)
