"""`harvester status` and `harvester plan` during and after real runs: a simulated vendor, a real Elasticsearch."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.forked_command_line import ForkedProcess
from tests.e2e.harness import HANGS_SECONDS, Harvester, Simulator
from tests.e2e.index_sandbox import IndexSandbox

pytestmark = pytest.mark.with_templates

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FREE = frozenset({"POST /oauth/token", "GET /users"})
"""What a backfill asks for besides its listing and its meetings: a token where none is kept, and once a run the table of
users, in two lists. A plan counts the token that its own listing needed, and knows nothing of the table."""


def pointed(sandbox: IndexSandbox, simulator: Simulator) -> Harvester:
    settings = {**simulator.settings, "ES_HOST": sandbox.node.url, "ES_INDEX_PREFIX": sandbox.prefix}
    return Harvester(sandbox.folder, settings)


def printed(harvester: Harvester) -> dict[str, Any]:
    ended = harvester("status", "--json")
    assert ended.returncode == 0, ended.stderr.decode()
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def only_scope(harvester: Harvester) -> dict[str, Any]:
    (scope,) = printed(harvester)["scopes"]
    found: dict[str, Any] = scope
    return found


def asked(simulator: Simulator) -> int:
    """How many calls were answered, the `FREE` ones apart.

    A call that the simulator refuses with 429 is made again: how many there are depends on how busy the machine is.
    """
    calls = simulator.traffic()["calls"]
    return sum(count for call, count in calls.items() if call not in FREE) - refused(simulator)


def refused(simulator: Simulator) -> int:
    """How many calls came too early. Those of the class Medium are not counted: in these runs `GET /users` alone."""
    classes = simulator.traffic()["classes"]
    return sum(printed["refused"] for name, printed in classes.items() if name != "medium")


def test_after_a_run_status_needs_no_credentials_vendor_or_cluster(
    newest: IndexSandbox, tmp_path: Path
) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=150, days=5) as simulator:
        harvester = pointed(newest, simulator)
        ended = harvester(
            "zoom", "--from", "2026-11-15", "--to", "2026-11-19", "--summary-json", "summary.json"
        )
        assert ended.returncode == 0, ended.stderr.decode()
        clock = {"HARVESTER_NOW": simulator.settings["HARVESTER_NOW"]}
    state = newest.folder / "state"
    before = {path: path.stat().st_mtime_ns for path in state.rglob("*")}
    alone = Harvester(newest.folder, clock)
    scope = only_scope(alone)
    (summary,) = json.loads((newest.folder / "summary.json").read_text())["vendors"]
    (run,) = scope["runs"]
    assert (run["listed"], run["fetched"], run["stored"]) == tuple(
        summary[name] for name in ("listed", "fetched", "stored")
    )
    assert (run["exit_code"], run["outcome"], run["what"]) == (0, "complete", "2026-11-15 to 2026-11-19")
    assert scope["es_url"] == newest.node.url
    assert scope["prefix"] == newest.prefix
    assert scope["meetings"]["done"] == summary["done"]
    assert scope["coverage"]["since"] == "2026-11-15T00:00:00Z"
    assert scope["coverage"]["until"] == "2026-11-20T00:00:00Z"
    assert scope["coverage"]["gaps"] == []
    assert scope["quotas"]["heavy"] >= summary["fetched"]
    text = alone("status", "-v")
    assert text.returncode == 0
    assert text.stderr == b""
    (line,) = [line for line in text.stdout.decode().splitlines() if "complete (0)" in line]
    counts = [f"{summary[name]:,}" for name in ("listed", "fetched", "stored")]
    assert line.split()[-3:] == counts
    assert max(map(len, text.stdout.decode().splitlines())) <= 100
    assert {path: path.stat().st_mtime_ns for path in state.rglob("*")} == before


def test_during_a_run_status_shows_its_progress_and_does_not_block_it(
    newest: IndexSandbox, tmp_path: Path
) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=400, days=5) as simulator:
        harvester = pointed(newest, simulator)
        process = slow_run(harvester, simulator)
        try:
            scope = awaited(harvester)
            assert process.poll() is None
            assert [(run["outcome"], run["ended"]) for run in scope["runs"]] == [("under way", None)]
            text = harvester("status", "-v").stdout.decode()
            assert "under way" in text
            assert "  complete  nothing yet\n" in text
            assert "listed and not read yet" in text
            busy = harvester("zoom", *simulator.dates, "--summary-json", "busy.json")
            assert busy.returncode == 75
            second = json.loads((harvester.folder / "busy.json").read_text())
            assert (second["exit_code"], second["vendors"][0]["exit_code"]) == (75, 75)
            assert "another run of this account" in second["reason"]
            process.terminate()
            assert process.wait(HANGS_SECONDS) == 143
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        after = only_scope(harvester)
        assert [run["outcome"] for run in after["runs"]] == ["interrupted"]
        assert after["meetings"]["listed"] == after["backlog"]["unread"] > 0


def slow_run(harvester: Harvester, simulator: Simulator) -> ForkedProcess:
    """Start a run that takes long enough to be observed. The caller has to end it."""
    return harvester.start("zoom", *simulator.dates, "--rate-share", "0.02")


def awaited(harvester: Harvester) -> dict[str, Any]:
    """Wait until a meeting is done, and return the scope as `status` shows it."""
    deadline = time.monotonic() + HANGS_SECONDS
    while time.monotonic() < deadline:
        scopes = printed(harvester)["scopes"]
        if scopes and scopes[0]["meetings"].get("done"):
            found: dict[str, Any] = scopes[0]
            return found
        time.sleep(0.2)
    raise AssertionError("the run came to nothing")


def test_status_distinguishes_a_killed_run_from_a_refused_one(newest: IndexSandbox, tmp_path: Path) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=300, days=3) as simulator:
        harvester = pointed(newest, simulator)
        process = slow_run(harvester, simulator)
        try:
            awaited(harvester)
        finally:
            process.kill()
            process.wait()
        assert "killed or crashed" in harvester("status", "-v").stdout.decode()
        refused = harvester("zoom", ZOOM_CLIENT_SECRET="marked-wrong-secret")
        assert refused.returncode == 77
        text = harvester("status", "-v").stdout.decode()
        urgent = " ".join(text.partition("\n\n")[0].split())
        assert "zoom main: the last run: refused: Zoom: POST /oauth/token: no token" in urgent
        assert re.search(r"nightly +refused \(77\)", text)
        assert "marked-wrong-secret" not in text
        assert [run["outcome"] for run in only_scope(harvester)["runs"]] == ["refused", "killed"]


@pytest.mark.parametrize("words", [[], ["--webinars"]])
def test_a_plan_counts_the_requests_that_the_backfill_then_makes(
    newest: IndexSandbox, tmp_path: Path, words: list[str]
) -> None:
    """Exact, apart from `FREE` and repeated requests: the Dashboard's rows contain the number of participants to page through."""
    with Simulator(tmp_path / "simulator", NOW, size=300, days=15) as simulator:
        harvester = pointed(newest, simulator)
        ended = harvester("plan", "zoom", *simulator.dates, "--json", *words)
        assert ended.returncode == 0, ended.stderr.decode()
        plan = json.loads(ended.stdout)
        assert (plan["complete"], plan["journal"]) == (True, False)
        before = asked(simulator)
        again = refused(simulator)
        assert plan["listing_requests"] == before + again + 1  # the token
        assert plan["requests"] == plan["listing_requests"] + plan["meeting_requests"]

        run = harvester("zoom", *simulator.dates, *words, "--summary-json", "summary.json")
        assert run.returncode == 0, run.stderr.decode()
        assert asked(simulator) - before == before + plan["meeting_requests"]
        (summary,) = json.loads((newest.folder / "summary.json").read_text())["vendors"]
        assert summary["listed"] == plan["wanted"]
        assert abs(summary["requests"] - summary["retries"] - (plan["requests"] - again)) <= 2

        rest = json.loads(harvester("plan", "zoom", *simulator.dates, "--json", *words).stdout)
        assert rest["journal"] is True
        assert rest["wanted"] < plan["wanted"] / 10


