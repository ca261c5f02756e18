"""State in the index: workers with different state folders take over from each other, and the index ends as the truth has it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.contract.small_webex import ACCESS, MARK, REFRESH, SmallWebex, serving
from tests.contract.small_webex import NOW as WEBEX_NOW
from tests.e2e.forked_command_line import ForkedProcess
from tests.e2e.harness import HANGS_SECONDS, Documents, Harvester, Simulator, differences
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.recorded_requests import LEASE_SECONDS, LONG_LOG
from tests.e2e.test_zoom import NOW, pointed
from tests.e2e.wakeup_delay import WakeupDelay

pytestmark = pytest.mark.with_templates

SIZE, DAYS, SPEED = 200, 4, 2.0
SHARE = 0.5
"""Of the vendor's rates, whose shortest period is a second."""
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
    process: ForkedProcess | None = None

    @property
    def folder(self) -> Path:
        return self.harvester.folder

    def start(self, *more: str) -> None:
        words = (str(self.folder / "requests"), "--", *WORDS, *more)
        self.process = self.harvester.start(
            *words, module="tests.e2e.recorded_requests", errors=self.folder / "stderr"
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

    def await_requests(self, count: int, within: float = HANGS_SECONDS) -> None:
        deadline = time.monotonic() + within
        while len(self.requests) < count:
            assert self.process is not None
            assert self.process.poll() is None, self.stderr
            assert time.monotonic() < deadline, self.stderr
            time.sleep(0.02)


@dataclass
class Scene:
    sandbox: IndexSandbox
    simulator: Simulator
    wakeup_delay: WakeupDelay
    workers: list[Worker] = field(default_factory=list)

    def worker(self, **settings: str) -> Worker:
        name = f"worker {len(self.workers)}"
        harvester = pointed(self.sandbox, self.simulator, **{"HARVESTER_RATE_SHARE": str(SHARE), **settings})
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
        # While the machine holds the simulator up, requests that were sent in time arrive together.
        held_up = self.wakeup_delay.of_a_request * SPEED
        if SHARE * (1 + held_up) <= 1:
            assert self.simulator.traffic()["refused"] == 0, "the vendor refused requests with 429"

    def entries(self) -> list[int]:
        """The numbers of the entries of the log."""
        self.sandbox.ask("POST", f"/{self.sandbox.prefix}state/_refresh")
        query = {"size": 10_000, "query": {"term": {"kind": "entry"}}}
        answer = self.sandbox.ask("POST", f"/{self.sandbox.prefix}state/_search", query)
        return sorted(hit["_source"]["number"] for hit in answer.body["hits"]["hits"])

    def await_long_log(self, writer: Worker) -> None:
        """Until the next run finds the log long enough to shorten it."""
        deadline = time.monotonic() + HANGS_SECONDS
        while len(self.entries()) <= LONG_LOG + 1:
            assert writer.process is not None
            assert writer.process.poll() is None, writer.stderr
            assert time.monotonic() < deadline, writer.stderr
            time.sleep(0.1)

    def has_no_secret_in_the_index(self) -> None:
        """Neither a credential nor a token that a worker has kept."""
        self.sandbox.ask("POST", f"/{self.sandbox.prefix}state/_refresh")
        answer = self.sandbox.ask("POST", f"/{self.sandbox.prefix}state/_search", {"size": 10_000})
        text = json.dumps(answer.body)
        assert '"meetings"' in text
        secrets = [value for name, value in self.simulator.settings.items() if name.endswith("_SECRET")]
        for worker in self.workers:
            for path in worker.folder.rglob("account.db"):
                with closing(sqlite3.connect(path)) as connection:
                    tokens = connection.execute("SELECT token FROM tokens").fetchall()
                secrets += [json.loads(token)["access"] for (token,) in tokens]
        assert len(secrets) > 1
        assert [secret for secret in secrets if secret in text] == []

    def never_swings_back(self) -> None:
        """Once another worker has sent a request, no earlier one sends any."""
        order = sorted((at, number) for number, worker in enumerate(self.workers) for at in worker.requests)
        numbers = [number for _, number in order]
        assert numbers == sorted(numbers)


@contextmanager
def opened(sandbox: IndexSandbox) -> Iterator[Scene]:
    folder = sandbox.folder / "simulator"
    with (
        Simulator(folder, NOW, size=SIZE, days=DAYS, speed=SPEED) as simulator,
        WakeupDelay() as wakeup_delay,
    ):
        there = Scene(sandbox, simulator, wakeup_delay)
        try:
            yield there
        finally:
            for worker in there.workers:
                if worker.process is not None and worker.process.poll() is None:
                    worker.process.kill()
                    worker.process.wait()


@pytest.fixture
def scene(sandbox: IndexSandbox) -> Iterator[Scene]:
    """On both versions."""
    with opened(sandbox) as there:
        yield there


@pytest.fixture
def newest_scene(newest: IndexSandbox) -> Iterator[Scene]:
    with opened(newest) as there:
        yield there


SLOW = {"HARVESTER_RATE_SHARE": "0.2"}
"""For a worker that must not be done before something happens to it."""
REFUSED = 75
"""Exit code of a run that another worker's lease keeps out, or that has lost its own."""
LEASE_AND_MORE = LEASE_SECONDS + HANGS_SECONDS


@pytest.mark.long
def test_a_worker_elsewhere_goes_on_where_a_killed_one_was(scene: Scene) -> None:
    first, second, third = scene.worker(**SLOW), scene.worker(), scene.worker()
    first.start()
    first.await_requests(40)
    scene.await_long_log(first)
    assert second.run() == REFUSED, second.stderr
    assert "another worker is harvesting" in second.stderr
    assert second.requests == []
    first.signal(signal.SIGKILL)
    first.end()
    assert second.run() == 0, second.stderr
    scene.is_as_the_truth_has_it()
    scene.never_swings_back()

    assert third.run() == 0, third.stderr
    assert len(third.requests) < len(second.requests) / 5
    assert databases(third) == databases(second)
    assert 1 not in scene.entries(), "the log was not shortened"
    scene.is_as_the_truth_has_it()
    scene.has_no_secret_in_the_index()


@pytest.mark.long
def test_an_orphan_that_wakes_up_sends_nothing_more(scene: Scene) -> None:
    goes_on_beside_an_orphan(scene, scene.worker(**SLOW), scene.worker())


@pytest.mark.long
def test_an_orphan_on_the_same_machine_does_not_keep_its_successor_waiting(newest_scene: Scene) -> None:
    state = {"HARVESTER_STATE_DIR": str(newest_scene.sandbox.folder / "state")}
    goes_on_beside_an_orphan(newest_scene, newest_scene.worker(**SLOW, **state), newest_scene.worker(**state))


def goes_on_beside_an_orphan(scene: Scene, orphan: Worker, second: Worker) -> None:
    orphan.start()
    orphan.await_requests(40)
    orphan.signal(signal.SIGSTOP)
    sent = len(orphan.requests)
    second.start()
    second.await_requests(20, within=LEASE_AND_MORE)
    orphan.signal(signal.SIGCONT)
    assert orphan.end() == REFUSED, orphan.stderr
    assert len(orphan.requests) == sent
    assert second.end() == 0, second.stderr
    scene.is_as_the_truth_has_it()
    scene.never_swings_back()


def test_a_run_stops_when_its_time_is_up_and_another_worker_goes_on(newest_scene: Scene) -> None:
    scene = newest_scene
    for _ in range(2):
        worker = scene.worker(**SLOW)  # at this rate 8 s are too short for all meetings
        summary = worker.folder / "summary.json"
        assert worker.run("--for", "4s", "--summary-json", str(summary)) == REFUSED, worker.stderr
        assert "stopped after the time given with --for" in worker.stderr
        resume_at = datetime.fromisoformat(json.loads(summary.read_text())["resume_at"])
        assert abs(resume_at - datetime.now(UTC)) < timedelta(seconds=HANGS_SECONDS)
    last = scene.worker()
    assert last.run("--for", "1h") == 0, last.stderr
    scene.is_as_the_truth_has_it()
    scene.never_swings_back()


def test_the_privileges_that_shared_state_needs(guarded: IndexSandbox, tmp_path: Path) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=20, days=2, speed=SPEED) as simulator:
        scene = Scene(guarded, simulator, WakeupDelay())
        for name, code, words in (
            ("loader", 77, f"the privilege read on {guarded.prefix}*"),
            ("whole", 0, ""),
        ):
            user = guarded.node.users[name]
            worker = scene.worker(ES_USERNAME=user.name, ES_PASSWORD=user.password)
            assert worker.run() == code, worker.stderr
            assert words in worker.stderr


