"""Where documents go: an index of Elasticsearch, stdout, or a file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, Literal

from connectors.errors import ConfigurationError
from connectors.retry import ELASTICSEARCH_LIMITS, RetryPolicy
from harvester.config import OWN, Environment, max_response_bytes
from harvester.logging_setup import EVEN_IF_QUIET, ONCE
from harvester.output_file import prepare_output, wait_uninterrupted
from harvester.pipeline.run_clock import Clock
from harvester.pipeline.run_summary import DestinationKind
from harvester.pipeline.stop_signal import StopSignal
from harvester.privacy.run_privacy import Privacy
from harvester.setting_checks import checked_url, is_nearby
from harvester.sinks.base import Sink
from harvester.sinks.elastic.config import ElasticConfig
from harvester.sinks.ndjson import Ndjson
from harvester.state.layout import can_write, make_private, rejects_database, rejects_folder
from harvester.state.rejects import Rejects
from harvester.write_errors import write_errors

if TYPE_CHECKING:
    from harvester.pipeline.index_generation import IndexListener
    from harvester.sinks.elastic.client import Client
    from harvester.sinks.elastic.loader import Preparation

logger = logging.getLogger(__name__)

ANOTHER_FILE = "name another with --output"


class IndexDestination:
    """An index, and what a run into it needs."""

    kind: Literal["index"] = "index"

    def __init__(
        self,
        config: ElasticConfig,
        client: Client,
        rejects: Rejects,
        retry: RetryPolicy,
        now: Callable[[], datetime],
        privacy: Privacy | None = None,
        preparation: Preparation | None = None,
    ) -> None:
        """`now`: the calendar of the documents, which a simulator may shift. `privacy`: for documents in lines; records are
        treated already. `preparation`: that of others with the same index."""
        from harvester.sinks.elastic.loader import Loader, Preparation

        self.config = config
        self._preparation = preparation or Preparation()
        self._privacy = privacy
        treat = None if privacy is None or privacy.keeps_all else privacy.document
        self.loader = Loader(client, rejects, retry, now=now, treat=treat, preparation=self._preparation)
        self._client = client
        self._rejects = rejects
        self._retry = retry
        self._now = now

    @contextmanager
    def for_account(self) -> Iterator[IndexDestination]:
        """The same with connections of its own, for one of several accounts that are harvested side by side."""
        from harvester.sinks.elastic.client import Client

        with closing(Client(self.config, self._retry.elapsed)) as client:
            yield self._with(client, self._rejects)

    def with_rejects(self, rejects: Rejects) -> IndexDestination:
        """The same with other rejects."""
        return self._with(self._client, rejects)

    def _with(self, client: Client, rejects: Rejects) -> IndexDestination:
        return IndexDestination(
            self.config,
            client,
            rejects,
            self._retry,
            self._now,
            privacy=self._privacy,
            preparation=self._preparation,
        )

    def sink(self) -> Sink:
        """The loader, which also deletes the stale documents of each meeting that it loads."""
        from harvester.sinks.elastic.stale_cleanup_sink import StaleCleanupSink

        return StaleCleanupSink(self.loader, self._client, self._retry)

    def has_indices(self) -> bool:
        """Whether any index with the prefix exists."""
        from harvester.sinks.elastic.index_creation import any_exists

        return any_exists(self._client, self._retry)

    def count_future(self, vendor: str, account: str, now: datetime) -> int:
        """How many documents of the account were harvested in the future; 0 if it may not look."""
        from harvester.sinks.elastic.future_harvest_times import count_future

        return count_future(self._client, vendor=vendor, account=account, now=now)

    def remember_versions(self, index: str) -> None:
        """Undo what a repair that was killed has left in the settings of an index; a warning if the account may not."""
        from harvester.sinks.elastic.deletion import MissingPrivileges
        from harvester.sinks.elastic.future_harvest_times import remember_versions

        try:
            remember_versions(self._client, self._retry, index)
        except MissingPrivileges as missing:
            logger.warning(
                f"a repair was killed and has left index.gc_deletes of {index} at -1; setting it to 24h needs the privilege "
                f"{missing} on that index",
                extra=EVEN_IF_QUIET,
            )

    def ping(self) -> None:
        """Raises Unreachable soon, not after minutes, if Elasticsearch does not answer."""
        self._client.ping(self._retry)

    def uuids(self) -> dict[str, str] | None:
        """The UUID of each index, by name; `None` if the account may not look."""
        from harvester.sinks.elastic.index_identity import visible_uuids

        return visible_uuids(self._client, self._retry)

    def newest_harvest(self, vendor: str, account: str) -> datetime | None:
        """The newest `harvested_at` of an account's documents; `None` if there are none, or the account may not read."""
        from harvester.sinks.elastic.index_identity import newest_harvest

        return newest_harvest(self._client, self._retry, vendor, account)

    @contextmanager
    def notifying(self, listener: IndexListener) -> Iterator[None]:
        """The listener is called before documents are first sent to an index, as long as the context lasts."""
        self.loader.index_listeners.append(listener)
        try:
            yield
        finally:
            self.loader.index_listeners.remove(listener)


