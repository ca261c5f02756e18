"""Where a command keeps its state: in the state folder, or in Elasticsearch too, where other workers find it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import click

from connectors.errors import ConfigurationError
from harvester.cli.from_settings import elastic_config
from harvester.cli.run_environment import RunEnvironment
from harvester.logging_setup import EVEN_IF_QUIET, ONCE
from harvester.privacy.forgotten_people import ForgottenList
from harvester.privacy.settings import SALT
from harvester.state.secrets_and_forgotten_people import PrivacyState
from harvester.state.shared.reading import SharedStateReader
from harvester.state.shared.shared_pool import SharedState
from harvester.state.shared.token_sealing import KEY_SETTING

logger = logging.getLogger(__name__)

StateKind = Literal["dir", "index"]

STATE = click.option(
    "--state",
    type=click.Choice(["dir", "index"]),
    help="Keep the state in the state folder (dir), or in Elasticsearch too (index), so that another machine can go on.  "
    "[default: HARVESTER_STATE or dir]",
)


def is_shared(env: RunEnvironment, kind: StateKind | None) -> bool:
    """Whether the state of this kind is in the index; `None`: that of the settings. Raises ConfigurationError if there is none."""
    if (kind or env.own["HARVESTER_STATE"]) == "dir":
        return False
    if not env.environment.get("ES_HOST"):
        raise ConfigurationError(
            "state in the index needs ES_HOST: put the URL of your Elasticsearch into .env, or use --state dir"
        )
    return True


@contextmanager
def shared_state_reader(env: RunEnvironment) -> Iterator[SharedStateReader]:
    """What all machines have in the index. Nothing is written, and no lease is taken."""
    from harvester.pipeline.open_shared_state import open_shared_state_reader

    with open_shared_state_reader(elastic_config(env), stop=env.stop, machine=env.machine) as reader:
        yield reader


@contextmanager
def shared_state(env: RunEnvironment, kind: StateKind | None) -> Iterator[None]:
    """While it lasts, accounts are opened with the state of the chosen kind; `None`: that of the settings."""
    if not is_shared(env, kind):
        yield
        return
    if not env.treatment.keeps_all and not env.environment.get("HARVESTER_PII_KEY"):
        raise ConfigurationError(
            f"HARVESTER_PII is {env.treatment.mode}, and state in the index has ids that every worker must be able to open: set "
            "HARVESTER_PII_KEY, the same for all workers"
        )
    from harvester.pipeline.open_shared_state import open_shared_state

    with open_shared_state(
        elastic_config(env),
        env.state_folder,
        env.environment.get("HARVESTER_STATE_KEY"),
        stop=env.stop,
        machine=env.machine,
        clock=seconds_since_boot,
    ) as shared:
        _share_forgotten_people(env, shared)
        env.shared = shared
        try:
            yield
        finally:
            env.shared = None


def _share_forgotten_people(env: RunEnvironment, shared: SharedState) -> None:
    """The people that this machine's state folder remembers are left out on the others, too."""
    state = PrivacyState(env.state_folder)
    entries = state.forgotten()
    if not entries:
        return
    if not shared.has_key:
        logger.warning(
            "the people that this machine has forgotten are not left out on other machines: set "
            f"{KEY_SETTING}, the same for all machines",
            extra={**EVEN_IF_QUIET, **ONCE},
        )
        return
    shared.forgotten.add(ForgottenList(salt=state.secret(SALT), entries=entries))


def seconds_since_boot() -> float:
    """Goes on while the machine sleeps, if the system has such a clock: a lease does not stop meanwhile."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
