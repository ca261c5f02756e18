"""The metrics file: the values of a run, and values of other runs that stay."""

from __future__ import annotations

import errno
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from connectors.errors import CredentialsError, OutputError
from harvester import output_file
from harvester.metrics_file import METRICS, MetricsFile
from harvester.pipeline.report import Report

NOW = datetime(2026, 11, 20, 3, 15, tzinfo=UTC)
NIGHT = timedelta(days=1)
SUCCESS = "harvester_last_success_timestamp_seconds"
NEWEST = "harvester_newest_document_timestamp_seconds"


def report(**values: Any) -> Report:
    return Report(**{"vendor": "zoom", "account": "main", "started": True, **values})


@pytest.fixture
def metrics(tmp_path: Path) -> MetricsFile:
    return MetricsFile(path=tmp_path / "harvester.prom", state_folder=tmp_path / "state")


def read(metrics: MetricsFile) -> dict[str, dict[tuple[str, ...], float]]:
    """By name, and by vendor, account and further label, as Prometheus reads it."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(metrics.path.read_text()):
        for sample in family.samples:
            labels = dict(sample.labels)
            key = (labels.pop("vendor"), labels.pop("account"), *labels.values())
            found.setdefault(family.name, {})[key] = sample.value
    return found


def test_a_run_writes_every_metric(metrics: MetricsFile) -> None:
    run = report(
        documents=40,
        superseded=3,
        rejected=2,
        replaced=1,
        responses=Counter({"2xx": 7, "4xx": 1}),
        quota_left=900,
        unfinished={"failed": 4, "listed": 5},
        newest=NOW - NIGHT,
        seconds=12.5,
    )
    metrics.update([run], NOW)
    found = read(metrics)
    zoom = ("zoom", "main")
    assert found.keys() == METRICS.keys() - {SUCCESS}, "rejected documents are not a success"
    assert found["harvester_last_run_timestamp_seconds"] == {zoom: NOW.timestamp()}
    assert found["harvester_last_run_exit_code"] == {zoom: 65}
    assert found["harvester_last_run_duration_seconds"] == {zoom: 12.5}
    assert found["harvester_last_run_documents"] == {
        (*zoom, "stored"): 40,
        (*zoom, "superseded"): 3,
        (*zoom, "rejected"): 2,
        (*zoom, "deleted"): 1,
    }
    assert found["harvester_last_run_requests"] == {(*zoom, "2xx"): 7, (*zoom, "4xx"): 1}
    assert found["harvester_quota_left"] == {zoom: 900}
    assert found["harvester_meetings"] == {
        (*zoom, "failed"): 4,
        (*zoom, "pending"): 0,
        (*zoom, "unread"): 5,
    }
    assert found[NEWEST] == {zoom: (NOW - NIGHT).timestamp()}


def test_a_success_outlives_a_failed_run(metrics: MetricsFile) -> None:
    metrics.update([report(unfinished={"failed": 1}, quota_left=5)], NOW)
    refused = report(started=False)
    refused.record_stop(CredentialsError("zoom: refused"))
    metrics.update([refused], NOW + NIGHT)
    found = read(metrics)
    zoom = ("zoom", "main")
    assert found[SUCCESS] == {zoom: NOW.timestamp()}
    assert found["harvester_last_run_timestamp_seconds"] == {zoom: (NOW + NIGHT).timestamp()}
    assert found["harvester_last_run_exit_code"] == {zoom: 77}
    assert found["harvester_meetings"][*zoom, "failed"] == 1, "the run has not looked"
    assert found["harvester_quota_left"] == {zoom: 5}


def test_accounts_that_did_not_run_stay(metrics: MetricsFile) -> None:
    metrics.update([report(vendor="webex", documents=1), report(account="berlin", documents=2)], NOW)
    metrics.update([report(documents=3)], NOW + NIGHT)
    assert read(metrics)[SUCCESS] == {
        ("webex", "main"): NOW.timestamp(),
        ("zoom", "berlin"): NOW.timestamp(),
        ("zoom", "main"): (NOW + NIGHT).timestamp(),
    }


def test_a_status_that_does_not_occur_again_disappears(metrics: MetricsFile) -> None:
    metrics.update([report(responses=Counter({"2xx": 1, "5xx": 9}))], NOW)
    metrics.update([report(responses=Counter({"2xx": 2}))], NOW + NIGHT)
    assert read(metrics)["harvester_last_run_requests"] == {("zoom", "main", "2xx"): 2}


def test_the_newest_document_never_becomes_older(metrics: MetricsFile) -> None:
    metrics.update([report(newest=NOW)], NOW)
    metrics.update([report(newest=NOW - 30 * NIGHT)], NOW)  # a backfill
    metrics.update([report()], NOW)
    assert read(metrics)[NEWEST] == {("zoom", "main"): NOW.timestamp()}


def test_without_a_journal_the_meetings_are_those_of_the_run(metrics: MetricsFile) -> None:
    metrics.update([report(listed=9, failed=1, pending=2, done=3, unacknowledged=1)], NOW)
    assert sorted(read(metrics)["harvester_meetings"].values()) == [1, 2, 3]


@pytest.mark.parametrize("content", [b"harvester_quota_left{vendor=", b"\xff\xfe", b'{"json": true}'])
def test_a_damaged_file_is_replaced_with_a_warning(
    metrics: MetricsFile, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    metrics.path.write_bytes(content)
    metrics.update([report()], NOW)
    assert read(metrics)[SUCCESS] == {("zoom", "main"): NOW.timestamp()}
    (warning,) = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert "cannot be used and are replaced" in warning.getMessage()


def test_metrics_of_other_programs_are_not_kept(metrics: MetricsFile) -> None:
    metrics.path.write_text('node_load1 0.5\nharvester_quota_left{vendor="zoom",account="old"} 7\n')
    metrics.update([report()], NOW)
    assert "node_load1" not in metrics.path.read_text()
    assert read(metrics)["harvester_quota_left"] == {("zoom", "old"): 7}


def test_odd_labels_are_read_as_they_were_written(metrics: MetricsFile) -> None:
    odd = 'a "b"\\n\nü'
    for _ in range(2):
        metrics.update([report(account=odd)], NOW)
    assert read(metrics)[SUCCESS] == {("zoom", odd): NOW.timestamp()}


def test_a_file_in_a_folder_without_new_files_keeps_the_last_success(
    metrics: MetricsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics.update([report()], NOW)

    def refuse(*_args: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(output_file, "_Replacement", refuse)
    metrics.check_writable()
    metrics.update([report(failed=1, causes={75})], NOW + NIGHT)
    assert read(metrics)[SUCCESS] == {("zoom", "main"): NOW.timestamp()}
    assert read(metrics)["harvester_last_run_exit_code"] == {("zoom", "main"): 75}


def test_an_account_that_did_not_get_its_turn_keeps_its_metrics(metrics: MetricsFile) -> None:
    metrics.update([report()], NOW)
    metrics.update([report(started=False)], NOW + NIGHT)
    assert read(metrics)["harvester_last_run_timestamp_seconds"] == {("zoom", "main"): NOW.timestamp()}


def test_a_file_that_cannot_be_written_is_named_before_the_run(metrics: MetricsFile, tmp_path: Path) -> None:
    metrics.check_writable()
    assert list(tmp_path.iterdir()) == [], "looking leaves nothing behind"
    missing = MetricsFile(path=tmp_path / "no" / "file.prom", state_folder=tmp_path)
    with pytest.raises(OutputError, match=r"metrics file .*no/file.prom"):
        missing.check_writable()
