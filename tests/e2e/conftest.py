"""Elasticsearch nodes for the tests: begun in the background as soon as some chosen test wants one.

`es9`, `es8`: the newest and the oldest supported one, security off; `TEST_ES_URL` and `TEST_ES8_URL` name nodes that
are there already. `es`: a test that takes it runs on both. `secure`: the newest one with users and roles. `place`: a
corner of `es` with a prefix of its own, removed afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e import node as nodes
from tests.e2e.node import Node, User
from tests.e2e.place import Place

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
_pool = ThreadPoolExecutor(len(_STARTS))
_begun: dict[str, Future[Node]] = {}


def _node(name: str) -> Future[Node]:
    if name not in _begun:
        _begun[name] = _pool.submit(_STARTS[name])
    return _begun[name]


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    for item in session.items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        for name in _STARTS.keys() & {*getattr(item, "fixturenames", ()), *map(str, parameters.values())}:
            _node(name)


def pytest_unconfigure() -> None:
    for begun in _begun.values():
        if begun.exception() is None:
            begun.result().stop()
    _pool.shutdown()


@pytest.fixture(scope="session")
def es9() -> Node:
    return _node("es9").result()


@pytest.fixture(scope="session")
def es8() -> Node:
    return _node("es8").result()


@pytest.fixture(scope="session")
def secure() -> Node:
    return _node("secure").result()


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
