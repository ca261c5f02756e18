"""Elasticsearch nodes for the tests: begun in the background as soon as some chosen test wants one.

`es9`, `es8`: the newest and the oldest supported one, security off; `TEST_ES_URL` and `TEST_ES8_URL` name nodes that
are there already. `es`: a test that takes it runs on both. `secure`: the newest one with users and roles. `place`: a
corner of `es` with a prefix of its own, removed afterwards.
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
from tests.e2e.index_sandbox import Place
from tests.e2e.shared_nodes import Borrower, Fleet, Owner

ROLES = """\
loading:
  indices: [{names: ['*'], privileges: [create_index, write]}]
writing:
  indices: [{names: ['*'], privileges: [write]}]
reading:
  indices: [{names: ['*'], privileges: [read]}]
replacing:
  indices: [{names: ['*'], privileges: [create_index, write, read, maintenance]}]
elsewhere:
  indices:
  - {names: ['*'], privileges: [create_index, write]}
  - {names: ['something-else-*'], privileges: [read, maintenance]}
"""
USERS = tuple(
    User(name=name, password=f"a-password-for-{name}", role=role)
    for name, role in (
        ("admin", "superuser"),
        ("loader", "loading"),
        ("writer", "writing"),
        ("reader", "reading"),
        ("whole", "replacing"),
        ("partial", "elsewhere"),
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
_FLEET = pytest.StashKey[Fleet]()


def _fleet(config: pytest.Config) -> Fleet:
    """Asked for once there are options: an xdist worker is told where its owner is, if that one knows of nodes at all."""
    if _FLEET not in config.stash:
        way = getattr(config, "workerinput", {}).get("nodes")
        config.stash[_FLEET] = Borrower(way) if way else Owner(_STARTS)
    return config.stash[_FLEET]


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        # As Ctrl-C: nodes are sessions of their own, and would stay.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Of xdist: a worker is about to be told its options."""
    owner = _fleet(node.config)
    assert isinstance(owner, Owner)
    node.workerinput["nodes"] = owner.way()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than cores: harvests wait for their vendor's permission half of the time."""
    return (os.cpu_count() or 1) + 1


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


@pytest.fixture
def place(es: Node, tmp_path: Path) -> Iterator[Place]:
    with Place.on(es, tmp_path) as corner:
        yield corner


@pytest.fixture
def newest(es9: Node, tmp_path: Path) -> Iterator[Place]:
    """A corner of the newest one alone, for what has nothing to do with versions."""
    with Place.on(es9, tmp_path) as corner:
        yield corner


@pytest.fixture
def guarded(secure: Node, tmp_path: Path) -> Iterator[Place]:
    """A corner of the secure one; `administrator` is what the test itself looks with."""
    with Place.on(secure, tmp_path, administrator=secure.users["admin"]) as corner:
        yield corner
