"""Fixtures for Elasticsearch nodes. A node starts in the background as soon as a selected test needs it.

- `es9`, `es8`: the newest and the oldest supported version, without security. `TEST_ES_URL` and `TEST_ES8_URL` name
  nodes that are already running.
- `es`: both, one after the other: a test that uses it runs twice.
- `secure`: the newest version, with users and roles.
- `meetecho`: the command line against a simulated Meetecho that can be written to.
- `sandbox`: a sandbox on `es`: an index prefix that no other test uses, removed afterwards.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import elasticsearch_nodes as nodes
from tests.e2e.elasticsearch_nodes import Node, User
from tests.e2e.index_sandbox import IndexSandbox, PrefixesWithTemplates
from tests.e2e.long_tests_first import long_first
from tests.e2e.meetecho_bench import Bench, meetecho_bench
from tests.e2e.shared_nodes import Borrower, Owner, SharedNodes

ROLES = """\
loading:
  indices: [{names: ['*'], privileges: [create_index, write]}]
writing:
  indices: [{names: ['*'], privileges: [write]}]
reading:
  indices: [{names: ['*'], privileges: [read]}]
replacing:
  indices: [{names: ['*'], privileges: [create_index, write, read, maintenance]}]
installing:
  cluster: [manage_index_templates]
  indices: [{names: ['*'], privileges: [view_index_metadata]}]
elsewhere:
  indices:
  - {names: ['*'], privileges: [create_index, write]}
  - {names: ['something-else-*'], privileges: [read, maintenance]}
"""
USERS = tuple(
    User(
        name=name,
        password=f"pässwörd-£-for-{name}" if name == "whole" else f"a-password-for-{name}",
        role=role,
    )
    for name, role in (
        ("admin", "superuser"),
        ("loader", "loading"),
        ("writer", "writing"),
        ("reader", "reading"),
        ("whole", "replacing"),
        ("partial", "elsewhere"),
        ("installer", "installing"),
    )
)


def _given(version: str, setting: str) -> Callable[[], Node]:
    if url := os.environ.get(setting):
        return lambda: Node(url=url.rstrip("/"), version=version)
    return lambda: nodes.start(version)


_STARTS: dict[str, Callable[[], Node]] = {
    "es9": _given(nodes.NEWEST, "TEST_ES_URL"),
    "es8": _given(nodes.OLDEST, "TEST_ES8_URL"),
    "secure": lambda: nodes.start(nodes.NEWEST, roles=ROLES, users=USERS),
}
_FLEET = pytest.StashKey[SharedNodes]()


def _fleet(config: pytest.Config) -> SharedNodes:
    """The nodes of this run. An xdist worker asks the process that started it; call this after the options are parsed."""
    if _FLEET not in config.stash:
        way = getattr(config, "workerinput", {}).get("nodes")
        config.stash[_FLEET] = Borrower(way) if way else Owner(_STARTS)
    return config.stash[_FLEET]


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        # As Ctrl-C: nodes are sessions of their own, and would stay.
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """An xdist hook: passes the address of the process with the nodes to a worker."""
    owner = _fleet(node.config)
    assert isinstance(owner, Owner)
    node.workerinput["nodes"] = owner.way()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores: harvests spend most of their time waiting for the vendor's rate limit."""
    return (os.cpu_count() or 1) + 2


@pytest.hookimpl(trylast=True)  # after tests are deselected
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    long = [item.get_closest_marker("long") is not None for item in items]
    items[:] = long_first(items, long, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    for item in session.items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        for name in _STARTS.keys() & {*getattr(item, "fixturenames", ()), *map(str, parameters.values())}:
            _fleet(session.config).begin(name)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _FLEET in config.stash:
        config.stash[_FLEET].close()


@pytest.fixture(scope="session")
def es9(pytestconfig: pytest.Config) -> Node:
    return _fleet(pytestconfig).node("es9")


@pytest.fixture(scope="session")
def es8(pytestconfig: pytest.Config) -> Node:
    return _fleet(pytestconfig).node("es8")


@pytest.fixture(scope="session")
def secure(pytestconfig: pytest.Config) -> Node:
    return _fleet(pytestconfig).node("secure")


@pytest.fixture(params=["es9", "es8"])
def es(request: pytest.FixtureRequest) -> Node:
    node: Node = request.getfixturevalue(request.param)
    return node


@pytest.fixture(scope="session")
def all_prefixes_with_templates() -> Iterator[PrefixesWithTemplates]:
    prefixes = PrefixesWithTemplates()
    yield prefixes
    prefixes.delete_templates()


@pytest.fixture
def prefixes(
    request: pytest.FixtureRequest, all_prefixes_with_templates: PrefixesWithTemplates
) -> PrefixesWithTemplates | None:
    """For a test that may find the templates installed; None for any other test."""
    return all_prefixes_with_templates if request.node.get_closest_marker("with_templates") else None


@pytest.fixture
def sandbox(es: Node, tmp_path: Path, prefixes: PrefixesWithTemplates | None) -> Iterator[IndexSandbox]:
    with IndexSandbox.on(es, tmp_path, prefixes=prefixes) as corner:
        yield corner


@pytest.fixture
def newest(es9: Node, tmp_path: Path, prefixes: PrefixesWithTemplates | None) -> Iterator[IndexSandbox]:
    """A sandbox on the newest version, for tests that do not depend on the version."""
    with IndexSandbox.on(es9, tmp_path, prefixes=prefixes) as corner:
        yield corner


@pytest.fixture
def guarded(secure: Node, tmp_path: Path) -> Iterator[IndexSandbox]:
    """A sandbox on the node with security. The test itself looks at it as `administrator`."""
    with IndexSandbox.on(secure, tmp_path, administrator=secure.users["admin"]) as corner:
        yield corner


@pytest.fixture
def meetecho(tmp_path: Path) -> Iterator[Bench]:
    with meetecho_bench(tmp_path) as bench:
        yield bench
