"""The monitors of a run, and their reports after every kind of end."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import pytest

from connectors.errors import ConfigurationError, CredentialsError, OutputError
from harvester.cli.metrics_and_heartbeat import Monitors, monitored
from harvester.cli.run_environment import RunEnvironment
from harvester.config import Environment
from harvester.metrics_file import MetricsFile
from harvester.pipeline.report import Report
from harvester.pipeline.request import VendorOptions, resolve
from harvester.pipeline.run_clock import Clock
from tests.unit.http_receiver import Receiver, receiving

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
URL = "https://hc.example.org/0f1e2d3c-marked-uuid"

logger = logging.getLogger("harvester.something")


def environment(folder: Path, **settings: str) -> RunEnvironment:
    values = {"HARVESTER_STATE_DIR": str(folder / "state"), **settings}
    machine = Clock(wall=NOW.timestamp, monotonic=lambda: 0.0)
    return RunEnvironment(environment=Environment(values=values), machine=machine)


def monitors(
    env: RunEnvironment, metrics_file: Path | None = None, heartbeat: str | None = None, **given: Any
) -> Monitors:
    request = resolve(now=NOW, zone=ZoneInfo("UTC"), **given)
    return Monitors.of(env, request, metrics_file=metrics_file, heartbeat=heartbeat)


def test_a_run_has_no_monitors_by_default(tmp_path: Path) -> None:
    assert monitors(environment(tmp_path)) == Monitors()


@pytest.mark.parametrize(
    ("given", "pings"),
    [
        ({}, True),
        ({"first": date(2026, 11, 1)}, False),
        ({"on": NOW.date()}, False),
        ({"dry_run": True}, False),
        ({"options": VendorOptions(filtered=True)}, False),
    ],
)
def test_the_setting_is_for_the_nightly_run(given: dict[str, Any], pings: bool, tmp_path: Path) -> None:
    heartbeat = monitors(environment(tmp_path, HARVESTER_HEARTBEAT=URL), **given).heartbeat
    assert (heartbeat is not None and heartbeat.url == URL) is pings


def test_the_option_is_for_every_harvest(tmp_path: Path) -> None:
    env = environment(tmp_path, HARVESTER_HEARTBEAT="https://other.example.org/x")
    heartbeat = monitors(env, heartbeat=URL, on=NOW.date()).heartbeat
    assert heartbeat is not None
    assert heartbeat.url == URL
    assert env.redactor(f"{URL}/start and 0f1e2d3c-marked-uuid") == "***/start and ***"


@pytest.mark.parametrize("option", [{"metrics_file": Path("m.prom")}, {"heartbeat": URL}])
def test_a_dry_run_sends_no_report(option: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="harvests nothing"):
        monitors(environment(tmp_path), **option, dry_run=True)


@pytest.mark.parametrize(
    "url", ["hc.example.org/marked", "ftp://hc.example.org/marked", "https://a/marked?b=1"]
)
def test_a_url_that_cannot_be_pinged_is_named_by_its_setting(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="^HARVESTER_HEARTBEAT ") as refused:
        monitors(environment(tmp_path, HARVESTER_HEARTBEAT=url))
    assert "marked" not in str(refused.value)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    given = Receiver()
    given.gate.set()
    with receiving(given):
        yield given


def test_a_success_is_in_the_summary_the_metrics_and_the_heartbeat(
    receiver: Receiver, tmp_path: Path
) -> None:
    env, file, summary_file = environment(tmp_path), tmp_path / "m.prom", tmp_path / "s.json"
    given = monitors(env, file, receiver.url)
    with monitored(given, env, ["zoom"], "main", summary_file) as summary:
        summary.reports.append(Report(vendor="zoom", account="main", started=True))
    assert 'last_success_timestamp_seconds{account="main",vendor="zoom"}' in file.read_text()
    assert json.loads(summary_file.read_text())["exit_code"] == 0
    path = receiver.url.partition("/ping")[2]
    assert receiver.received == [(f"/ping{path}/start", b""), (f"/ping{path}", b"")]


def test_an_error_before_the_first_vendor_is_reported_for_each(receiver: Receiver, tmp_path: Path) -> None:
    env, file = environment(tmp_path), tmp_path / "m.prom"
    env.redactor.add("marked-secret")
    given = monitors(env, file, receiver.url)
    with pytest.raises(CredentialsError), monitored(given, env, ["zoom"], "main", None):
        logger.info("a message with marked-secret in it")
        raise CredentialsError("refused marked-secret")
    assert 'last_run_exit_code{account="main",vendor="zoom"} 77' in file.read_text()
    path, body = receiver.received[1]
    assert path.endswith("/77")
    assert body.decode().splitlines()[0].endswith("a message with *** in it")
    assert body.decode().splitlines()[1] == "refused ***"


@pytest.mark.parametrize(("error", "suffix"), [(RuntimeError("x"), "/70"), (KeyboardInterrupt(), "/130")])
def test_every_end_of_a_run_is_reported(
    error: BaseException, suffix: str, receiver: Receiver, tmp_path: Path
) -> None:
    env = environment(tmp_path)
    with (
        pytest.raises(type(error)),
        monitored(monitors(env, heartbeat=receiver.url), env, ["zoom"], "main", None),
    ):
        raise error
    assert receiver.paths[1].endswith(suffix)


def test_a_metrics_file_that_cannot_be_written_at_the_end_changes_the_exit_code(
    receiver: Receiver, tmp_path: Path
) -> None:
    env = environment(tmp_path)
    given = Monitors(
        metrics=MetricsFile(path=tmp_path / "no" / "m.prom", state_folder=tmp_path),
        heartbeat=monitors(env, heartbeat=receiver.url).heartbeat,
    )
    with pytest.raises(OutputError, match="metrics file"), monitored(given, env, (), "main", None):
        pass
    assert receiver.paths[1].endswith("/74")


def test_an_error_of_the_run_outranks_one_of_the_metrics_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    env = environment(tmp_path)
    metrics = MetricsFile(path=tmp_path / "no" / "m.prom", state_folder=tmp_path)
    with pytest.raises(CredentialsError), monitored(Monitors(metrics=metrics), env, (), "main", None):
        raise CredentialsError("refused")
    assert "metrics file" in caplog.text
