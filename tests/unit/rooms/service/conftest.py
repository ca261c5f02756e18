"""One server for all tests of the service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.rooms.service.running_service import Service, Switch, served


@pytest.fixture(scope="session")
def switch() -> Iterator[Switch]:
    with served() as started:
        yield started


@pytest.fixture
def service(switch: Switch) -> Iterator[Service]:
    started = switch.start()
    yield started
    started.changes.close()
