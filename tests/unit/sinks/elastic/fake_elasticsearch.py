"""A scripted Elasticsearch for unit tests: answers out of a function, every request kept, no network and no waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from harvester.sinks.elastic.client import Client, Response
from harvester.sinks.elastic.config import ElasticConfig
from harvester.sinks.elastic.retry import RetryPolicy
from tests.unit.fake_context import NOW

CLUSTER = ElasticConfig(host="http://127.0.0.1:9200")
Item = dict[str, Any]


class Waits:
    """The seconds that were waited; the clock stands still but for them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def wait(self, seconds: float) -> None:
        self.seconds.append(seconds)

    def policy(self, seconds: float = 60.0) -> RetryPolicy:
        return RetryPolicy(
            wait=self.wait, elapsed=lambda: sum(self.seconds), now=lambda: NOW, seconds=seconds
        )


class Scripted(Client):
    """`bulk_answer` gets the ids of a bulk request; whatever else is asked for succeeds, unless `others` says otherwise."""

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
        self.asked: list[tuple[str, str]] = []

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
        self.asked.append((method, path))
        told = self._others(method, path)
        missing = method == "GET" and "_template/" in path
        return told or Response(status=404 if missing else 200, body={})


def ids_of(body: bytes) -> list[str]:
    assert body.endswith(b"\n")
    return [orjson.loads(line)["index"]["_id"] for line in body.split(b"\n")[:-1:2]]


def stored(ids: list[str]) -> Response:
    return items([{"status": 201}] * len(ids))


def items(told: list[Item]) -> Response:
    wrong = any(item["status"] >= 300 for item in told)
    return Response(status=200, body={"errors": wrong, "items": [{"index": item} for item in told]})


def refused(status: int, kind: str = "some_exception", reason: str = "because") -> Item:
    return {"status": status, "error": {"type": kind, "reason": reason}}