def test_every_account_of_a_command_goes_on_elsewhere(newest: IndexSandbox, tmp_path: Path) -> None:
    vendors = ("zoom", "webex", "google-meet", "meetecho")
    words = ("all", "--from", FIRST.isoformat(), "--to", LAST.isoformat(), "--state", "index")
    key = {"HARVESTER_STATE_KEY": Fernet.generate_key().decode()}
    with Simulator(tmp_path / "simulator", NOW, size=30, days=DAYS, vendors=vendors) as simulator:
        scene = Scene(newest, simulator, WakeupDelay())
        counts = []
        for _ in range(2):
            worker = scene.worker(**key)
            summary = worker.folder / "summary.json"
            ended = worker.harvester(*words, "--summary-json", str(summary))
            assert ended.returncode == 0, ended.stderr.decode()
            counts.append(
                {run["vendor"]: run["fetched"] for run in json.loads(summary.read_text())["vendors"]}
            )
        assert counts[0].keys() == set(vendors)
        assert all(counts[0].values())
        assert [(name, count) for name, count in counts[1].items() if count > counts[0][name] / 5] == []
        assert scene.stored().keys() >= {name for name in scene.truth if name.startswith("zoom:")}


def test_every_machine_sees_the_state_of_all_and_leaves_out_whom_one_has_forgotten(
    newest: IndexSandbox, tmp_path: Path
) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=20, days=1) as simulator:
        scene = Scene(newest, simulator, WakeupDelay())
        key = {"HARVESTER_STATE": "index", "HARVESTER_STATE_KEY": Fernet.generate_key().decode()}
        first, second, third = scene.worker(**key), scene.worker(**key), scene.worker(**key)
        day = ("zoom", "--date", LAST.isoformat(), "--destination", "index")
        assert first.harvester(*day).returncode == 0
        person = next(filter(None, (each.get("email") for each in scene.stored().values())))

        entries = scene.entries()
        shown = second.harvester("status", "--json")
        assert shown.returncode == 0, shown.stderr.decode()
        (account,) = json.loads(shown.stdout)["scopes"]
        meetings = [each for each in scene.stored().values() if each["kind"] == "meeting"]
        assert sum(account["meetings"].values()) == len(meetings) > 0
        listed = second.harvester("rejects", "list", "--json")
        assert json.loads(listed.stdout) == {"rejects": []}, listed.stderr
        assert scene.entries() == entries
        verified = second.harvester("verify", "zoom", "--json")
        assert verified.returncode == 0, verified.stderr.decode()
        assert len(scene.entries()) > len(entries)

        forgotten = second.harvester("forget", "--email", person, "--yes")
        assert forgotten.returncode == 0, forgotten.stderr.decode()
        assert holders_of(scene, person) == []
        again = third.harvester(*day, "--force")
        assert again.returncode == 0, again.stderr.decode()
        assert len(third.harvester("status").stdout) > 0
        assert holders_of(scene, person) == []
        newest.ask("POST", f"/{newest.prefix}state/_refresh")
        state = newest.ask("POST", f"/{newest.prefix}state/_search", {"size": 10_000})
        assert person not in json.dumps(state.body)
        assert third.harvester(*day, "--force", HARVESTER_STATE_KEY="").returncode == 78


