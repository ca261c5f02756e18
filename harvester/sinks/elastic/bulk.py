"""Sends one batch to Elasticsearch: splits it if it is refused as a whole, retries what may succeed, accounts for every item.

| answer | result |
| --- | --- |
| item 2xx | stored |
| item 409 | superseded: a newer or richer version is stored, or an earlier try whose answer was lost |
| item or request 429, 500, 502, 503, 504, no answer | tried again after a pause, without what is done |
| item 400, 404, other 4xx; 500 repeatedly | rejected, with the reason |
| request 400, 413 | names no item: halved until the culprit is alone |
| request 429 `circuit_breaking_exception` | too large for the memory of the node: halved after a pause |
| 401, 403, a block (403 or 429, if a disk is full), a closed index | the load ends: no other document would fare better |
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

import orjson

from connectors.errors import ConfigurationError
from connectors.retry import RetryPolicy
from harvester.documents import DocumentGroup
from harvester.sinks.elastic.client import RETRYABLE, Client, ErrorCause, Response, wait_before_retry
from harvester.sinks.elastic.index_creation import Indices

OK, SUPERSEDED, REJECTED = range(3)
MAX_SUSPECT_TRIES = 3
"""How often an item is retried whose failure may be its own fault: a 500, an index that keeps vanishing."""

MIN_REQUEST_BYTES = 50_000
"""Lack of memory passes: it never limits later requests to less than this."""


def action_head(index: str, version: int) -> bytes:
    """The action line of every document of one index and version, up to the id as JSON and `ACTION_TAIL`."""
    return b'{"index":{"_index":"%b","version":%d,"version_type":"external","_id":' % (
        index.encode(),
        version,
    )


ACTION_TAIL = b"}}\n"


class Target(NamedTuple):
    """The content of an action line."""

    index_name: str
    document_id: str
    version: int

    @classmethod
    def of(cls, action_line: bytes) -> Target:
        action = orjson.loads(action_line)["index"]
        return cls(action["_index"], action["_id"], action["version"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """Documents to be indexed, in order."""

    lines: bytes
    """The two lines of the bulk API of each, each line with a newline."""
    ends: Sequence[int]
    """Where each operation ends in `lines`."""
    input_lines: Sequence[int]
    """The line of the input that each comes from, from 1; 0 if there is none."""
    index_names: frozenset[str]

    @classmethod
    def of(
        cls, operations: Sequence[bytes], index_names: Iterable[str], input_lines: Sequence[int] = ()
    ) -> Operations:
        """From the lines of each operation."""
        return cls(
            lines=b"".join(operations),
            ends=list(accumulate(map(len, operations))),
            input_lines=input_lines or [0] * len(operations),
            index_names=frozenset(index_names),
        )

    @classmethod
    def of_group(cls, group: DocumentGroup, index_name: str, version: int) -> Operations:
        lines = bytearray()
        ends = group.append_to(lines, (action_head(index_name, version), ACTION_TAIL))
        return cls(
            lines=bytes(lines),
            ends=ends,
            input_lines=[0] * len(ends),
            index_names=frozenset((index_name,)),
        )

    @classmethod
    def merge(cls, parts: Sequence[Operations]) -> Operations:
        offsets = accumulate((len(part.lines) for part in parts), initial=0)
        return cls(
            lines=b"".join([part.lines for part in parts]),
            ends=[offset + end for offset, part in zip(offsets, parts, strict=False) for end in part.ends],
            input_lines=[line for part in parts for line in part.input_lines],
            index_names=frozenset().union(*(part.index_names for part in parts)),
        )

    def split(self, *, size: int, count: int) -> tuple[Operations, Operations | None]:
        """The first operations, up to the one with which they have this size in bytes or this number, and the others."""
        number = min(bisect_left(self.ends, size) + 1, count)
        if number >= len(self):
            return self, None
        return self._part(slice(number)), self._part(slice(number, None))

    def _part(self, part: slice) -> Operations:
        operations = [self._both_lines(place) for place in range(len(self))[part]]
        return self.of(operations, self.index_names, self.input_lines[part])

    def __len__(self) -> int:
        return len(self.ends)

    def body(self, positions: Sequence[int]) -> bytes:
        """The body of a bulk request with these operations."""
        return self.lines if len(positions) == len(self) else b"".join(map(self._both_lines, positions))

    def target(self, position: int) -> Target:
        return Target.of(self._both_lines(position).partition(b"\n")[0])

    def source(self, position: int) -> bytes:
        """The document, as it was encoded."""
        return self._both_lines(position).partition(b"\n")[2].removesuffix(b"\n")

    def _both_lines(self, position: int) -> bytes:
        return self.lines[self.ends[position - 1] if position else 0 : self.ends[position]]


@dataclass(slots=True)
class Results:
    """The outcome of every operation of a batch, by position."""

    outcomes: bytearray
    reasons: dict[int, str] = field(default_factory=dict)
    """Why operations were rejected; may quote documents."""
    kinds: dict[int, str] = field(default_factory=dict)
    """The same in Elasticsearch's fixed vocabulary, for messages."""
    suspect_tries: Counter[int] = field(default_factory=Counter)

    def reject(self, position: int, kind: str, reason: str) -> None:
        self.outcomes[position] = REJECTED
        self.kinds[position] = kind
        self.reasons[position] = f"{kind}: {reason}" if reason else kind


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unfinished:
    """The positions that one request has not settled."""

    split: Sequence[Sequence[int]] = ()
    """To be sent at once, in these parts."""
    retry: Sequence[Sequence[int]] = ()
    """To be sent again after a pause, in these parts."""
    problem: str = ""
    retry_after: str | None = None


