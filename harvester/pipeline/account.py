"""A vendor's connector, built from the settings, with the state of its account."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import connectors
from connectors.base import Connector, Setting, Settings, unset_settings
from connectors.errors import ConfigurationError
from harvester.cli.environment import RunEnvironment
from harvester.pipeline.context import RunContext
from harvester.pipeline.request import HarvestRequest
from harvester.state.account import AccountState
from harvester.state.layout import account_folder

logger = logging.getLogger(__name__)

PUT_IT = "put the settings as NAME=value lines into a file .env in this folder, or one that --env-file names"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """`folder`: where the state of this account lies; `api_url`: the base URL that it is kept apart by."""

    connector: Connector
    context: RunContext
    state: AccountState
    account: str
    api_url: str
    folder: Path

    @property
    def name(self) -> str:
        return self.connector.name


def missing_settings(name: str, env: RunEnvironment) -> list[str]:
    """The required settings of a vendor that are not set."""
    return [setting.name for setting in unset_settings(connectors.load(name).settings, env.environment.get)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a connector is built with, before there is one."""

    settings: Settings
    context: RunContext
    state: AccountState
    api_url: str
    folder: Path


def _not_set(settings: Iterable[Setting], missing: Sequence[str]) -> str:
    where = next(
        (setting.how_to_get for setting in settings if setting.name in missing and setting.how_to_get), ""
    )
    found = f"; to be found {where}" if where else ""
    return f"not set: {', '.join(missing)}; {PUT_IT}{found}"


@contextmanager
def opened(name: str, env: RunEnvironment, request: HarvestRequest) -> Iterator[Account]:
    """The settings and the state of a vendor's account, whether or not the settings are complete."""
    kind = connectors.load(name)
    env.redact(kind.settings)
    values = env.environment.of(kind.settings)
    urls = {setting: value for setting, value in values.items() if setting.endswith("_URL")}
    clock = env.clock(urls)
    api_url = next((url for setting, url in urls.items() if setting.endswith("_API_URL")), "")
    settings = Settings(
        account=env.account,
        values=values,
        options=request.options,
        option_values=request.option_values,
        rate_share=env.rate_share(request.rate_share),
        raw=request.raw,
    )
    folder = account_folder(env.state_folder, name, env.account, api_url)
    state = AccountState(folder, clock.now)
    try:
        context = RunContext(clock, state, env.stop, name)
        yield Account(settings=settings, context=context, state=state, api_url=api_url, folder=folder)
    finally:
        state.close()


@contextmanager
def connected(name: str, env: RunEnvironment, request: HarvestRequest) -> Iterator[Connected]:
    if missing := missing_settings(name, env):
        settings = connectors.load(name).settings
        raise ConfigurationError(env.environment.retired() or _not_set(settings, missing))
    with opened(name, env, request) as account:
        yield Connected(
            connector=connectors.load(name)(account.settings, account.context),
            context=account.context,
            state=account.state,
            account=env.account,
            api_url=account.api_url,
            folder=account.folder,
        )