def test_status_of_two_indices_one_with_a_damaged_journal(newest: IndexSandbox, tmp_path: Path) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=60, days=2) as simulator:
        harvester = pointed(newest, simulator)
        for prefix in (newest.prefix, f"{newest.prefix}two-"):
            assert harvester("zoom", "--date", "2026-11-19", ES_INDEX_PREFIX=prefix).returncode == 0
    assert {scope["prefix"] for scope in printed(harvester)["scopes"]} == {
        newest.prefix,
        f"{newest.prefix}two-",
    }
    damaged = next((newest.folder / "state").glob("*/*two-*/journal.db"))
    content = bytearray(damaged.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    damaged.write_bytes(content)
    ended = harvester("status", "-v")
    assert ended.returncode == 78
    assert f"{damaged} is damaged" in ended.stderr.decode()
    assert f"indices {newest.prefix}*" in ended.stdout.decode()


def test_a_plan_in_the_middle_of_a_backfill_counts_the_rest(newest: IndexSandbox, tmp_path: Path) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=200, days=10) as simulator:
        harvester = pointed(newest, simulator)
        half = (NOW - timedelta(days=5)).date().isoformat()
        whole = json.loads(harvester("plan", "zoom", *simulator.dates, "--json").stdout)
        assert harvester("zoom", *simulator.dates[:3], half).returncode == 0
        before = asked(simulator)
        rest = json.loads(harvester("plan", "zoom", *simulator.dates, "--json").stdout)
        listing = asked(simulator) - before
        assert 0 < rest["wanted"] < whole["wanted"]
        assert harvester("zoom", *simulator.dates).returncode == 0
        assert asked(simulator) - before - listing == listing + rest["meeting_requests"]
