"""What the settings of a command describe: accounts, the index, its rejects."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import connectors
from connectors.errors import ConfigurationError
from harvester.accounts_file import RAW
from harvester.cli.configured_accounts import AccountSettings, warn_of_unknown_settings
from harvester.cli.render.echo import stdout_bytes
from harvester.cli.run_environment import RunEnvironment
from harvester.pipeline import destination
from harvester.pipeline.account import Account, AccountConfig, read_settings
from harvester.pipeline.destination import Destination, IndexDestination, StreamDestination
from harvester.pipeline.run_summary import DestinationKind
from harvester.privacy.run_privacy import Privacy
from harvester.sinks.elastic.config import ElasticConfig
from harvester.state.rejects import Rejects

if TYPE_CHECKING:
    from harvester.state.journal import Journal

logger = logging.getLogger(__name__)


def account_config(account: AccountSettings, env: RunEnvironment) -> AccountConfig:
    """Raises ConfigurationError if a required setting of the account is not set."""
    warn_of_unknown_settings(env, [account.vendor])
    env.redact(connectors.load(account.vendor).settings, account.environment)
    return _account_config(account, env, read_settings(account.vendor, account.environment))


def incomplete_account_config(account: AccountSettings, env: RunEnvironment) -> AccountConfig:
    """The same before a login, when settings may still be missing."""
    settings = connectors.load(account.vendor).settings
    env.redact(settings, account.environment)
    return _account_config(account, env, account.environment.of(settings))


def _account_config(account: AccountSettings, env: RunEnvironment, values: dict[str, str]) -> AccountConfig:
    # A URL that is not set is the vendor's own.
    base_urls = {
        account.environment.spelled(setting.name): values.get(setting.name, "")
        for setting in connectors.load(account.vendor).settings
        if setting.name.endswith("_URL")
    }
    if account.raw and not env.treatment.keeps_all:
        raise ConfigurationError(
            f"{account.environment.spelled(RAW)} stores the vendor's rows as they are, and HARVESTER_PII is "
            f"{env.treatment.mode}: set it to false"
        )
    return AccountConfig(
        vendor=account.vendor,
        label=env.account if account.label == env.label else account.label,
        name=account.name,
        values=values,
        options=account.options,
        raw=account.raw,
        state_folder=env.state_folder,
        clock=env.clock(base_urls),
        privacy=env.privacy,
        max_response_bytes=env.max_response_bytes,
        limiters=env.limiters,
        shared=env.shared,
    )


def elastic_config(env: RunEnvironment) -> ElasticConfig:
    return destination.elastic_config(env.environment)


@contextmanager
def read_journal(account: Account, env: RunEnvironment) -> Iterator[Journal | None]:
    """The journal of the index that the settings name, if there is one; nothing is written into it."""
    if not env.environment.get("ES_HOST"):
        yield None
        return
    from harvester.pipeline import runner

    with runner.read_journal(account, elastic_config(env)) as journal:
        yield journal


def open_index(env: RunEnvironment, *, only_lists: bool = False) -> AbstractContextManager[IndexDestination]:
    """Lines that are loaded into it are treated. Records are treated already. `only_lists`: nothing is loaded."""
    return destination.open_index(
        elastic_config(env),
        env.state_folder,
        env.stop,
        env.clock({}),
        _privacy_of_lines(env),
        only_lists=only_lists,
    )


def _privacy_of_lines(env: RunEnvironment) -> Privacy:
    """With the people whom other machines have forgotten, if the state is shared."""
    if env.shared is not None:
        return env.privacy.with_others(env.shared.forgotten.read())
    if env.own["HARVESTER_STATE"] == "dir":
        return env.privacy
    from harvester.pipeline.open_shared_state import read_forgotten_lists

    key = env.environment.get("HARVESTER_STATE_KEY")
    lists = read_forgotten_lists(elastic_config(env), key, stop=env.stop, machine=env.machine)
    return env.privacy.with_others(lists)


def open_rejects(env: RunEnvironment) -> AbstractContextManager[Rejects]:
    return destination.open_rejects(elastic_config(env), env.state_folder, env.machine)


@contextmanager
def open_destination(
    kind: DestinationKind, output: Path | None, env: RunEnvironment, *, only_lists: bool = False
) -> Iterator[Destination]:
    """`output`: the file of a destination of that kind. `only_lists`: nothing is loaded."""
    if kind == "index":
        with open_index(env, only_lists=only_lists) as index:
            yield index
    elif kind == "file" and output is not None:
        with destination.open_file(output, env.stop.wait) as file:
            yield file
    else:
        yield StreamDestination("stdout", stdout_bytes())
