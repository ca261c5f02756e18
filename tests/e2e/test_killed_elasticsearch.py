"""Elasticsearch killed and started again, while two harvests load into it: one waits, and the other one loses its lease."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import elasticsearch_nodes as nodes
from tests.e2e.elasticsearch_nodes import Node
from tests.e2e.forked_command_line import ForkedProcess
from tests.e2e.harness import Simulator, differences
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.test_faults import in_the_background
from tests.e2e.test_shared_state import LEASE_AND_MORE, REFUSED, Scene, opened
from tests.e2e.test_zoom import NOW, pointed, stored

SLOW = {"HARVESTER_RATE_SHARE": "0.1"}
"""For a worker that takes a minute, so that it is not done before the node is killed."""


@pytest.fixture
def mortal() -> Iterator[Node]:
    """A node that the test may kill."""
    node = nodes.start(nodes.NEWEST)
    yield node
    node.stop()


@pytest.fixture
def sandbox(mortal: Node, tmp_path: Path) -> Iterator[IndexSandbox]:
    with IndexSandbox.on(mortal, folder_in(tmp_path, "one state")) as sandbox:
        yield sandbox


@pytest.fixture
def scene(mortal: Node, tmp_path: Path) -> Iterator[Scene]:
    with IndexSandbox.on(mortal, folder_in(tmp_path, "shared state")) as sandbox, opened(sandbox) as scene:
        yield scene


def folder_in(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


@pytest.mark.long
def test_elasticsearch_killed_in_the_middle_of_two_harvests(
    mortal: Node, sandbox: IndexSandbox, scene: Scene, tmp_path: Path
) -> None:
    first, second = scene.worker(**SLOW), scene.worker()
    with Simulator(tmp_path / "simulator", NOW, size=600, days=5, speed=2) as simulator:
        harvester = pointed(sandbox, simulator, HARVESTER_RATE_SHARE="0.5")
        first.start()
        with in_the_background(harvester, "zoom", *simulator.dates) as load:
            await_documents(sandbox, load)
            first.await_requests(10)
            assert load.poll() is None
            mortal.kill()
            assert first.end(LEASE_AND_MORE) == REFUSED, first.stderr
            sent = len(first.requests)
            mortal.begin_again()
            assert load.wait(300) in {0, 69}, (sandbox.folder / "stderr").read_text()
        again = harvester("zoom", *simulator.dates)
        assert again.returncode == 0, again.stderr.decode()
        assert differences(stored(sandbox), simulator.truth) == []

    scene.sandbox.ask("GET", f"/_cluster/health/{scene.sandbox.prefix}*?wait_for_status=yellow&timeout=60s")
    assert second.run() == 0, second.stderr
    assert len(first.requests) == sent
    scene.is_as_the_truth_has_it()
    scene.never_swings_back()


def await_documents(sandbox: IndexSandbox, load: ForkedProcess) -> None:
    """Wait until the index contains some documents. Fails if the load ends before."""
    while load.poll() is None:
        sandbox.ask("POST", f"/{sandbox.prefix}*/_refresh")
        if sandbox.ask("GET", f"/{sandbox.prefix}*/_count").body.get("count", 0) > 100:
            return
        time.sleep(0.05)
    raise AssertionError("the load was over before it was seen")
