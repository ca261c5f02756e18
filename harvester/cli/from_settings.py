"""What the settings of a command describe: accounts, the index, its rejects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import connectors
from harvester.cli.options import stdout_bytes
from harvester.cli.run_environment import RunEnvironment
from harvester.pipeline import destination
from harvester.pipeline.account import AccountConfig, missing_settings, read_settings
from harvester.pipeline.destination import Destination, IndexDestination, StreamDestination
from harvester.pipeline.report import DestinationKind
from harvester.sinks.elastic.config import ElasticConfig
from harvester.state.rejects import Rejects


def account_config(vendor: str, env: RunEnvironment) -> AccountConfig:
    """Raises ConfigurationError if a required setting of the vendor is not set."""
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
    )


def configured_vendors(env: RunEnvironment) -> tuple[list[str], dict[str, Sequence[str]]]:
    """The vendors whose required settings are set, and what is missing of the others."""
    missing = {name: missing_settings(name, env.environment) for name in sorted(connectors.table())}
    return [name for name in missing if not missing[name]], {
        name: names for name, names in missing.items() if names
    }


def elastic_config(env: RunEnvironment) -> ElasticConfig:
    return destination.elastic_config(env.environment, env.index_period)


def open_index(env: RunEnvironment) -> AbstractContextManager[IndexDestination]:
    return destination.open_index(elastic_config(env), env.state_folder, env.stop, env.clock({}))


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
