"""The harvester's contract suite over Parley. It needs a checkout of the harvester, which has the suite."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from harvester_example.simulator import serving
from tests.contract.conftest import DAYS, SHOWN, Simulated, build  # noqa: F401  # pytest finds the fixture `build` by its name in this module
from tests.contract.test_connectors import *  # noqa: F403  # the tests, and their fixtures

pytestmark = pytest.mark.parametrize("name", ["parley"], scope="session")


@pytest.fixture(scope="session")
def simulated() -> Iterator[Simulated]:
    """In the place of the simulator of the harvester's own vendors."""
    shift = SHOWN - datetime.now(UTC)
    with serving(now=lambda: datetime.now(UTC) + shift, days=DAYS) as values:
        yield Simulated(values=values)
