"""An Airflow of its own for one test: a folder with its SQLite database, its DAG, and its processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.harness import ROOT, clean_environment

DAG = ROOT / "contrib" / "airflow" / "harvester_dag.py"
RUN_DAG = Path(__file__).with_name("run_dag.py")
HARVESTER = f"{sys.executable} -m harvester"
PATIENCE = 240.0
"""Seconds until something that should happen soon has not happened."""


@dataclass(kw_only=True)
class AirflowHome:
    """`programs`: the folder with Airflow's `python` and `airflow`. `settings`: what the harvester finds in its environment."""

    folder: Path
    programs: Path
    settings: Mapping[str, str]
    chunks: int = 4
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _groups: list[int] = field(default_factory=list)
    """Process groups of what was started."""

    def __post_init__(self) -> None:
        self.port = free_port()
        self.dags = self.folder / "dags"
        self.dags.mkdir(parents=True)
        self.install_dag()

    def install_dag(self, *replaced: tuple[str, str]) -> None:
        """Copy the DAG, with other waits: each pair is a text of the file and what stands there instead."""
        text = DAG.read_text(encoding="utf-8")
        for old, new in replaced:
            assert old in text, f"the DAG has no {old}"
            text = text.replace(old, new)
        (self.dags / DAG.name).write_text(text, encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        airflow = {
            "API__PORT": str(self.port),
            "API__WORKERS": "1",
            "API_AUTH__JWT_SECRET": "invented for tests, and long enough for HS512: 0123456789 0123456789",
            "CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "CORE__DAGS_FOLDER": str(self.dags),
            "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{self.port}/execution/",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__PARALLELISM": "4",
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
            "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
            "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
            "USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        return clean_environment(
            **{
                "FLEET_COMMAND": HARVESTER,
                "FLEET_CHUNKS": str(self.chunks),
                "PYTHONPATH": str(ROOT),
                "AIRFLOW_HOME": str(self.folder),
                "PATH": f"{self.programs}:{os.environ['PATH']}",
                **{f"AIRFLOW__{name}": value for name, value in airflow.items()},
                **self.settings,
            }
        )

    # Commands

    def airflow(self, *words: str) -> None:
        """Run a command of Airflow. Fails if it does."""
        self._run([str(self.programs / "airflow"), *words])

    def dag_ids(self) -> list[str]:
        return [each["dag_id"] for each in self._listed("dags", "list", "--local")]

    def import_errors(self) -> list[str]:
        """Why Airflow cannot read the DAG."""
        return [each["error"] for each in self._listed("dags", "list-import-errors", "--local")]

    def _listed(self, *words: str) -> list[dict[str, Any]]:
        words = (str(self.programs / "airflow"), *words, "--output", "json")
        ended = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        found: list[dict[str, Any]] = json.loads(ended.stdout.splitlines()[-1])
        return found

    def test_dag(self, dag_id: str, **conf: str) -> dict[str, Any]:
        """How a run of the DAG in one process ended: `state`, and `tasks` as [task, chunk, state]."""
        words = [
            str(self.programs / "python"),
            str(RUN_DAG),
            str(self.dags / DAG.name),
            dag_id,
            json.dumps(conf),
        ]
        result: dict[str, Any] = json.loads(self._run(words).splitlines()[-1])
        return result

    def _run(self, words: Sequence[str]) -> str:
        ended = subprocess.run(
            words,
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert ended.returncode == 0, f"{words}\n{ended.stdout[-4000:]}\n{ended.stderr[-4000:]}"
        return ended.stdout

    # Processes

    @contextmanager
    def running(self) -> Iterator[None]:
        """The three processes of an Airflow with LocalExecutor."""
        try:
            for name in ("api-server", "dag-processor", "scheduler"):
                self.start(name)
            self.wait_for(
                "the DAGs to be read", lambda: len(self.query("SELECT * FROM dag WHERE NOT is_stale")) == 2
            )
            yield
        finally:
            self._stop_all()

    def start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [str(self.programs / "airflow"), name],
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd=self.folder,
                start_new_session=True,
            )
        self._groups.append(self._running[name].pid)

    def kill(self, name: str) -> None:
        """Kill this process with SIGKILL, and none that it has started."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def _stop_all(self) -> None:
        """What a killed process has started is still in its group."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        for process in self._running.values():
            process.wait()

    def trigger(self, dag_id: str, **conf: str) -> None:
        self.airflow("dags", "unpause", dag_id)
        self.airflow("dags", "trigger", dag_id, "--conf", json.dumps(conf))

    # Observation

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(
            sqlite3.connect(f"file:{self.folder / 'airflow.db'}?mode=ro", uri=True, timeout=30)
        ) as database:
            return database.execute(sql).fetchall()

    def task_states(self) -> dict[tuple[str, int], str]:
        return {
            (task, chunk): state
            for task, chunk, state in self.query("SELECT task_id, map_index, state FROM task_instance")
        }

    def tries(self) -> int:
        """How often tasks were begun, reschedules not counted."""
        ((tries,),) = self.query("SELECT sum(try_number) FROM task_instance")
        return int(tries)

    def reschedules(self) -> int:
        """How often tasks left their worker to come back later. Airflow forgets those of a task that is tried again."""
        return len(self.query("SELECT * FROM task_reschedule"))

    def was_rescheduled(self) -> bool:
        """Whether any try of a task under the scheduler left its worker to come back later, by the logs of the tasks."""
        return any(
            "UP_FOR_RESCHEDULE" in path.read_text() for path in (self.folder / "logs").rglob("attempt=*.log")
        )

    def run_states(self) -> list[str]:
        return [state for (state,) in self.query("SELECT state FROM dag_run")]

    def wait_for(self, what: str, is_true: Callable[[], object], patience: float = PATIENCE) -> None:
        deadline = time.monotonic() + patience
        while not is_true():
            assert time.monotonic() < deadline, (
                f"waited in vain for {what}: {self.task_states()}\n{self.logs()}"
            )
            time.sleep(0.2)

    def logs(self) -> str:
        """The end of each log."""
        return "\n".join(
            f"{path}:\n{path.read_text(errors='replace')[-3000:]}"
            for path in sorted(self.folder.rglob("*.log"))
        )


def free_port() -> int:
    with closing(socket.socket()) as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port
