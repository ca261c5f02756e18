"""Commands that only read are content with a state folder that they cannot write."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import Harvester, Simulator, command
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.test_zoom import NOW, pointed
from tests.unprivileged import read_only, stay_without_privileges

DAYS = ["--from", "2026-11-17", "--to", "2026-11-19"]


@pytest.fixture
def harvester(newest: IndexSandbox, tmp_path: Path) -> Iterator[Harvester]:
    """Everything is stored, one line is rejected, and a person is forgotten."""
    with Simulator(tmp_path / "simulator", NOW, size=30, days=3) as simulator:
        harvester = pointed(newest, simulator)
        for words in (["zoom", *simulator.dates], ["forget", "--id", "no-one", "--yes"]):
            ended = harvester(*words)
            assert ended.returncode == 0, ended.stderr.decode()
        (harvester.folder / "lines.ndjson").write_text('{"no": "document"}\n')
        assert harvester("load", "lines.ndjson").returncode == 65
        yield harvester


def run(harvester: Harvester, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command(*words),
        capture_output=True,
        env=harvester.environment(),
        cwd=harvester.folder,
        preexec_fn=stay_without_privileges,
        check=False,
    )


def test_what_only_reads_changes_nothing_and_needs_no_permission_to(harvester: Harvester) -> None:
    calls = b"the calls of this command are not counted against the daily quotas"
    with read_only(harvester.folder / "state"):
        listed = run(harvester, "rejects", "list")
        assert b"sha256:" in listed.stdout, listed.stderr
        questions = {
            ("rejects", "export"): False,
            ("status",): False,
            ("status", "--json"): False,
            ("accounts",): False,
            ("plan", "zoom", *DAYS): True,
            ("zoom", *DAYS, "--dry-run"): True,
            ("forget", "--id", "other", "--dry-run"): False,
            ("report", "-o", "report.html"): False,
            ("attendance",): False,
        }
        for words, counts in questions.items():
            ended = run(harvester, *words)
            assert ended.returncode == 0, (words, ended.stderr.decode())
            assert (calls in ended.stderr) == counts, words
        compared = run(harvester, "verify", "zoom", *DAYS)
        assert compared.returncode == 0, compared.stderr.decode()
        assert calls in compared.stderr
        for words in (["zoom", *DAYS], ["verify", "zoom", *DAYS, "--repair"], ["rejects", "drop", "--yes"]):
            ended = run(harvester, *words)
            assert ended.returncode == 74, (words, ended.stderr.decode())
            assert b"cannot be written" in ended.stderr
