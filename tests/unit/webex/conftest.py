from __future__ import annotations

from collections.abc import Callable

import pytest
import responses

from connectors.webex import Webex
from tests.unit.fake_context import FakeContext
from tests.unit.webex.fake_api import ADMIN, Account, settings


@pytest.fixture
def account(http: responses.RequestsMock) -> Account:
    return Account(http)


@pytest.fixture
def webex(account: Account, context: FakeContext) -> Callable[..., Webex]:
    """A connector for an admin's login, unless the arguments say otherwise."""

    def build(
        *options: str, scope: str | None = ADMIN, raw: bool = False, share: float = 1.0, **values: str
    ) -> Webex:
        account.gives_tokens(scope=scope)
        return Webex(settings(*options, raw=raw, share=share, **values), context)

    return build