def holders_of(scene: Scene, person: str) -> list[str]:
    """The documents that name a person."""
    return [name for name, document in scene.stored().items() if person in json.dumps(document)]


def databases(worker: Worker) -> dict[str, list[Any]]:
    """The rows of a worker's copies that do not depend on when it ran."""
    found: dict[str, list[Any]] = {}
    for name, table in (("journal.db", "intervals"), ("journal.db", "meetings"), ("account.db", "facts")):
        (path,) = worker.folder.rglob(name)
        with closing(sqlite3.connect(path)) as connection:
            found[table] = sorted(connection.execute(f"SELECT * FROM {table}"), key=repr)  # noqa: S608  # a constant
    return found


def test_a_login_on_one_machine_is_sealed_for_all_others(newest: IndexSandbox, tmp_path: Path) -> None:
    with serving(SmallWebex()) as webex:
        settings = {
            **webex.settings,
            "HARVESTER_NOW": WEBEX_NOW.isoformat(),
            "HARVESTER_SPEED": "20",
            "HARVESTER_STATE": "index",
            "ES_HOST": newest.node.url,
            "ES_INDEX_PREFIX": newest.prefix,
        }
        here, there, elsewhere = (
            Harvester(tmp_path / name, settings) for name in ("here", "there", "elsewhere")
        )
        for machine in (here, there, elsewhere):
            machine.folder.mkdir()
        key = {"HARVESTER_STATE_KEY": Fernet.generate_key().decode()}
        harvest = ("webex", "--date", "2026-11-19", "--destination", "stdout")

        refused = here("login", "webex", "--device")
        assert refused.returncode == 78
        assert b"HARVESTER_STATE_KEY" in refused.stderr
        assert webex.tokens == 0
        assert here("login", "webex", "--device", **key).returncode == 0

        ended = there(*harvest, **key)
        assert ended.returncode == 0, ended.stderr.decode()
        assert webex.bearers == {f"Bearer {ACCESS}-1"}
        assert webex.tokens == 1
        assert elsewhere(*harvest).returncode == 78
        assert elsewhere(*harvest, HARVESTER_STATE_KEY=Fernet.generate_key().decode()).returncode == 78

        newest.ask("POST", f"/{newest.prefix}state/_refresh")
        answer = newest.ask("POST", f"/{newest.prefix}state/_search", {"size": 1_000})
        text = json.dumps(answer.body)
        assert '"tokens"' in text
        assert [secret for secret in (ACCESS, REFRESH, MARK, *key.values()) if secret in text] == []
