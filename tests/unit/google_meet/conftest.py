from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import responses

from connectors.google_meet import GoogleMeet
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import Google, settings


@pytest.fixture
def context() -> FakeContext:
    return FakeContext()


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def google(http: responses.RequestsMock) -> Google:
    return Google(http)


@pytest.fixture
def meet(google: Google, context: FakeContext) -> Callable[..., GoogleMeet]:
    """A connector with a service account, unless told otherwise."""

    def build(**how: Any) -> GoogleMeet:
        return GoogleMeet(settings(**how), context)

    return build
