"""Metrics and heartbeat of the command line. A failing monitor changes neither exit code nor documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.harness import Documents, Harvester, differences, lines
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.simulator_in_process import RunningSimulator, Vendors
from tests.unit.http_receiver import Receiver, absent_url, receiving

pytestmark = pytest.mark.with_templates

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPEED = 200.0


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    options = {"vendors": ["zoom"], "seed": 3, "size": 12, "days": 2, "now": NOW, "speed": SPEED}
    with Vendors(tmp_path_factory.mktemp("vendors"), options).at() as running:
        yield running


@pytest.fixture(scope="module")
def expected(simulator: RunningSimulator, tmp_path_factory: pytest.TempPathFactory) -> Documents:
    """Of a run without a monitor."""
    ended = Harvester(tmp_path_factory.mktemp("plain"), simulator.settings)("zoom", "-q")
    assert (ended.returncode, ended.stderr) == (0, b"")
    return lines(ended.stdout)


@pytest.mark.parametrize("receiver_is", ["well", "failing", "slow", "absent"])
def test_the_heartbeat_changes_nothing(
    receiver_is: str, simulator: RunningSimulator, expected: Documents, tmp_path: Path
) -> None:
    receiver = Receiver(status=500 if receiver_is == "failing" else 200)
    with receiving(receiver), absent_url() as nowhere:  # -q does not hide a monitor that hears nothing
        if receiver_is != "slow":
            receiver.gate.set()
        url = nowhere if receiver_is == "absent" else receiver.url
        harvester = Harvester(tmp_path, {**simulator.settings, "HARVESTER_HEARTBEAT": url})
        ended = harvester("zoom", "-q", "--log-format", "json")
    assert ended.returncode == 0
    assert differences(lines(ended.stdout), expected) == []
    warned = b"the heartbeat could not be sent" in ended.stderr
    assert warned is (receiver_is != "well")
    assert b"marked" not in ended.stderr
    assert bool(receiver.received) is (receiver_is != "absent")


def test_a_failed_night_is_pinged_and_keeps_the_last_success(
    simulator: RunningSimulator, tmp_path: Path
) -> None:
    metrics = ["--metrics-file", "harvester.prom"]
    assert Harvester(tmp_path, simulator.settings)("zoom", "-q", *metrics).returncode == 0
    good = read(tmp_path)
    refused = {**simulator.settings, "ZOOM_CLIENT_SECRET": "marked-wrong-secret"}
    receiver = Receiver()
    receiver.gate.set()
    with receiving(receiver):
        ended = Harvester(tmp_path, refused)("zoom", "-q", *metrics, "--heartbeat", receiver.url)
    assert ended.returncode == 77
    (start, _), (end, log) = receiver.received
    assert (start.rpartition("/")[2], end.rpartition("/")[2]) == ("start", "77")
    assert b"ZOOM_CLIENT_SECRET is wrong" in log
    assert b"marked" not in log
    bad = read(tmp_path)
    assert (good["harvester_last_run_exit_code"], bad["harvester_last_run_exit_code"]) == (0, 77)
    success = "harvester_last_success_timestamp_seconds"
    assert bad[success] == good[success] < bad["harvester_last_run_timestamp_seconds"]
    assert bad["harvester_newest_document_timestamp_seconds"] > 0


def test_a_run_into_the_index_counts_what_its_whole_journal_has_left(
    simulator: RunningSimulator, newest: IndexSandbox
) -> None:
    """So does the first run, which has only just written what it counts."""
    harvester = simulator.pointed(newest)
    files = ["--metrics-file", "harvester.prom", "--summary-json", "summary.json"]
    for _ in range(2):
        assert harvester("zoom", "-q", *files).returncode == 0
        ended = datetime.now(UTC)
        (journal,) = json.loads(harvester("status", "--json").stdout)["scopes"]
        pending = journal["meetings"]["pending"]
        assert pending > 0
        text = (newest.folder / "harvester.prom").read_text()
        assert states(text) == {"failed": 0, "pending": pending, "unread": 0}
        assert 'harvester_quota_left{account="main",vendor="zoom"}' in text
        (run,) = json.loads((newest.folder / "summary.json").read_text())["vendors"]
        assert run["resume_at"] is not None
        if run["next_due"] is not None:  # the run has read one of them
            after = datetime.fromisoformat(run["next_due"]) - NOW  # by the vendor's clock
            assert datetime.fromisoformat(run["resume_at"]) <= ended + after / SPEED


def test_a_bad_url_is_a_usage_error(tmp_path: Path) -> None:
    ended = Harvester(tmp_path, {})("zoom", "--heartbeat", "ftp://marked.example.org")
    assert ended.returncode == 64
    assert b"--heartbeat" in ended.stderr
    assert b"marked" not in ended.stderr


def states(text: str) -> dict[str, float]:
    """How many meetings a later run reads, by their state."""
    return {
        sample.labels["state"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "harvester_meetings"
    }


def read(folder: Path) -> dict[str, float]:
    """The metrics without a label of their own."""
    text = (folder / "harvester.prom").read_text()
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels == {"vendor": "zoom", "account": "main"}
    }
