"""What the settings of a command describe: accounts, the index, its rejects."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import connectors
from connectors.errors import BrokenPlugin, ConfigurationError, HarvestError
from harvester.cli.options import stdout_bytes
from harvester.cli.run_environment import RunEnvironment
from harvester.config import OWN, RETIRED
from harvester.env_file_warnings import unknown_settings
from harvester.logging_setup import ONCE
from harvester.pipeline import destination
from harvester.pipeline.account import (
    Account,
    AccountConfig,
    is_partly_set,
    missing_settings,
    not_set,
    read_settings,
)
from harvester.pipeline.destination import Destination, IndexDestination, StreamDestination
from harvester.pipeline.report import DestinationKind
from harvester.sinks.elastic.config import ElasticConfig
from harvester.state.rejects import Rejects

if TYPE_CHECKING:
    from harvester.state.journal import Journal

logger = logging.getLogger(__name__)


def account_config(vendor: str, env: RunEnvironment) -> AccountConfig:
    """Raises ConfigurationError if a required setting of the vendor is not set."""
    warn_of_unknown_settings(env, [vendor])
    env.redact(connectors.load(vendor).settings)
    return _account_config(vendor, env, read_settings(vendor, env.environment))


def incomplete_account_config(vendor: str, env: RunEnvironment) -> AccountConfig:
    """The same before a login, when settings may still be missing."""
    settings = connectors.load(vendor).settings
    env.redact(settings)
    return _account_config(vendor, env, env.environment.of(settings))


def _account_config(vendor: str, env: RunEnvironment, values: dict[str, str]) -> AccountConfig:
    base_urls = {name: value for name, value in values.items() if name.endswith("_URL")}
    return AccountConfig(
        vendor=vendor,
        label=env.account,
        values=values,
        state_folder=env.state_folder,
        clock=env.clock(base_urls),
        privacy=env.privacy,
        max_response_bytes=env.max_response_bytes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendors:
    """The vendors, by what the settings say of them."""

    configured: Sequence[str]
    """Their required settings are set."""
    missing: Mapping[str, Sequence[str]]
    """The settings that the others lack."""
    broken: Mapping[str, HarvestError]
    """Vendors that cannot be used, and why: some of their required settings are missing, or their package is broken."""


def find_vendors(env: RunEnvironment) -> Vendors:
    configured: list[str] = []
    missing: dict[str, Sequence[str]] = {}
    broken: dict[str, HarvestError] = {}
    for name in sorted(connectors.table()):
        try:
            unset = missing_settings(name, env.environment)
        except BrokenPlugin as error:
            broken[name] = error
            continue
        if is_partly_set(name, env.environment):
            broken[name] = ConfigurationError(f"{name}: {not_set(name, unset)}")
        elif unset:
            missing[name] = unset
        else:
            configured.append(name)
    known = [name for name in connectors.table() if not isinstance(broken.get(name), BrokenPlugin)]
    warn_of_unknown_settings(env, known)
    return Vendors(configured=configured, missing=missing, broken=broken)


def warn_of_unknown_settings(env: RunEnvironment, vendors: Sequence[str]) -> None:
    """Warn of names in .env that look like settings of these vendors or of the harvester, and are none."""
    if env.env_file is None:
        return
    known = [setting.name for setting in OWN] + _setting_names(vendors)
    if not any(unknown_settings(env.env_file, known, accepted=RETIRED)):
        return
    # Only now, since it imports them: settings of other vendors may resemble those of these.
    others = _setting_names([name for name in connectors.table() if name not in vendors])
    accepted = [*RETIRED, *others, *(f"{name}_FILE" for name in others)]
    for message in unknown_settings(env.env_file, known, accepted=accepted):
        logger.warning(message, extra=ONCE)


def _setting_names(vendors: Iterable[str]) -> list[str]:
    """Those of vendors of other packages that cannot be used are left out."""
    names: list[str] = []
    for vendor in vendors:
        with suppress(BrokenPlugin):
            names += [setting.name for setting in connectors.load(vendor).settings]
    return names


def elastic_config(env: RunEnvironment) -> ElasticConfig:
    return destination.elastic_config(env.environment, env.index_period)


@contextmanager
def read_journal(account: Account, env: RunEnvironment) -> Iterator[Journal | None]:
    """The journal of the index that the settings name, if there is one; nothing is written into it."""
    if not env.environment.get("ES_HOST"):
        yield None
        return
    from harvester.pipeline import runner

    with runner.read_journal(account, elastic_config(env)) as journal:
        yield journal


def open_index(env: RunEnvironment) -> AbstractContextManager[IndexDestination]:
    return destination.open_index(elastic_config(env), env.state_folder, env.stop, env.clock({}), env.privacy)


def open_rejects(env: RunEnvironment) -> AbstractContextManager[Rejects]:
    return destination.open_rejects(elastic_config(env), env.state_folder, env.machine)


@contextmanager
def open_destination(
    kind: DestinationKind, output: Path | None, env: RunEnvironment
) -> Iterator[Destination]:
    """`output`: the file of a destination of that kind."""
    if kind == "index":
        with open_index(env) as index:
            yield index
    elif kind == "file" and output is not None:
        with destination.open_file(output, env.stop.wait) as file:
            yield file
    else:
        yield StreamDestination("stdout", stdout_bytes())
