"""Where documents go: stdout, or the Elasticsearch that the settings name. One place builds it for every command."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

from connectors.base import CheckResult
from connectors.errors import ConfigurationError, HarvestError
from connectors.retry import ELASTICSEARCH_LIMITS, RetryPolicy
from harvester.cli.environment import RunEnvironment
from harvester.config import checked_url
from harvester.sinks.base import Sink
from harvester.sinks.elastic.config import ElasticConfig
from harvester.sinks.ndjson import Ndjson
from harvester.state.layout import make_private, rejects_folder
from harvester.state.rejects import Rejects

if TYPE_CHECKING:
    from harvester.sinks.elastic.client import Client

logger = logging.getLogger(__name__)


def cluster(env: RunEnvironment) -> ElasticConfig:
    """The cluster that the settings name; ConfigurationError where they name none."""
    host = env.environment.get("ES_HOST")
    if host is None:
        raise ConfigurationError(
            "ES_HOST is not set: put the URL of your Elasticsearch into .env, or use --es-host"
        )
    return ElasticConfig(
        host=checked_url("ES_HOST", host),
        api_key=env.environment.get("ES_API_KEY"),
        username=env.environment.get("ES_USERNAME"),
        password=env.environment.get("ES_PASSWORD"),
        ca_certs=env.environment.get("ES_CA_CERTS"),
        prefix=env.own["ES_INDEX_PREFIX"],
        period=env.index_period,
    )


def patience(env: RunEnvironment) -> RetryPolicy:
    """Elasticsearch is real even where vendors are simulated: its waits are the machine's own seconds."""
    return RetryPolicy(
        wait=env.stop.wait,
        elapsed=time.monotonic,
        now=lambda: datetime.now(UTC),
        limits=ELASTICSEARCH_LIMITS,
    )


@contextmanager
def rejects(of: ElasticConfig, env: RunEnvironment) -> Iterator[Rejects]:
    folder = make_private(rejects_folder(env.state_folder, of.url, of.prefix))
    kept = Rejects(folder, lambda: datetime.now(UTC))
    try:
        yield kept
    finally:
        kept.close()


class Index:
    """The loader of one cluster, and what else a harvest into it needs."""

    def __init__(self, of: ElasticConfig, client: Client, kept: Rejects, env: RunEnvironment) -> None:
        from harvester.sinks.elastic.loader import Loader

        self.cluster = of
        self._client = client
        self._patience = patience(env)
        self.loader = Loader(client, kept, self._patience)

    def replacing(self, *, spared: Callable[[str], bool]) -> Sink:
        """The loader, with what earlier harvests of a meeting left behind deleted; not of those that are `spared`."""
        from harvester.sinks.elastic.stale_cleanup import StaleCleanupSink

        return StaleCleanupSink(self.loader, self._client, self._patience, spared=spared)

    def has_indices(self) -> bool:
        """Whether there may be any index of ours already."""
        from harvester.sinks.elastic.indices import any_exists

        return any_exists(self._client, self._patience)


@contextmanager
def index(env: RunEnvironment) -> Iterator[Index]:
    """The cluster that the settings name, to load into."""
    from harvester.sinks.elastic.client import Client

    named = cluster(env)
    with rejects(named, env) as kept, closing(Client(named)) as client:
        yield Index(named, client, kept, env)


@contextmanager
def opened(
    destination: str | None,
    env: RunEnvironment,
    stream: BinaryIO,
) -> Iterator[Index | Sink]:
    """The destination that was asked for, else the index where `ES_HOST` is set, else `stream`."""
    indexed = env.environment.get("ES_HOST")
    if destination == "index" or (destination is None and indexed):
        named = cluster(env)
        logger.info(f"documents go to {named.url}, indices {named.prefix}*")
        with index(env) as opened_index:
            yield opened_index
        return
    if destination is None:
        logger.info("documents go to stdout, since ES_HOST is not set")
    yield Ndjson(stream)


def checked(env: RunEnvironment) -> Iterator[CheckResult]:
    """What `harvester check` says of Elasticsearch."""
    if not env.environment.get("ES_HOST"):
        yield CheckResult(
            subject="elasticsearch",
            status="warning",
            message="ES_HOST is not set: documents go to stdout",
            remedy="set ES_HOST to load them into Elasticsearch",
        )
        return
    from harvester.sinks.elastic.check import check
    from harvester.sinks.elastic.client import Client

    try:
        named = cluster(env)
        yield from check(Client(named), patience(env))
    except HarvestError as error:
        yield CheckResult(
            subject="elasticsearch", status="failed", message=str(error), exit_code=error.exit_code
        )
