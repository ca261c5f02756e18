"""The DAG is read by a real Airflow, and its runs store what a perfect harvest would."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.harness import differences
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.small_zoom import Answer, page, small_zoom
from tests.e2e.test_zoom import stored
from tests.fleet.airflow_home import HARVESTER
from tests.fleet.conftest import NewHome
from tests.fleet.organisations import NOW, Fleet, fleet


@pytest.fixture(scope="module")
def organisations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(tmp_path_factory.mktemp("fleet"), size=60, days=3, speed=25) as accounts:
        yield accounts


def test_airflow_reads_the_dag(new_home: NewHome) -> None:
    home = new_home({})
    assert home.dag_ids() == ["harvester", "harvester_backfill"]
    assert home.import_errors() == []


def test_a_dag_that_airflow_cannot_read_would_be_found(new_home: NewHome) -> None:
    home = new_home({})
    home.install_dag(("from airflow.sdk import", "from airflow.sdk import no_such_thing,"))
    assert home.dag_ids() == []
    (error,) = home.import_errors()
    assert "no_such_thing" in error


def test_a_backfill_equals_the_truth(new_home: NewHome, organisations: Fleet, sandbox: IndexSandbox) -> None:
    home = new_home(organisations.settings(sandbox))
    ended = home.test_dag("harvester_backfill", **organisations.days)
    assert ended["state"] == "success"
    tasks = [(name, state) for name, _, state in ended["tasks"]]
    assert tasks[0] == ("chunks", "success")
    assert 2 <= tasks.count(("harvest", "success")) == len(tasks) - 1 <= 4, "no empty chunk"
    assert differences(stored(sandbox), organisations.truth) == []


def test_a_run_that_ends_early_goes_on_at_the_time_that_its_summary_names(
    new_home: NewHome, organisations: Fleet, sandbox: IndexSandbox
) -> None:
    home = new_home({**organisations.settings(sandbox), "HARVESTER_RATE_SHARE": "0.1"}, chunks=1)
    home.install_dag(("--for=50m", "--for=6s"))
    assert home.test_dag("harvester_backfill", **organisations.days)["state"] == "success"
    assert home.reschedules() > 0
    assert home.tries() == 2, "one of each task: a reschedule is not a retry"
    assert differences(stored(sandbox), organisations.truth) == []


def meetings(sandbox: IndexSandbox) -> int:
    """How many are stored; 0 while the shards of a new index are not ready."""
    sandbox.ask("POST", f"/{sandbox.prefix}meetings-*/_refresh")
    return int(sandbox.ask("GET", f"/{sandbox.prefix}meetings-*/_count").body.get("count", 0))


def test_accounts_that_another_worker_is_harvesting_are_waited_for(
    new_home: NewHome, organisations: Fleet, sandbox: IndexSandbox, tmp_path: Path
) -> None:
    """As if Airflow had given it up, on another machine."""
    home = new_home(organisations.settings(sandbox), chunks=1)
    days = [f"--{end}={day}" for end, day in organisations.days.items()]
    words = ["all", *days, "--destination=index", "--state=index", "--rate-share=0.005"]
    elsewhere = {**home.environment, "HARVESTER_STATE_DIR": str(tmp_path / "elsewhere")}
    command = [*home.environment["FLEET_COMMAND"].split(), *words]
    with (
        ThreadPoolExecutor(1) as pool,
        subprocess.Popen(command, stderr=subprocess.DEVNULL, env=elsewhere) as other,
    ):
        try:
            home.wait_for("its first documents", lambda: meetings(sandbox))
            running = pool.submit(home.test_dag, "harvester_backfill", **organisations.days)
            home.wait_for("the task to be rescheduled", lambda: home.reschedules() or running.done())
        finally:
            other.terminate()
        assert other.wait() == 143
        ended = running.result()
    assert ended["state"] == "success"
    assert home.reschedules() > 0
    assert home.tries() == 2

    assert stored(sandbox).keys() == organisations.truth.keys()

    def is_whole() -> bool:
        """Read again: Webex permits one call for the quality of a meeting in five minutes, and the other worker has made it."""
        again = [*home.environment["FLEET_COMMAND"].split(), *words[:-1], "--force", "-q"]
        subprocess.run(again, env=home.environment, check=True)
        return differences(stored(sandbox), organisations.truth) == []

    home.wait_for("the truth", is_whole)
    assert organisations.refused_requests() == {}


@pytest.mark.parametrize("days", [{}, {"from": "2026-11-17"}, {"from": "tomorrow", "to": "2026-11-20"}])
def test_a_backfill_without_two_days_is_refused(new_home: NewHome, days: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match="ParamValidationError"):
        new_home({}).test_dag("harvester_backfill", **days)


def test_a_wrong_setting_fails_at_once_and_stops_no_other_chunk(
    new_home: NewHome, organisations: Fleet, sandbox: IndexSandbox, tmp_path: Path
) -> None:
    text = organisations.config.read_text()
    config = tmp_path / "accounts.toml"
    config.write_text(
        f'{text}\n[zoom.refused]\naccount_id = "x"\nclient_id = "c"\nclient_secret = "s"\nplan = "none"\n'
    )
    config.chmod(0o600)
    settings = {**organisations.settings(sandbox), "FLEET_COMMAND": f"{HARVESTER} --config {config}"}
    home = new_home(settings)
    ended = home.test_dag("harvester_backfill", **organisations.days)
    assert ended["state"] == "failed"
    states = [state for name, _, state in ended["tasks"] if name == "harvest"]
    assert states.count("failed") == 1
    assert differences(stored(sandbox), organisations.truth) == []


def test_a_missed_night_is_caught_up(new_home: NewHome, sandbox: IndexSandbox) -> None:
    night = datetime(2026, 11, 18, 12, tzinfo=UTC)

    def answers(path: str, query: Mapping[str, str]) -> Answer:
        """A meeting each morning."""
        if path.endswith("/participants"):
            day = path.split("/")[-2]
            return page(
                "participants", {"user_id": "1", "user_name": "Guest", "join_time": f"{day}T09:00:00Z"}
            )
        if path.endswith("/metrics/meetings") and query["type"] == "past":
            days = [
                (NOW.date() - timedelta(days=number)).isoformat()
                for number in range(10)
                if query["from"] <= (NOW.date() - timedelta(days=number)).isoformat() <= query["to"]
            ]
            times = [{"start_time": f"{day}T09:00:00Z", "end_time": f"{day}T10:00:00Z"} for day in days]
            rows = [
                {"uuid": day, "id": 1, "participants": 1, **time}
                for day, time in zip(days, times, strict=True)
            ]
            return page("meetings", *rows)
        return page("meetings" if path.endswith("/metrics/meetings") else "users")

    with small_zoom(answers, secret="invented", now=lambda: night) as settings:
        home = new_home({})
        where = {"ES_HOST": sandbox.node.url, "ES_INDEX_PREFIX": sandbox.prefix}
        state = {"HARVESTER_STATE_DIR": str(sandbox.folder / "state")}

        def nightly() -> set[str]:
            home.settings = {**settings, **where, **state, "HARVESTER_NOW": night.isoformat()}
            assert home.test_dag("harvester")["state"] == "success"
            return {name.split(":")[2] for name in stored(sandbox)}

        assert nightly() == {"2026-11-17"}
        night += timedelta(days=2)
        assert nightly() == {"2026-11-17", "2026-11-18", "2026-11-19"}
