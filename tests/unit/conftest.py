"""What the tests of every connector need: its context, and responses instead of a network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import responses

from tests.unit.fake_context import FakeContext


@pytest.fixture
def context() -> FakeContext:
    return FakeContext()


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock
