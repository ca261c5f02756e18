"""A scripted Elasticsearch for unit tests: answers out of a function, every request kept, no network and no waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from harvester.sinks.elastic.client import Answer, Client
from harvester.sinks.elastic.config import Cluster
from harvester.sinks.elastic.retry import Patience
from tests.unit.fake_context import NOW

CLUSTER = Cluster(host="http://127.0.0.1:9200")
Item = dict[str, Any]


class Waits:
    """The seconds that were waited; the clock stands still but for them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def wait(self, seconds: float) -> None:
        self.seconds.append(seconds)

    def patience(self, seconds: float = 60.0) -> Patience:
        return Patience(wait=self.wait, elapsed=lambda: sum(self.seconds), now=lambda: NOW, seconds=seconds)


class Scripted(Client):
    """`bulk_answer` gets the ids of a bulk request; whatever else is asked for succeeds, unless `others` says otherwise."""

    def __init__(
        self,
        bulk_answer: Callable[[list[str]], Answer],
        others: Callable[[str, str], Answer | None] = lambda method, path: None,
        cluster: Cluster = CLUSTER,
    ) -> None:
        self.cluster = cluster
        self._bulk_answer = bulk_answer
        self._others = others
        self.bulks: list[list[str]] = []
        self.asked: list[tuple[str, str]] = []

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        content: str = "",
    ) -> Answer:
        if path == "/_bulk":
            ids = ids_of(body)
            self.bulks.append(ids)
            return self._bulk_answer(ids)
        self.asked.append((method, path))
        told = self._others(method, path)
        missing = method == "GET" and "_template/" in path
        return told or Answer(status=404 if missing else 200, body={})


def ids_of(body: bytes) -> list[str]:
    assert body.endswith(b"\n")
    return [orjson.loads(line)["index"]["_id"] for line in body.split(b"\n")[:-1:2]]


def stored(ids: list[str]) -> Answer:
    return items([{"status": 201}] * len(ids))


def items(told: list[Item]) -> Answer:
    wrong = any(item["status"] >= 300 for item in told)
    return Answer(status=200, body={"errors": wrong, "items": [{"index": item} for item in told]})


def refused(status: int, kind: str = "some_exception", reason: str = "because") -> Item:
    return {"status": status, "error": {"type": kind, "reason": reason}}
