from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import responses

from connectors.meetecho import Meetecho
from tests.unit.fake_context import FakeContext
from tests.unit.meetecho.fake_api import Account, settings


@pytest.fixture
def account(http: responses.RequestsMock) -> Account:
    return Account(http)


@pytest.fixture
def meetecho(account: Account, context: FakeContext) -> Callable[..., Meetecho]:
    def build(**how: Any) -> Meetecho:
        return Meetecho(settings(**how), context)

    return build


@pytest.fixture
def alone(meetecho: Callable[..., Meetecho]) -> Callable[..., Meetecho]:
    """The same without Meetecho's credentials."""

    def build(**how: Any) -> Meetecho:
        return meetecho(MEETECHO_CLIENT_ID="", MEETECHO_CLIENT_SECRET="", **how)

    return build
