"""Indices that are deleted between runs or during one, and a journal that is older than the index, at a real Elasticsearch."""

from __future__ import annotations

import shutil
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.harness import differences
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.simulator_in_process import RunningSimulator, Vendors

pytestmark = pytest.mark.with_templates

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAYS = ["--from", "2026-11-17", "--to", "2026-11-19"]


@pytest.fixture
def zoom(tmp_path: Path) -> Vendors:
    options = {"seed": 11, "size": 60, "days": 3, "now": NOW, "speed": 200.0, "vendors": ("zoom",)}
    return Vendors(tmp_path, options)


def run(served: RunningSimulator, sandbox: IndexSandbox, *words: str, code: int = 0) -> str:
    ended = served.pointed(sandbox)("zoom", *DAYS, *words)
    assert ended.returncode == code, ended.stderr.decode()
    return ended.stderr.decode()


def delete_indices(sandbox: IndexSandbox, kind: str = "") -> None:
    """`kind`: the beginning of the names after the prefix."""
    names = [name for name in sandbox.indices() if name.startswith(sandbox.prefix + kind)]
    assert sandbox.ask("DELETE", f"/{','.join(names)}").ok


@pytest.mark.parametrize("kind", ["", "sessions"])
def test_meetings_of_an_index_deleted_between_runs_are_read_again(
    newest: IndexSandbox, zoom: Vendors, kind: str
) -> None:
    with zoom.at(30 * HOUR) as served:
        run(served, newest)
        stored = newest.stored()
        delete_indices(newest, kind)
        stderr = run(served, newest)
        assert "was deleted or replaced" in stderr
        assert not differences(newest.stored(), stored)
        assert "was deleted or replaced" not in run(served, newest)


@pytest.mark.long
def test_an_index_deleted_during_a_run_makes_it_fail_and_the_next_one_complete(
    newest: IndexSandbox, zoom: Vendors, tmp_path: Path
) -> None:
    def delete_when_half_full() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if newest.indices() and len(newest.stored()) > 50:
                delete_indices(newest)
                return
            time.sleep(0.05)

    slow = {"speed": 5.0}
    with zoom.at(30 * HOUR, **slow) as served:
        deleting = threading.Thread(target=delete_when_half_full)
        deleting.start()
        stderr = run(served, newest, "--rate-share", "0.05", code=75)
        deleting.join()
    assert "deleted or replaced during the run" in stderr
    with zoom.at(31 * HOUR) as served:
        run(served, newest)
        found = newest.stored()
    with zoom.at(32 * HOUR) as served:
        other = tmp_path / "other"
        other.mkdir()
        again = served.pointed(newest)("zoom", *DAYS, "--destination", "stdout")
        assert again.returncode == 0
        assert len(found) == len(again.stdout.splitlines())


def test_a_journal_restored_from_a_backup_is_noticed(newest: IndexSandbox, zoom: Vendors) -> None:
    state, backup = newest.folder / "state", newest.folder / "backup"
    with zoom.at(30 * HOUR) as served:
        assert served.pointed(newest)("zoom", "--date", "2026-11-17").returncode == 0
    shutil.copytree(state, backup)
    with zoom.at(31 * HOUR) as served:
        run(served, newest)
        (session,) = [each for each in newest.stored().values() if each["kind"] == "session"][:1]
        stale = {**session, "document_id": session["document_id"] + "-stale"}
        assert newest.ask("PUT", f"/{newest.prefix}sessions-2026/_doc/stale", stale).ok
    shutil.rmtree(state)
    shutil.move(backup, state)
    with zoom.at(33 * HOUR) as served:
        stderr = run(served, newest, "--force")
    assert "restored from a backup" in stderr
    assert "stale" not in newest.stored()
