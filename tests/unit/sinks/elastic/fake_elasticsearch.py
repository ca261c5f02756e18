"""A scripted Elasticsearch for unit tests: a function gives the answers, requests are recorded, nothing waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from connectors.retry import ELASTICSEARCH_LIMITS, RetryPolicy
from harvester.sinks.elastic.client import Client, Response
from harvester.sinks.elastic.config import ElasticConfig
from tests.unit.fake_context import NOW

CLUSTER = ElasticConfig(host="http://127.0.0.1:9200")
Item = dict[str, Any]


class Waits:
    """Records every wait; its clock moves only by waiting."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def wait(self, seconds: float) -> None:
        self.seconds.append(seconds)

    def policy(self, seconds: float = 60.0) -> RetryPolicy:
        return RetryPolicy(
            wait=self.wait,
            elapsed=lambda: sum(self.seconds),
            now=lambda: NOW,
            limits=replace(ELASTICSEARCH_LIMITS, total_seconds=seconds),
        )


class Scripted(Client):
    """`bulk_answer` gets the ids of a bulk request; every other request succeeds, unless `others` answers it."""

    def __init__(
        self,
        bulk_answer: Callable[[list[str]], Response],
        others: Callable[[str, str], Response | None] = lambda method, path: None,
        config: ElasticConfig = CLUSTER,
    ) -> None:
        self.config = config
        self._bulk_answer = bulk_answer
        self._others = others
        self.bulks: list[list[str]] = []
        self.requests: list[tuple[str, str]] = []

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        content: str = "",
    ) -> Response:
        if path == "/_bulk":
            ids = ids_of(body)
            self.bulks.append(ids)
            return self._bulk_answer(ids)
        self.requests.append((method, path))
        response = self._others(method, path)
        missing = method == "GET" and "_template/" in path
        return response or Response(status=404 if missing else 200, body={})


def ids_of(body: bytes) -> list[str]:
    assert body.endswith(b"\n")
    return [orjson.loads(line)["index"]["_id"] for line in body.split(b"\n")[:-1:2]]


def stored(ids: list[str]) -> Response:
    return items([{"status": 201}] * len(ids))


def items(results: list[Item]) -> Response:
    wrong = any(item["status"] >= 300 for item in results)
    return Response(status=200, body={"errors": wrong, "items": [{"index": item} for item in results]})


def refused(status: int, kind: str = "some_exception", reason: str = "because") -> Item:
    return {"status": status, "error": {"type": kind, "reason": reason}}
