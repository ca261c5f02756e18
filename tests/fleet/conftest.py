"""Fixtures: where Airflow is, a prepared home of it, and an Elasticsearch node."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e import elasticsearch_nodes as nodes
from tests.e2e.elasticsearch_nodes import Node
from tests.e2e.index_sandbox import IndexSandbox
from tests.fleet.airflow_home import AirflowHome

NewHome = Callable[..., AirflowHome]


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder with Airflow's programs."""
    folder = os.environ.get("TEST_AIRFLOW_BIN")
    if folder is None:
        pytest.fail("TEST_AIRFLOW_BIN is not set: run these tests with `make test-fleet`", pytrace=False)
    return Path(folder).absolute()


@pytest.fixture(scope="session")
def database(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new database of Airflow, to copy: making one takes seconds."""
    home = AirflowHome(folder=tmp_path_factory.mktemp("airflow"), programs=programs, settings={})
    home.airflow("db", "migrate")
    return home.folder / "airflow.db"


@pytest.fixture
def new_home(programs: Path, database: Path, tmp_path: Path) -> NewHome:
    def create(settings: dict[str, str], chunks: int = 4) -> AirflowHome:
        home = AirflowHome(folder=tmp_path / "airflow", programs=programs, settings=settings, chunks=chunks)
        shutil.copy(database, home.folder)
        return home

    return create


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    if url := os.environ.get("TEST_ES_URL"):
        yield Node(url=url.rstrip("/"), version=nodes.NEWEST)
        return
    try:
        yield nodes.start(nodes.NEWEST)
    finally:
        nodes.stop_all()


@pytest.fixture
def sandbox(node: Node, tmp_path: Path) -> Iterator[IndexSandbox]:
    with IndexSandbox.on(node, tmp_path) as corner:
        yield corner
