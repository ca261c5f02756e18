"""One batch into Elasticsearch: sent, split where it is refused as a whole, retried in part, every item accounted for.

| answer | what becomes of it |
| --- | --- |
| item 2xx | stored |
| item 409 | superseded: a newer or richer version is there, or our own earlier try whose answer was lost |
| item or request 429, 500, 502, 503, 504, no answer | tried again, only what is left, after a pause |
| item 400, 404, other 4xx; 500 again and again | rejected, with the reason |
| request 400, 413 | names no item: halved until the culprit is alone |
| 401, 403, a block, a closed index | the end: nothing else would fare better |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple, NoReturn

import orjson

from connectors.errors import ConfigurationError, Unreachable
from harvester.sinks.elastic.client import RETRYABLE, Client, Response
from harvester.sinks.elastic.indices import Indices
from harvester.sinks.elastic.retry import RetryPolicy

OK, SUPERSEDED, REJECTED = range(3)
MAX_SUSPECT_TRIES = 3
"""How often an item is tried whose failure may be its own doing: a 500, an index that vanishes."""


class Operation(NamedTuple):
    """One document on its way. `into` names the index; `action` and `source` are the two lines of the bulk API, without newlines."""

    index_name: str
    action: bytes
    source: bytes
    line: int = 0
    """Where it stands in the input, from 1; 0 where there is no such thing."""


_INDEX, _LINES, _END = itemgetter(0), itemgetter(1, 2), (b"",)


def action_head(index: str, version: int) -> bytes:
    """The action line of every document of one index and version, up to the id as JSON and `ACTION_TAIL`."""
    return b'{"index":{"_index":"%b","version":%d,"version_type":"external","_id":' % (
        index.encode(),
        version,
    )


ACTION_TAIL = b"}}"


class Target(NamedTuple):
    """What an action line says."""

    index_name: str
    document_id: str
    version: int

    @classmethod
    def of(cls, operation: Operation) -> Target:
        told = orjson.loads(operation.action)["index"]
        return cls(told["_index"], told["_id"], told["version"])


@dataclass(slots=True)
class Results:
    """What became of every operation of a batch, by place. `reasons`: of the rejected ones, quoting documents;
    `kinds`: the same in Elasticsearch's fixed vocabulary, fit for messages."""

    outcomes: bytearray
    reasons: dict[int, str] = field(default_factory=dict)
    kinds: dict[int, str] = field(default_factory=dict)
    suspect_tries: Counter[int] = field(default_factory=Counter)

    def reject(self, place: int, kind: str, reason: str) -> None:
        self.outcomes[place] = REJECTED
        self.kinds[place] = kind
        self.reasons[place] = f"{kind}: {reason}" if reason else kind


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unfinished:
    """What one request left undone: parts to send at once, and places to try again after a pause."""

    split: Sequence[Sequence[int]] = ()
    retry: Sequence[int] = ()
    reason: str = ""
    retry_after: str | None = None


class BulkSender:
    """Sends batches to one cluster. Safe for threads."""

    def __init__(self, client: Client, indices: Indices, retry: RetryPolicy) -> None:
        self._client = client
        self._indices = indices
        self._retry = retry
        self.max_request_bytes = 2**63
        """What a request may hold, as far as refusals have shown: a proxy may take much less than Elasticsearch."""

    def send(self, operations: Sequence[Operation]) -> Results:
        """Return once nothing is left to be tried. Raises what `client.refused` does, Unreachable after too long."""
        results = Results(bytearray(len(operations)))
        tries = self._retry.start()
        todo: list[Sequence[int]] = [range(len(operations))]
        while todo:
            places = todo.pop()
            rest = self._send_once(operations, places, results)
            todo.extend(rest.split)
            if rest.retry:
                if len(rest.retry) < len(places):
                    tries.reset()
                tries.backoff(rest.reason, rest.retry_after)
                todo.append(rest.retry)
        return results

    def _send_once(
        self, operations: Sequence[Operation], places: Sequence[int], results: Results
    ) -> _Unfinished:
        part = operations if len(places) == len(operations) else [operations[place] for place in places]
        self._indices.ensure(set(map(_INDEX, part)))
        body = b"\n".join(chain(chain.from_iterable(map(_LINES, part)), _END))
        answer = self._client.bulk(body)
        if answer.ok:
            return self._read_items(operations, places, answer, results)
        if answer.status in {400, 413}:
            return self._split(places, len(body), answer, results)
        if answer.status in RETRYABLE:
            return _Unfinished(
                retry=places, reason=self._client.unavailable_reason(answer), retry_after=answer.retry_after
            )
        if answer.status in {401, 403}:
            raise self._client.refusal(answer, "")
        raise ConfigurationError(
            f"{self._client.config.url} answers bulk requests with HTTP {answer.status}: look at ES_HOST"
        )

    def _split(self, places: Sequence[int], size: int, answer: Response, results: Results) -> _Unfinished:
        if answer.status == 413 and len(places) > 1:
            self.max_request_bytes = min(self.max_request_bytes, size // 2)
        if len(places) > 1:
            middle = len(places) // 2
            return _Unfinished(split=(places[middle:], places[:middle]))
        kind = "too_large" if answer.status == 413 else answer.error_type or "bad_request"
        results.reject(places[0], kind, answer.reason)
        return _Unfinished()

    def _read_items(
        self, operations: Sequence[Operation], places: Sequence[int], answer: Response, results: Results
    ) -> _Unfinished:
        items = _items_of(answer, len(places))
        if items is None:
            return _Unfinished(
                retry=places, reason=f"{self._client.config.url} gives bulk answers that are cut short"
            )
        if answer.body.get("errors") is False:
            return _Unfinished()
        later = []
        for place, item in zip(places, items, strict=True):
            told = item.get("index", {})
            status = told.get("status", 500)
            if status == 409:
                results.outcomes[place] = SUPERSEDED
            elif status >= 300 and self._should_retry(operations[place], place, told, status, results):
                later.append(place)
        return _Unfinished(
            retry=later, reason=f"Elasticsearch at {self._client.config.url} does not get on with its work"
        )

    def _should_retry(
        self, operation: Operation, place: int, told: dict[str, Any], status: int, results: Results
    ) -> bool:
        """Whether a refused item is to be tried again; else it is rejected, or the end of everything."""
        error = told.get("error") or {}
        kind, reason = str(error.get("type", status)), str(error.get("reason", ""))
        if status in {401, 403} or kind == "index_closed_exception":
            self._end(operation.index_name, status, kind, reason)
        vanished = kind == "index_not_found_exception"
        if vanished:
            self._indices.forget(operation.index_name)
        if vanished or status == 500:
            results.suspect_tries[place] += 1
        if (vanished or status in RETRYABLE) and results.suspect_tries[place] <= MAX_SUSPECT_TRIES:
            return True
        results.reject(place, kind, reason)
        return False

    def _end(self, index: str, status: int, kind: str, reason: str) -> NoReturn:
        if kind == "index_closed_exception":
            raise Unreachable(
                f"the index {index} at {self._client.config.url} is closed; open it and run this again"
            )
        raise self._client.refused(status, kind, reason, index)


def _items_of(answer: Response, count: int) -> list[dict[str, Any]] | None:
    """The items of a whole bulk answer; `None` for one that does not account for every operation."""
    items = answer.body.get("items") if isinstance(answer.body, dict) else None
    return items if isinstance(items, list) and len(items) == count else None
