"""The rejects that a command works with: those of the state folder, and with state in the index those of every quota pool."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

from harvester.cli.from_settings import elastic_config, open_rejects
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.shared_state import StateKind, is_shared, shared_state, shared_state_reader
from harvester.state.layout import is_there, rejects_database, rejects_folder
from harvester.state.rejects import Rejects, open_existing_rejects
from harvester.state.shared.log import DatabaseRecorder
from harvester.state.shared.shared_pool import REJECTS


def rejects_to_read(env: RunEnvironment, state: StateKind | None) -> Generator[Rejects, None, None]:
    """One database after the other, each open until the next one. Of pools, copies: no lease is taken."""
    shared = is_shared(env, state)
    config = elastic_config(env)
    yield from _in_folder(rejects_folder(env.state_folder, config.url, config.prefix), env)
    if shared:
        with shared_state_reader(env) as reader:
            for pool in reader.pools():
                with reader.copy(pool) as folder:
                    yield from _of_pool(folder, env)


def rejects_to_change(env: RunEnvironment, state: StateKind | None) -> Generator[Rejects, None, None]:
    """The same, to be changed: those of a pool with its lease held. Pools without rejects are left out.

    Raises LeaseHeld if a harvest uses a pool.
    """
    with open_rejects(env) as kept:
        yield kept
    if not is_shared(env, state):
        return
    with shared_state(env, "index"), shared_state_reader(env) as reader:
        for name in reader.pools():
            with reader.copy(name) as folder:
                count = sum(map(len, _of_pool(folder, env)))
            if count and env.shared is not None:
                with env.shared.open_named(name) as pool:
                    yield from _of_pool(pool.folder, env, pool.recorder(REJECTS))


def _of_pool(
    folder: Path, env: RunEnvironment, recorder: DatabaseRecorder | None = None
) -> Iterator[Rejects]:
    config = elastic_config(env)
    yield from _in_folder(rejects_folder(folder, config.url, config.prefix), env, recorder)


def _in_folder(
    folder: Path, env: RunEnvironment, recorder: DatabaseRecorder | None = None
) -> Iterator[Rejects]:
    """The rejects in this folder, if there are any."""
    if is_there(rejects_database(folder)):
        now = env.machine.now
        opened = (
            open_existing_rejects(folder, now)
            if recorder is None
            else Rejects(folder, now, recorder=recorder)
        )
        with closing(opened) as kept:
            yield kept
