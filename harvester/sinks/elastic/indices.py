"""Every index is created here, with the mappings that are shipped, before its first document: none by guess.

Elasticsearch would create a missing index by itself and map it by what comes first. Where the templates could not be
installed that would be nobody's intention, and so it is never left to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import Any

from connectors.errors import ConfigurationError
from harvester.sinks.elastic import templates
from harvester.sinks.elastic.client import Client, Response
from harvester.sinks.elastic.retry import RetryPolicy


class Indices:
    """The indices known to be there and ours. Safe for threads; another process may create the same ones."""

    def __init__(self, client: Client, retry: RetryPolicy) -> None:
        self._client = client
        self._retry = retry
        self._known: set[str] = set()
        self._lock = Lock()

    def ensure(self, names: Iterable[str]) -> None:
        """Create what is missing. Raises ConfigurationError when one of the names is somebody else's."""
        if self._known.issuperset(names):
            return
        with self._lock:
            for name in sorted(set(names) - self._known):
                self._create(name)
                self._known.add(name)

    def forget(self, name: str) -> None:
        """Somebody deleted it: look again before the next write."""
        with self._lock:
            self._known.discard(name)

    def _create(self, name: str) -> None:
        config = self._client.config
        definition = templates.index_definition(config, config.kind_of(name))
        answer = self._client.request(self._retry, "PUT", f"/{name}", body=definition)
        if answer.ok:
            return
        if answer.error_type == "resource_already_exists_exception":
            self._examine(name)
        elif answer.error_type == "invalid_index_name_exception":
            raise ConfigurationError(
                f"{name} at {config.url} is an alias, not an index of ours; choose another ES_INDEX_PREFIX"
            )
        elif answer.error_type == "invalid_alias_name_exception":
            alias = config.alias(config.kind_of(name))
            raise ConfigurationError(
                f"{alias} at {config.url} is an index of somebody else's, where our alias should be; choose another "
                "ES_INDEX_PREFIX, or move it away"
            )
        elif answer.status == 403 and answer.error_type != "cluster_block_exception":
            self._examine_unwritable(name, answer)
        elif answer.status == 403:
            raise self._client.refusal(answer, name)
        else:
            raise ConfigurationError(
                f"Elasticsearch at {config.url} does not create the index {name}: "
                f"{answer.error_type or answer.status}"
            )

    def _examine_unwritable(self, name: str, refused: Response) -> None:
        # Somebody with the right may have created it for us. Where we may not even look, the first document tells.
        answer = self._client.request(self._retry, "HEAD", f"/{name}")
        if answer.status == 404:
            raise self._client.refusal(refused, name)
        if answer.ok:
            self._examine(name)

    def _examine(self, name: str) -> None:
        """Refuse an index that was not made by us, or for another period; trust where the account may not look."""
        answer = self._client.request(self._retry, "GET", f"/{name}/_mapping")
        if not answer.ok:
            return
        config = self._client.config
        if name not in answer.body:
            raise ConfigurationError(
                f"{name} at {config.url} is an alias, not an index of ours; choose another ES_INDEX_PREFIX"
            )
        made = _meta(answer.body[name])
        if made.get("made_by") != templates.MADE_BY:
            raise ConfigurationError(
                f"the index {name} at {config.url} was not made by the harvester; nothing was written to it: choose "
                "another ES_INDEX_PREFIX, or move it away"
            )
        templates.check_period(made, config, f"the index {name}")


def _meta(index: dict[str, Any]) -> dict[str, Any]:
    meta = index.get("mappings", {}).get("_meta")
    return meta if isinstance(meta, dict) else {}


def any_exists(client: Client, retry: RetryPolicy) -> bool:
    """Whether any index of ours may be there already; yes where the account may not look."""
    client.ping(retry)  # asked before anything else is: a wrong address should not take minutes to show
    path = f"/{client.config.prefix}*?allow_no_indices=false&expand_wildcards=all"
    return client.request(retry, "HEAD", path).status != 404
