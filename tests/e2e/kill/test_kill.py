"""`kill -9` at any moment, then the same command again: the index is what one undisturbed harvest would have made.

Each test kills several runs with one state folder and one index, and then repeats the command until it exits 0. After a
kill no document may be missing, stored twice, or in an older or poorer version than before, and every database must be
readable. At the end the index equals the simulator's truth. The vendor got no more requests than from an undisturbed harvest, apart from those in flight at each kill.
"""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harvester.sinks.elastic import templates
from tests.e2e.elasticsearch_nodes import Node
from tests.e2e.forked_command_line import HARVESTER
from tests.e2e.harness import Documents, Harvester, Simulator, differences
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.kill.crash_at import BATCH_OPERATIONS, CLEANED_MEETINGS, FLIGHTS, POINTS
from tests.e2e.test_zoom import NOW, hits, pointed, stored

SIZE, DAYS, SPEED = 200, 4, 2.0
HEAVY_PER_SECOND = 40 * SPEED
CONCURRENCY = 4
RECORDED_SECONDS = 0.7
"""From the acknowledgement to the journal's commit: 0.5 s for company, and the commit, on a busy machine."""

FIRST, LAST = NOW.date() - timedelta(days=DAYS), NOW.date() - timedelta(days=1)
BACKFILL = [
    "zoom",
    *("--from", FIRST.isoformat(), "--to", LAST.isoformat()),
    *("--destination", "index", "--concurrency", str(CONCURRENCY)),
]
PARTICIPANTS = "GET /metrics/meetings/{id}/participants"
TIMEOUT = 120.0
TRIES = 5
Kill = tuple[str, int]

PAGES: list[Kill] = [
    ("before a listing's page", 1),
    ("after a listing's page", 1),
    ("after a listing's page", 2),
    ("before a page of participants", 50),
    ("after a page of participants", 20),
]
BULKS: list[Kill] = [
    ("before a bulk request", 1),
    ("before a bulk answer", 60),
    ("after a bulk answer", 1),
    ("before a bulk answer", 2),
    ("after a bulk answer", 6),
    ("before a bulk request", 10),
]
JOURNAL: list[Kill] = [
    ("before the journal's commit", 1),
    ("after the journal's commit", 1),
    ("before the journal's commit", 7),
    ("after the journal's commit", 5),
]
REJECTS: list[Kill] = [("before the rejects' commit", 1), ("after the rejects' commit", 1)]
LEFTOVERS: list[Kill] = [("before the leftovers' deletion", 1), ("after the leftovers' deletion", 1)]
ROWS = {"pages": PAGES, "bulk requests": BULKS, "the journal's commits": JOURNAL}


def of_its_meeting(document: dict[str, Any]) -> str:
    """The uuid of the meeting that a document belongs to."""
    return str(document.get("meeting") or document["uuid"])


def asked_for(truth: Documents) -> Documents:
    """The documents of the truth whose meetings are in the backfill."""

    def day(document: dict[str, Any]) -> date:
        return date.fromisoformat((document.get("meeting_timestamp") or document["@timestamp"])[:10])

    return {name: document for name, document in truth.items() if FIRST <= day(document) <= LAST}


def in_flight(truth: Documents) -> int:
    """How many meetings at most are fetched again after a kill: those that were requested and not recorded as done.

    - The engine lets 2 x concurrency meetings be fetched or wait for the sink.
    - The loader holds one batch that fills and FLIGHTS in the air; no more meetings than the smallest ones that fit in,
      and one cut in two at the edge of each.
    - Meetings that were read before wait for the search for leftovers, CLEANED_MEETINGS together.
    - The journal waits for company before it commits: what the vendor's rate permits within RECORDED_SECONDS.
    """
    sizes: dict[str, int] = {}
    for document in truth.values():
        meeting = of_its_meeting(document)
        sizes[meeting] = sizes.get(meeting, 0) + 1
    room, held = (FLIGHTS + 1) * BATCH_OPERATIONS, 0
    for size in sorted(sizes.values()):
        room -= size
        if room < 0:
            break
        held += 1
    loading = held + FLIGHTS + 1 + CLEANED_MEETINGS
    return 2 * CONCURRENCY + loading + round(HEAVY_PER_SECOND * RECORDED_SECONDS)


def unsettled(truth: Documents) -> int:
    """How many meetings become due during a test: live ones, and those that ended within the last two hours."""
    meetings = (document for document in truth.values() if document["kind"] == "meeting")
    ends = (document.get("end_time") for document in meetings)
    return sum(end is None or datetime.fromisoformat(end) > NOW - timedelta(hours=2) for end in ends)


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """The cost of an undisturbed harvest: calls for participants, and seconds from start to exit."""

    calls: int
    seconds: float


