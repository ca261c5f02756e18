"""Opens the state that several workers share, in an index of the cluster that the documents go to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING

from harvester.pipeline.destination import retry_policy
from harvester.pipeline.run_clock import Clock
from harvester.pipeline.stop_signal import StopSignal
from harvester.privacy.forgotten_people import ForgottenList
from harvester.sinks.elastic.config import ElasticConfig
from harvester.state.shared.forgotten_lists import ForgottenLists
from harvester.state.shared.lease import LEASE_SECONDS, Worker
from harvester.state.shared.reading import SharedStateReader
from harvester.state.shared.retry import StoreRetry
from harvester.state.shared.shared_pool import SharedState
from harvester.state.shared.token_sealing import TokenSealer

if TYPE_CHECKING:
    from harvester.sinks.elastic.state_index import StateIndex

REQUEST_SECONDS = LEASE_SECONDS / 6
"""A request without an answer must leave time for others before the lease ends."""
CONNECTIONS = 16
READER_TRIES = 20
"""Of each request of a command that only reads."""


@contextmanager
def open_shared_state(
    config: ElasticConfig,
    state_folder: Path,
    keys: str | None,
    *,
    stop: StopSignal,
    machine: Clock,
    clock: Callable[[], float],
) -> Iterator[SharedState]:
    """`keys`: as in `TokenSealer`. `machine`: this machine's own clock; `clock`: seconds that go on while it sleeps.

    Raises Unreachable soon if Elasticsearch does not answer. If the leases are lost, the stop signal ends the run.
    """
    from harvester.sinks.elastic.client import Client
    from harvester.sinks.elastic.state_index import StateIndex

    sealer = TokenSealer(keys)
    retry = retry_policy(stop, machine)
    with (
        closing(
            Client(config, machine.monotonic, connections=CONNECTIONS, seconds=REQUEST_SECONDS)
        ) as client,
        closing(Client(config, machine.monotonic, connections=1, seconds=REQUEST_SECONDS)) as beats,
    ):
        client.ping(retry)
        index = StateIndex(client)
        index.ensure(retry)
        worker = Worker(StateIndex(beats), clock, on_lost=stop.end)
        worker.start()
        try:
            yield SharedState(
                index,
                worker,
                sealer,
                host=config.url,
                prefix=config.prefix,
                own_state=state_folder,
                clock=clock,
                wait=stop.wait,
                pause=Event().wait,
            )
        finally:
            worker.close()


def read_forgotten_lists(
    config: ElasticConfig, keys: str | None, *, stop: StopSignal, machine: Clock
) -> Sequence[ForgottenList]:
    """The people whom all machines leave out, for a command that uses no account. `keys`: as in `TokenSealer`."""
    with _read_only(config, stop, machine) as (store, retry):
        return ForgottenLists(store, retry, TokenSealer(keys)).read()


@contextmanager
def open_shared_state_reader(
    config: ElasticConfig, *, stop: StopSignal, machine: Clock
) -> Iterator[SharedStateReader]:
    """Raises Unreachable soon if Elasticsearch does not answer."""
    with (
        _read_only(config, stop, machine) as (store, retry),
        TemporaryDirectory(prefix="harvester-", ignore_cleanup_errors=True) as folder,
    ):
        yield SharedStateReader(store, retry, Path(folder), host=config.url, prefix=config.prefix)


@contextmanager
def _read_only(
    config: ElasticConfig, stop: StopSignal, machine: Clock
) -> Iterator[tuple[StateIndex, StoreRetry]]:
    from harvester.sinks.elastic.client import Client
    from harvester.sinks.elastic.state_index import StateIndex

    with closing(Client(config, machine.monotonic, connections=1, seconds=REQUEST_SECONDS)) as client:
        client.ping(retry_policy(stop, machine))
        yield StateIndex(client), StoreRetry(require=stop.check, wait=stop.wait, tries=READER_TRIES)