class StreamDestination:
    """stdout or a file."""

    def __init__(self, kind: Literal["stdout", "file"], stream: BinaryIO, name: str = "the output") -> None:
        self.kind = kind
        self.complete = True
        """False: the run was stopped, and a file goes to `incomplete_path` instead of its place."""
        self.incomplete_path: Path | None = None
        self._stream = stream
        self._name = name
        self._lock = Lock()

    @contextmanager
    def for_account(self) -> Iterator[StreamDestination]:
        """The same: several accounts write into one stream, each meeting as a whole."""
        yield self

    def sink(self) -> Sink:
        return Ndjson(self._stream, self._name, self._lock)


Destination = IndexDestination | StreamDestination


def choose_destination(
    named: Literal["stdout", "index"] | None, output: Path | None, settings: Environment
) -> DestinationKind:
    """Where documents go: as named, else to the output file, else into the index if `ES_HOST` is set, else to stdout.

    Raises ValueError for an output file together with the index.
    """
    if output is not None and named == "index":
        raise ValueError("--output is for documents that do not go into the index; leave out one of the two")
    if output is not None:
        return "stdout" if output == Path("-") else "file"
    return named or ("index" if settings.get("ES_HOST") else "stdout")


def elastic_config(settings: Environment) -> ElasticConfig:
    """The cluster and the indices that the settings name. Raises ConfigurationError if they name none."""
    host = settings.get("ES_HOST")
    if host is None:
        raise ConfigurationError(
            "ES_HOST is not set: put the URL of your Elasticsearch into .env, or use --es-host"
        )
    url = checked_url(settings.spelled("ES_HOST"), host, http_anywhere=True)
    if url.startswith("http://") and not is_nearby(url):
        logger.warning("ES_HOST is http://: documents and credentials are sent unencrypted", extra=ONCE)
    own = settings.of(OWN)
    try:
        return ElasticConfig(
            host=url,
            api_key=settings.get("ES_API_KEY"),
            username=settings.get("ES_USERNAME"),
            password=settings.get("ES_PASSWORD"),
            ca_certs=settings.get("ES_CA_CERTS"),
            prefix=own["ES_INDEX_PREFIX"],
            period="month" if own["ES_INDEX_PERIOD"] == "month" else "year",
            max_response_bytes=max_response_bytes(own["HARVESTER_MAX_RESPONSE_MB"]),
        )
    except ConfigurationError as error:
        raise ConfigurationError(settings.in_words(str(error))) from None


def retry_policy(stop: StopSignal, machine: Clock) -> RetryPolicy:
    """`machine`: this machine's own clock, since Elasticsearch is real even if the vendors are simulated."""
    return RetryPolicy(wait=stop.wait, elapsed=machine.elapsed, now=machine.now, limits=ELASTICSEARCH_LIMITS)


@contextmanager
def open_rejects(
    config: ElasticConfig, state_folder: Path, machine: Clock, *, only_lists: bool = False
) -> Iterator[Rejects]:
    """`only_lists`: nothing is loaded, so a folder that cannot be written is enough."""
    folder = rejects_folder(state_folder, config.url, config.prefix)
    in_memory = only_lists and not can_write(folder, rejects_database(folder))
    rejects = Rejects(folder if in_memory else make_private(folder), machine.now, in_memory=in_memory)
    try:
        yield rejects
    finally:
        rejects.close()


@contextmanager
def open_index(
    config: ElasticConfig,
    state_folder: Path,
    stop: StopSignal,
    clock: Clock,
    privacy: Privacy | None = None,
    *,
    only_lists: bool = False,
) -> Iterator[IndexDestination]:
    """`privacy`: for documents in lines; records are treated already. `only_lists`: as of `open_rejects`."""
    machine = clock.machine
    from harvester.sinks.elastic.client import Client

    with (
        open_rejects(config, state_folder, machine, only_lists=only_lists) as rejects,
        closing(Client(config, machine.monotonic)) as client,
    ):
        yield IndexDestination(config, client, rejects, retry_policy(stop, machine), clock.now, privacy)


@contextmanager
def open_file(
    path: Path, wait: Callable[[float], object] = wait_uninterrupted
) -> Iterator[StreamDestination]:
    """The file, which takes the place of an earlier one at the end of the block if it is complete.

    Raises OutputError if it cannot be written. `wait`: as in `prepare_output`.
    """
    with write_errors(path, elsewhere=ANOTHER_FILE):
        file = prepare_output(path, wait=wait)
    destination = StreamDestination("file", file.stream, str(path))
    destination.incomplete_path = file.incomplete_path
    try:
        yield destination
    except BaseException:
        file.discard()
        raise
    file.complete = destination.complete
    with write_errors(path, elsewhere=ANOTHER_FILE):
        file.close()
