from __future__ import annotations

from collections.abc import Callable

import pytest
import responses

from connectors.zoom import Zoom
from tests.unit.fake_context import FakeContext
from tests.unit.zoom.fake_api import BOTH, Account, settings


@pytest.fixture
def account(http: responses.RequestsMock) -> Account:
    return Account(http)


@pytest.fixture
def zoom(account: Account, context: FakeContext) -> Callable[..., Zoom]:
    """A connector for an account whose app may do everything, unless the arguments say otherwise."""

    def build(*options: str, scope: str = BOTH, raw: bool = False, share: float = 1.0, **values: str) -> Zoom:
        account.gives_tokens(scope=scope)
        return Zoom(settings(*options, raw=raw, share=share, **values), context)

    return build
