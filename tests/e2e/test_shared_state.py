"""State in the index: workers with different state folders take over from each other, and the index ends as the truth has it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import HANGS_SECONDS, ROOT, Documents, Harvester, Simulator, differences
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.test_zoom import NOW, pointed

SIZE, DAYS, SPEED = 200, 4, 2.0
FIRST, LAST = NOW.date() - timedelta(days=DAYS), NOW.date() - timedelta(days=1)
WORDS = [
    "zoom",
    *("--from", FIRST.isoformat(), "--to", LAST.isoformat()),
    *("--destination", "index", "--state", "index", "--concurrency", "4"),
]


@dataclass
class Worker:
    """A machine of its own: its own state folder, the same vendor and the same index."""

    name: str
    harvester: Harvester
    process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        return self.harvester.folder

    def start(self, *more: str) -> None:
        words = [
            sys.executable,
            "-m",
            "tests.e2e.recorded_requests",
            str(self.folder / "requests"),
            "--",
            *WORDS,
            *more,
        ]
        with (self.folder / "stderr").open("ab") as stderr:
            self.process = subprocess.Popen(
                words,
                env=self.harvester.environment(PYTHONPATH=str(ROOT)),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )

    def end(self, timeout: float = HANGS_SECONDS + 60) -> int:
        assert self.process is not None
        return self.process.wait(timeout)

    def run(self, *more: str) -> int:
        self.start(*more)
        return self.end()

    def signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    @property
    def requests(self) -> list[int]:
        """When each request to the vendor was sent."""
        path = self.folder / "requests"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def await_requests(self, count: int) -> None:
        deadline = time.monotonic() + HANGS_SECONDS
        while len(self.requests) < count:
            assert self.process is not None
            assert self.process.poll() is None, self.stderr
            assert time.monotonic() < deadline, self.stderr
            time.sleep(0.02)


@dataclass
class Scene:
    sandbox: IndexSandbox
    simulator: Simulator
    workers: list[Worker] = field(default_factory=list)

    def worker(self, **settings: str) -> Worker:
        name = f"worker {len(self.workers)}"
        harvester = pointed(self.sandbox, self.simulator, **settings)
        harvester.folder = self.sandbox.folder / name
        harvester.folder.mkdir()
        self.workers.append(Worker(name, harvester))
        return self.workers[-1]

    @property
    def truth(self) -> Documents:
        def day(document: dict[str, Any]) -> str:
            return str(document.get("meeting_timestamp") or document["@timestamp"])[:10]

        return {
            name: document
            for name, document in self.simulator.truth.items()
            if FIRST.isoformat() <= day(document) <= LAST.isoformat()
        }

    def stored(self) -> Documents:
        names = f"{self.sandbox.prefix}meetings-*,{self.sandbox.prefix}sessions-*"
        self.sandbox.ask("POST", f"/{names}/_refresh")
        answer = self.sandbox.ask("POST", f"/{names}/_search", {"size": 10_000, "version": True})
        found = answer.body["hits"]["hits"]
        documents = {hit["_id"]: hit["_source"] for hit in found}
        assert len(documents) == len(found), "an id in two indices"
        return documents

    def is_as_the_truth_has_it(self) -> None:
        assert differences(self.stored(), self.truth) == []
        assert self.simulator.traffic()["refused"] == 0, "the vendor refused requests with 429"

    def never_swings_back(self) -> None:
        """Once another worker has sent a request, no earlier one sends any."""
        order = sorted((at, number) for number, worker in enumerate(self.workers) for at in worker.requests)
        numbers = [number for _, number in order]
        assert numbers == sorted(numbers)


@pytest.fixture
def scene(sandbox: IndexSandbox, tmp_path: Path) -> Iterator[Scene]:
    with Simulator(tmp_path / "simulator", NOW, size=SIZE, days=DAYS, speed=SPEED) as simulator:
        there = Scene(sandbox, simulator)
        try:
            yield there
        finally:
            for worker in there.workers:
                if worker.process is not None and worker.process.poll() is None:
                    worker.process.kill()
                    worker.process.wait()


def test_a_worker_elsewhere_goes_on_where_a_killed_one_was(scene: Scene) -> None:
    first, second, third = scene.worker(), scene.worker(), scene.worker()
    first.start()
    first.await_requests(60)
    first.signal(signal.SIGKILL)
    first.end()
    assert second.run() == 0, second.stderr
    scene.is_as_the_truth_has_it()
    scene.never_swings_back()
    assert third.run() == 0, third.stderr
    assert len(third.requests) < len(second.requests) / 5
    scene.is_as_the_truth_has_it()