@dataclass(kw_only=True)
class Scene:
    """One vendor, one state folder and one index, and the documents found after the last run."""

    sandbox: IndexSandbox
    simulator: Simulator
    harvester: Harvester
    truth: Documents
    seen: dict[str, int] = field(default_factory=dict)
    planted: set[tuple[str, str]] = field(default_factory=set)
    runs: int = 0
    kills: int = 0
    wasted: int = 0
    _calls: int = 0

    def run(
        self, point: str = "never", times: int = 0, *, seconds: float = TIMEOUT, plain: bool = False
    ) -> tuple[int, str]:
        """Run once, and kill the run at this point or after `seconds`. Returns exit status and stderr.

        `plain`: without points, and with the command's normal batch sizes.
        """
        self.runs += 1
        errors = self.sandbox.folder / "stderr"
        errors.unlink(missing_ok=True)
        crashing = () if plain else (point, str(times), "--")
        module = HARVESTER if plain else "tests.e2e.kill.crash_at"
        process = self.harvester.start(*crashing, *BACKFILL, module=module, errors=errors)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        return status, errors.read_text(encoding="utf-8")

    def kill_at(self, point: str, times: int) -> None:
        status, result = self.run(point, times)
        assert status == -signal.SIGKILL, f"not come to: {point} for the {times}. time ({status})\n{result}"
        self._killed()

    def kill_after(self, seconds: float, *, plain: bool = False) -> bool:
        """Kill a run after `seconds`; returns whether it was still running. `plain`: with the command's normal batch sizes."""
        status, result = self.run(seconds=seconds, plain=plain)
        if status == -signal.SIGKILL:
            self._killed(plain=plain)
            return True
        assert status == 0, result
        return False

    def finish(self, wanted: int = 0) -> None:
        """Repeat the command until it exits with `wanted`."""
        for _ in range(TRIES):
            status, result = self.run()
            self.look()
            if status == wanted:
                return
            assert status in {69, 75}, f"exit {status} after {self.kills} kills\n{result}"
        raise AssertionError(f"not done after {TRIES} runs:\n{result}")

    def _killed(self, *, plain: bool = False) -> None:
        self.kills += 1
        before, self._calls = self._calls, self.calls()
        spent = self._calls - before
        # The unchanged command gathers for two seconds: all that this short harvest fetched may be in flight.
        self.wasted += spent if plain else min(spent, in_flight(self.truth))
        self.look()

    def calls(self) -> int:
        """The number of requests for participants so far. A call that is refused with 429 and repeated counts once."""
        traffic = self.simulator.traffic()
        return int(traffic["calls"].get(PARTICIPANTS, 0)) - int(traffic["classes"]["heavy"]["refused"])

    def look(self) -> None:
        """Check that no document is missing, stored twice, older or poorer than before, and that every database is readable."""
        self.sandbox.ask("GET", f"/_cluster/health/{self.sandbox.prefix}*?wait_for_status=yellow&timeout=30s")
        found = [hit for hit in hits(self.sandbox) if (hit["_index"], hit["_id"]) not in self.planted]
        versions = {hit["_id"]: int(hit["_version"]) for hit in found}
        assert len(versions) == len(found), "an id in two indices"
        assert self.seen.keys() - versions.keys() == set(), "documents are gone"
        assert [name for name, version in self.seen.items() if versions[name] < version] == []
        self.seen = versions
        check_databases(self.harvester.folder / "state", self.sandbox.folder / "copy")

    def sends_no_more_requests_than(self, undisturbed: Undisturbed) -> None:
        again = self.calls() - undisturbed.calls
        allowed = self.wasted + self.runs * unsettled(self.truth)
        assert again <= allowed, (
            f"{again} asked for again after {self.kills} kills in {self.runs} runs; {self.wasted} in flight"
        )