class BulkSender:
    """Sends batches to one cluster. Safe for threads."""

    def __init__(self, client: Client, indices: Indices, retry: RetryPolicy) -> None:
        self._client = client
        self._indices = indices
        self._retry = retry
        self.max_request_bytes = 2**63
        """The largest request that has not been refused for its size: a proxy may accept much less than Elasticsearch."""

    def send(self, operations: Operations) -> Results:
        """Return once every operation is settled. Raises what `Client.error_for` does, Unreachable after too long."""
        results = Results(bytearray(len(operations)))
        state = self._retry.start()
        parts: list[Sequence[int]] = [range(len(operations))]
        while parts:
            positions = parts.pop()
            unfinished = self._send_once(operations, positions, results)
            parts.extend(unfinished.split)
            remaining = sum(map(len, (*unfinished.split, *unfinished.retry)))
            if remaining < len(positions):
                state.reset()
            if unfinished.retry:
                wait_before_retry(state, unfinished.problem, unfinished.retry_after)
                parts.extend(unfinished.retry)
        return results

    def _send_once(self, operations: Operations, positions: Sequence[int], results: Results) -> _Unfinished:
        self._indices.ensure(operations.index_names)
        body = operations.body(positions)
        response = self._client.bulk(body)
        if response.ok:
            return self._read_items(operations, positions, response, results)
        if response.status in {400, 413}:
            return self._split(positions, len(body), response, results)
        if response.status in {401, 403} or response.cause.is_block:
            raise self._client.error_for(response.cause)
        if response.status in RETRYABLE:
            return _Unfinished(
                retry=self._halve(positions, len(body)) if response.cause.is_breaker else (positions,),
                problem=self._client.unavailable_reason(response),
                retry_after=response.retry_after,
            )
        raise ConfigurationError(
            f"{self._client.config.url} answers bulk requests with HTTP {response.status}: check ES_HOST"
        )

    def _split(
        self, positions: Sequence[int], size: int, response: Response, results: Results
    ) -> _Unfinished:
        if len(positions) > 1:
            if response.status == 413:
                self.max_request_bytes = min(self.max_request_bytes, size // 2)
            return _Unfinished(split=_halves(positions))
        cause = response.cause
        kind = "too_large" if response.status == 413 else cause.type or "bad_request"
        results.reject(positions[0], kind, cause.reason)
        return _Unfinished()

    def _halve(self, positions: Sequence[int], size: int) -> Sequence[Sequence[int]]:
        """Halve a request that the node has no memory for; a single document only waits for memory."""
        if len(positions) == 1:
            return (positions,)
        self.max_request_bytes = min(self.max_request_bytes, max(size // 2, MIN_REQUEST_BYTES))
        return _halves(positions)

    def _read_items(
        self, operations: Operations, positions: Sequence[int], response: Response, results: Results
    ) -> _Unfinished:
        url = self._client.config.url
        if _is_all_stored(response, len(positions)):
            return _Unfinished()
        items = read_results(response, len(positions))
        if items is None:
            return _Unfinished(
                retry=(positions,), problem=f"Elasticsearch at {url} returns incomplete bulk answers"
            )
        retry, why = [], ""
        for position, result in zip(positions, items, strict=True):
            status = result["status"]
            if status == 409:
                results.outcomes[position] = SUPERSEDED
            elif status >= 300:
                cause = ErrorCause.of(status, result.get("error"))
                if self._should_retry(operations, position, cause, results):
                    retry.append(position)
                    why = cause.type or f"HTTP {cause.status}"
        return _Unfinished(
            retry=(retry,) if retry else (),
            problem=f"Elasticsearch at {url} keeps rejecting documents (overloaded: {why})",
        )

    def _should_retry(
        self, operations: Operations, position: int, cause: ErrorCause, results: Results
    ) -> bool:
        """Whether a failed item is tried again; if not, it is rejected. Raises if no other item would fare better."""
        index_name = operations.target(position).index_name
        if cause.type == "index_closed_exception":
            raise self._client.closed_index(index_name)
        if cause.status in {401, 403} or cause.is_block:
            raise self._client.error_for(cause, index_name)
        vanished = cause.type == "index_not_found_exception"
        if vanished:
            self._indices.forget(index_name)
        if vanished or cause.status == 500:
            results.suspect_tries[position] += 1
        if (vanished or cause.status in RETRYABLE) and results.suspect_tries[position] <= MAX_SUSPECT_TRIES:
            return True
        results.reject(position, cause.type or str(cause.status), cause.reason)
        return False


def _halves(positions: Sequence[int]) -> Sequence[Sequence[int]]:
    """Both halves of these positions, in the order in which they are popped from the list of parts."""
    middle = len(positions) // 2
    return positions[middle:], positions[:middle]


def _items(response: Response, count: int) -> list[Any] | None:
    items = response.body.get("items") if isinstance(response.body, dict) else None
    return items if isinstance(items, list) and len(items) == count else None


def _is_all_stored(response: Response, count: int) -> bool:
    return _items(response, count) is not None and response.body.get("errors") is False


def read_results(response: Response, count: int) -> list[dict[str, Any]] | None:
    """The result of each operation of a bulk answer; `None` if it does not account for every operation."""
    items = _items(response, count)
    if items is None:
        return None
    results = []
    for item in items:
        result = next(iter(item.values()), None) if isinstance(item, dict) else None
        if not isinstance(result, dict) or not isinstance(result.get("status"), int):
            return None
        results.append(result)
    return results
