"""Whatever is killed while Airflow harvests: in the end every document is stored once, and no limit was exceeded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import differences
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.test_zoom import stored
from tests.fleet.airflow_home import AirflowHome
from tests.fleet.conftest import NewHome
from tests.fleet.organisations import Fleet, fleet
from tests.fleet.processes import Process, harvests, process


@pytest.fixture
def organisations(tmp_path: Path) -> Iterator[Fleet]:
    """Slow enough that every kill meets a running harvest."""
    with fleet(tmp_path / "fleet", size=60, days=3, speed=2) as accounts:
        yield accounts


def test_kills_lose_and_double_nothing(
    new_home: NewHome, organisations: Fleet, sandbox: IndexSandbox
) -> None:
    home = new_home({**organisations.settings(sandbox), "HARVESTER_RATE_SHARE": "0.25"})
    home.install_dag(
        ("retry_delay=timedelta(minutes=1)", "retry_delay=timedelta(seconds=5)"), ("--for=50m", "--for=12s")
    )
    with home.running():
        home.trigger("harvester_backfill", **organisations.days)
        killed = kill_a_harvester(home, organisations)
        kill_a_task(home, organisations, killed)
        kill_the_scheduler(home)
        home.wait_for("the run to end", lambda: home.run_states() != ["running"])
        assert home.run_states() == ["success"], home.logs()
        assert home.tries() > len(home.task_states()), "some task was tried again"
        assert home.was_rescheduled()
    home.wait_for("orphans to end", lambda: not harvests(organisations.config))
    assert differences(stored(sandbox), organisations.truth) == []
    assert organisations.refused_requests() == {}


def kill_a_harvester(home: AirflowHome, organisations: Fleet) -> Process:
    home.wait_for("two harvests", lambda: len(harvests(organisations.config)) >= 2)
    victim = harvests(organisations.config)[0]
    victim.kill()
    home.wait_for("its end", lambda: not victim.is_alive)
    return victim


def kill_a_task(home: AirflowHome, organisations: Fleet, killed: Process) -> None:
    """Kill the process that waits for a harvest, and the one that watches over it: the harvest becomes an orphan."""
    orphan = next(each for each in harvests(organisations.config) if each.words != killed.words)
    task = process(orphan.parent)
    supervisor = process(task.parent)
    supervisor.kill()
    task.kill()
    home.wait_for("its end", lambda: not task.is_alive)
    assert orphan.is_alive, "the harvest goes on"


def kill_the_scheduler(home: AirflowHome) -> None:
    home.kill("scheduler")
    assert home.run_states() == ["running"]
    home.start("scheduler")