def check_databases(state: Path, copy: Path) -> None:
    """Check that every database can be read. It reads a copy: the harvester has to recover the original."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(state, copy, dirs_exist_ok=True) if state.exists() else None
    for path in copy.rglob("*.db"):
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)], path.name
    shutil.rmtree(copy, ignore_errors=True)


@contextmanager
def opened(node: Node, folder: Path) -> Iterator[Scene]:
    simulator = Simulator(folder / "simulator", NOW, size=SIZE, days=DAYS, speed=SPEED)
    with simulator, IndexSandbox.on(node, folder) as sandbox:
        yield Scene(
            sandbox=sandbox,
            simulator=simulator,
            harvester=pointed(sandbox, simulator),
            truth=asked_for(simulator.truth),
        )


Open = Callable[[], AbstractContextManager[Scene]]


@pytest.fixture
def scene(es9: Node, tmp_path: Path) -> Iterator[Scene]:
    with opened(es9, tmp_path) as there:
        yield there


@pytest.fixture
def scenes(es9: Node, tmp_path: Path) -> Open:
    """Opens scenes, one after the other."""
    numbers = iter(range(1_000_000))
    return lambda: opened(es9, tmp_path / str(next(numbers)))


@pytest.fixture(scope="module")
def undisturbed(es9: Node, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    with opened(es9, tmp_path_factory.mktemp("undisturbed")) as alone:
        began = time.monotonic()
        status, result = alone.run()
        seconds = time.monotonic() - began
        assert status == 0, result
        assert differences(stored(alone.sandbox), alone.truth) == []
        return Undisturbed(calls=alone.calls(), seconds=seconds)


def survives(scene: Scene, kills: Sequence[Kill], undisturbed: Undisturbed) -> None:
    for point, times in kills:
        scene.kill_at(point, times)
    scene.finish()
    assert differences(stored(scene.sandbox), scene.truth) == []
    scene.sends_no_more_requests_than(undisturbed)


def survives_random_kills(
    scenes: Open, wanted: int, undisturbed: Undisturbed, *, seed: int, plain: bool = False
) -> None:
    """Kill harvests at random moments, at most five times in a row, until there were `wanted` kills."""
    dice, killed = Random(seed), 0
    while killed < wanted:
        with scenes() as scene:
            while scene.kills < min(5, wanted - killed):
                if not scene.kill_after(dice.uniform(0, undisturbed.seconds), plain=plain):
                    break
            killed += scene.kills
            scene.finish()
            assert differences(stored(scene.sandbox), scene.truth) == []
            scene.sends_no_more_requests_than(undisturbed)


@pytest.mark.parametrize("row", ROWS)
def test_killed_at_named_points_it_ends_as_if_nothing_had_happened(
    scene: Scene, undisturbed: Undisturbed, row: str
) -> None:
    survives(scene, ROWS[row], undisturbed)


def test_killed_at_random_moments_it_ends_as_if_nothing_had_happened(
    scenes: Open, undisturbed: Undisturbed
) -> None:
    survives_random_kills(scenes, 3, undisturbed, seed=4)


def test_killed_around_the_commit_of_rejects_it_keeps_each_of_them_once(scene: Scene) -> None:
    """The index has the wrong type for one field: breakout rooms have names, not numbers."""
    definition = of_index(scene.sandbox, "session")
    definition["mappings"]["properties"]["breakout_id"] = {"type": "long"}
    scene.sandbox.ask("PUT", f"/{scene.sandbox.prefix}sessions-{LAST.year}", definition)
    refused = {name for name, document in scene.truth.items() if "breakout_id" in document}
    assert refused
    for point, times in REJECTS:
        scene.kill_at(point, times)
    scene.finish(wanted=65)
    taken = {name: document for name, document in scene.truth.items() if name not in refused}
    assert differences(stored(scene.sandbox), taken) == []
    exported = scene.harvester("rejects", "list").stdout.decode().splitlines()
    assert sorted(line for line in exported if line.startswith("zoom:")) == sorted(refused)


def test_killed_around_the_deletion_of_leftovers_it_deletes_all_of_them(scene: Scene) -> None:
    """The state is lost, and the index contains documents that the vendor no longer has."""
    scene.finish()
    scene.harvester = pointed(
        scene.sandbox, scene.simulator, HARVESTER_STATE_DIR=str(scene.sandbox.folder / "new")
    )
    plant(scene)
    for point, times in LEFTOVERS:
        scene.kill_at(point, times)
    scene.finish()
    assert differences(stored(scene.sandbox), scene.truth) == []


def of_index(sandbox: IndexSandbox, kind: Any) -> dict[str, Any]:
    return templates.index_definition(sandbox.cluster(), kind)


def plant(scene: Scene) -> None:
    """Store old sessions that have been merged since, and a meeting in the index of another year."""
    sandbox, old = scene.sandbox, {"harvested_at": "2026-01-02T00:00:00.000Z"}
    stays = [document for document in scene.truth.values() if document["kind"] == "session"][::100]
    meeting = next(document for document in scene.truth.values() if document["kind"] == "meeting")
    sandbox.ask("PUT", f"/{sandbox.prefix}meetings-2025", of_index(sandbox, "meeting"))
    planted = [
        (f"{sandbox.prefix}sessions-{LAST.year}", {**stay, **old, "document_id": f"{stay['document_id']}x"})
        for stay in stays
    ]
    planted.append((f"{sandbox.prefix}meetings-2025", {**meeting, **old}))
    for index, document in planted:
        name = document["document_id"].replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")
        answer = sandbox.ask("PUT", f"/{index}/_doc/{name}?version=1&version_type=external", document)
        assert answer.ok, answer.body
        scene.planted.add((index, document["document_id"]))


@pytest.mark.soak
@pytest.mark.parametrize("times", [1, 2, 3, 5, 8])
@pytest.mark.parametrize(
    "point",
    [point for point in POINTS if point != "never" and "rejects" not in point and "leftovers" not in point],
)
def test_killed_at_any_named_point_again_and_again(
    scene: Scene, undisturbed: Undisturbed, point: str, times: int
) -> None:
    survives(scene, [(point, times if "listing" not in point else 1)] * 3, undisturbed)


@pytest.mark.soak
@pytest.mark.parametrize("plain", [False, True])
def test_a_hundred_kills_at_random_moments(scenes: Open, undisturbed: Undisturbed, plain: bool) -> None:
    survives_random_kills(scenes, 100, undisturbed, seed=100 + plain, plain=plain)
