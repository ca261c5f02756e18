"""A sandbox on an Elasticsearch node: an index prefix for one test, with helpers to load into it and to read it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.retry import ELASTICSEARCH_LIMITS, RetryPolicy
from harvester.sinks.elastic.client import Client, Response
from harvester.sinks.elastic.config import ElasticConfig
from harvester.sinks.elastic.loader import Loader
from harvester.sinks.elastic.templates import flatten, shipped
from harvester.state.layout import rejects_folder
from harvester.state.rejects import Rejects
from tests.e2e.elasticsearch_nodes import Node, User

RETRY = RetryPolicy(
    wait=time.sleep, elapsed=time.monotonic, now=lambda: datetime.now(UTC), limits=ELASTICSEARCH_LIMITS
).within(10.0)

LARGEST_ANSWER = 1_000_000_000
"""The tests read whole indices at once."""

_TEMPLATE_KINDS = ("index_template", "component_template")


def new_prefix() -> str:
    return f"t{uuid.uuid4().hex[:10]}-"


def login(user: User | None) -> dict[str, str]:
    """The credentials of a user, as arguments of `ElasticConfig`."""
    return {} if user is None else {"username": user.name, "password": user.password}


@dataclass(kw_only=True)
class IndexSandbox:
    node: Node
    prefix: str
    folder: Path
    administrator: User | None = None
    _open: list[Client | Rejects] = field(default_factory=list)

    @classmethod
    @contextmanager
    def on(
        cls,
        node: Node,
        folder: Path,
        administrator: User | None = None,
        prefixes: PrefixesWithTemplates | None = None,
    ) -> Iterator[IndexSandbox]:
        """`prefixes`: take the prefix from these, and put it there in the end unless its templates were changed."""
        prefix = prefixes and prefixes.take(node)
        sandbox = cls(node=node, prefix=prefix or new_prefix(), folder=folder, administrator=administrator)
        try:
            yield sandbox
        finally:
            sandbox.delete_indices()
            if prefixes is not None and sandbox.has_shipped_templates():
                prefixes.put(sandbox)
            else:
                sandbox.delete_templates()
            sandbox.close()

    def cluster(self, **more: Any) -> ElasticConfig:
        settings = {
            "host": self.node.url,
            "prefix": self.prefix,
            "max_response_bytes": LARGEST_ANSWER,
            **login(self.administrator),
        }
        return ElasticConfig(**{**settings, **more})

    def client(self, **more: Any) -> Client:
        client = Client(self.cluster(**more), time.monotonic)
        self._open.append(client)
        return client

    def rejects(self) -> Rejects:
        rejects = Rejects(rejects_folder(self.folder, self.node.url, self.prefix), RETRY.now)
        self._open.append(rejects)
        return rejects

    def loader(self, rejects: Rejects | None = None, **more: Any) -> Loader:
        return Loader(self.client(**more), rejects or self.rejects(), RETRY)

    def ask(self, method: str, path: str, body: Any = None) -> Response:
        return self.client().send(method, path, body=body)

    def stored(self) -> dict[str, dict[str, Any]]:
        """Every document of the sandbox by its `_id`, after a refresh."""
        return {hit["_id"]: hit["_source"] for hit in self.hits()}

    def hits(self, query: Any = None) -> list[dict[str, Any]]:
        self.ask("POST", f"/{self.prefix}*/_refresh")
        asked = {"size": 10_000, "version": True, "query": query or {"match_all": {}}}
        answer = self._searched(asked)
        hits: list[dict[str, Any]] = answer["hits"]["hits"]
        return hits

    def _searched(self, asked: dict[str, Any]) -> Any:
        """The answer to a search, tried again while the shards of a new index are not ready."""
        for _ in range(100):
            answer = self.ask("POST", f"/{self.prefix}*/_search", asked)
            if answer.ok:
                return answer.body
            time.sleep(0.1)
        raise AssertionError(f"no search at {self.node.url}: {answer.status} {answer.error_type}")

    def found(self, document_id: str, fields: list[str]) -> set[str]:
        """Those of the fields by which a search finds this document."""
        filters = {field: {"exists": {"field": field}} for field in fields}
        asked = {
            "size": 0,
            "query": {"term": {"document_id": document_id}},
            "aggs": {"found": {"filters": {"filters": filters}}},
        }
        answer = self.ask("POST", f"/{self.prefix}*/_search", asked).body
        return {
            name for name, result in answer["aggregations"]["found"]["buckets"].items() if result["doc_count"]
        }

    def indices(self) -> list[str]:
        return sorted(self.ask("GET", f"/{self.prefix}*").body)

    def delete_indices(self) -> None:
        if indices := self.indices():
            self.ask("DELETE", f"/{','.join(indices)}")

    def delete_templates(self) -> None:
        for kind in _TEMPLATE_KINDS:  # one change of the cluster's state each
            self.ask("DELETE", f"/_{kind}/{self.prefix}*")

    def has_shipped_templates(self) -> bool:
        """Whether the templates of this prefix are those shipped, and no others."""
        found = {
            each["name"]: flatten(each[kind])
            for kind in _TEMPLATE_KINDS
            for each in self.ask("GET", f"/_{kind}/{self.prefix}*").body[f"{kind}s"]
        }
        return found == {each.name: flatten(each.body) for each in shipped(self.cluster())}

    def close(self) -> None:
        for opened in self._open:
            opened.close()


class PrefixesWithTemplates:
    """Prefixes without indices whose templates are as shipped. One test after the other uses them.

    A node needs as long to create the templates and to delete them as for all else of a small harvest.
    """

    def __init__(self) -> None:
        self._free: dict[str, list[IndexSandbox]] = {}

    def take(self, node: Node) -> str | None:
        """None if there is no such prefix: the test's first harvest installs the templates of its own."""
        free = self._free.get(node.url)
        return free.pop().prefix if free else None

    def put(self, sandbox: IndexSandbox) -> None:
        self._free.setdefault(sandbox.node.url, []).append(sandbox)

    def delete_templates(self) -> None:
        for sandbox in (each for free in self._free.values() for each in free):
            sandbox.delete_templates()
            sandbox.close()
