from __future__ import annotations

from collections.abc import Callable

import pytest
import responses

from connectors.teams import Teams
from connectors.teams.http_client import TeamsClient
from tests.unit.fake_context import FakeContext
from tests.unit.teams.fake_api import Tenant, settings


@pytest.fixture
def tenant(http: responses.RequestsMock) -> Tenant:
    return Tenant(http)


@pytest.fixture
def teams(tenant: Tenant, context: FakeContext) -> Callable[..., Teams]:
    """A connector for a tenant that gives tokens."""

    def build(*options: str, raw: bool = False, share: float = 1.0, **values: str) -> Teams:
        tenant.gives_tokens()
        return Teams(settings(*options, raw=raw, share=share, **values), context)

    return build


@pytest.fixture
def client(teams: Callable[..., Teams]) -> TeamsClient:
    return teams().client
