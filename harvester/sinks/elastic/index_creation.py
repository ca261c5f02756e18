"""Creates every index with the shipped mappings before its first document.

Elasticsearch would create a missing index by itself and guess its mappings from the first document, if the templates
could not be installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Lock

from connectors.errors import ConfigurationError
from connectors.retry import RetryPolicy
from harvester.sinks.elastic import templates
from harvester.sinks.elastic.answer_parsing import member, read_objects, read_text
from harvester.sinks.elastic.client import Client, Response


class TooManyNewIndices(ConfigurationError):
    """The documents need more new indices than the load may create: possibly their dates are wrong."""


class Indices:
    """The indices known to exist and to be the harvester's. Safe for threads and for other processes.

    `max_new`: how many may be created; `None`: any number.
    """

    def __init__(
        self,
        client: Client,
        retry: RetryPolicy,
        *,
        max_new: int | None = None,
        on_ready: Callable[[Sequence[str]], None] = lambda _names: None,
    ) -> None:
        """`on_ready`: called with the indices that documents are about to be sent to for the first time, or for the first
        time since one vanished."""
        self._client = client
        self._retry = retry
        self._max_new = max_new
        self._on_ready = on_ready
        self._created: set[str] = set()
        self._known: set[str] = set()
        self._lock = Lock()

    def ensure(self, names: Iterable[str]) -> None:
        """Create missing indices.

        Raises ConfigurationError if an existing one belongs to another application, TooManyNewIndices before it would
        create more than it may.
        """
        if self._known.issuperset(names):
            return
        with self._lock:
            unknown = sorted(set(names) - self._known)
            self._require_few(unknown)
            for name in unknown:
                self._create(name)
            if unknown:
                self._on_ready(unknown)
            self._known.update(unknown)

    def forget(self, name: str) -> None:
        """Check the index again before the next write, because it was deleted meanwhile."""
        with self._lock:
            self._known.discard(name)

    def _require_few(self, unknown: list[str]) -> None:
        if self._max_new is None or len(self._created.union(unknown)) <= self._max_new:
            return
        new = self._created.union(name for name in unknown if self._is_missing(name))
        if len(new) > self._max_new:
            raise TooManyNewIndices(
                f"the documents need more than {self._max_new} new indices at {self._client.config.url}, from "
                f"{min(new)} to {max(new)}: check their dates; if they are right, pass --yes"
            )

    def _is_missing(self, name: str) -> bool:
        return self._client.request(self._retry, "HEAD", f"/{name}").status == 404

    def _create(self, name: str) -> None:
        config = self._client.config
        definition = templates.index_definition(config, config.kind_of(name))
        response = self._client.request(self._retry, "PUT", f"/{name}", body=definition)
        if response.ok:
            self._created.add(name)
        elif response.error_type == "resource_already_exists_exception":
            self._examine(name)
        elif response.error_type == "invalid_index_name_exception":
            raise ConfigurationError(
                f"{name} at {config.url} is an alias, not an index of the harvester; choose another ES_INDEX_PREFIX"
            )
        elif response.error_type == "invalid_alias_name_exception":
            alias = config.alias(config.kind_of(name))
            raise ConfigurationError(
                f"{alias} at {config.url} is an index of another application, but the harvester needs this name for an "
                "alias; choose another ES_INDEX_PREFIX, or rename that index"
            )
        elif response.status == 403 and not response.cause.is_block:
            self._examine_unwritable(name, response)
        elif response.cause.is_block:
            raise self._client.error_for(response.cause, name)
        elif response.cause.is_serverless:
            raise self._client.serverless()
        elif response.error_type == "validation_exception" and "shards" in response.cause.reason:
            raise ConfigurationError(
                f"Elasticsearch at {config.url} cannot create the index {name}: the cluster has reached its limit of "
                "shards (cluster.max_shards_per_node); delete indices that are no longer needed, add a node, or raise the "
                "limit"
            )
        else:
            raise ConfigurationError(
                f"Elasticsearch at {config.url} refuses to create the index {name}: "
                f"{response.error_type or response.status}"
            )

    def _examine_unwritable(self, name: str, refused: Response) -> None:
        # The index may have been created by another account. If this one may not even look, the first document will show.
        response = self._client.request(self._retry, "HEAD", f"/{name}")
        if response.status == 404:
            raise self._client.error_for(refused.cause, name)
        if response.ok:
            self._examine(name)

    def _examine(self, name: str) -> None:
        """Refuse an index that the harvester did not create, or not for this period; trust it if the account may not look."""
        response = self._client.request(self._retry, "GET", f"/{name}/_mapping")
        if not response.ok:
            return
        config = self._client.config
        found = read_objects(self._client, response, f"asked for the mappings of {name}")
        if name not in found:
            raise ConfigurationError(
                f"{name} at {config.url} is an alias, not an index of the harvester; choose another ES_INDEX_PREFIX"
            )
        made = member(found[name], "mappings", "_meta") or {}
        if member(made, "made_by") != templates.MADE_BY:
            raise ConfigurationError(
                f"the index {name} at {config.url} was not created by the harvester; nothing was written to it: "
                "choose another ES_INDEX_PREFIX, or rename that index"
            )
        templates.check_period(made, config, f"the index {name}")


def any_exists(client: Client, retry: RetryPolicy) -> bool:
    """Whether the harvester's indices may exist already; true if the account may not look."""
    client.ping(retry)  # a wrong address should not take minutes to show
    path = (
        f"/{client.config.prefix}*,-{client.config.state_index}?allow_no_indices=false&expand_wildcards=all"
    )
    return client.request(retry, "HEAD", path).status != 404


def index_uuids(client: Client, retry: RetryPolicy) -> dict[str, str] | None:
    """The UUID of each of the harvester's indices, by name; `None` if the account may not look.

    An index that was deleted and created again has another UUID. Looking needs the privilege `view_index_metadata`.
    """
    patterns = ",".join(client.config.index_patterns)
    path = f"/{patterns}/_settings?filter_path=*.settings.index.uuid&expand_wildcards=all"
    response = client.request(retry, "GET", path)
    if response.status == 403:
        return None
    if response.status == 404:
        return {}
    request = "asked for the harvester's indices"
    if not response.ok:
        raise client.unexpected(response, request)
    return {
        name: read_text(client, response, request, name, "settings", "index", "uuid")
        for name in read_objects(client, response, request)
        if client.config.is_own_index(name)
    }
