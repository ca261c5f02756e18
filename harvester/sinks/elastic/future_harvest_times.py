"""Gives documents whose `harvested_at` lies in the future another one, so that later harvests can replace them.

Their versions are too high, and Elasticsearch remembers the version of a deleted document for `index.gc_deletes`, a day
for the harvester's indices: until then it refuses a lower one. With -1 it forgets at once. So for as long as this takes the
setting is -1, and each document is deleted and stored again, with the same content, in one request: it is never missing, and
a kill in between loses nothing. Tried with Elasticsearch 8.19 and 9.2; with 0 the lower version is still refused. Changing
the setting needs the privilege `manage`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson

from connectors.models import Detail
from connectors.parsing import format_milliseconds
from connectors.retry import RetryPolicy
from harvester.documents import version
from harvester.sinks.elastic.answer_parsing import member, read_documents
from harvester.sinks.elastic.bulk import read_results
from harvester.sinks.elastic.client import RETRYABLE, Client, ErrorCause, Response, wait_before_retry
from harvester.sinks.elastic.deletion import MissingPrivileges
from harvester.state.wrong_times import TOLERANCE

BATCH = 500
_IGNORE_MISSING = "ignore_unavailable=true&allow_no_indices=true"
FORGET_AT_ONCE = "-1"
OWN_SETTING = "24h"
"""Of `index.gc_deletes` in the harvester's indices."""


def count_future(client: Client, *, vendor: str, account: str, now: datetime) -> int:
    """How many documents of the account were harvested in the future; 0 if the account may not search."""
    client.send("POST", f"/{','.join(client.config.index_patterns)}/_refresh?{_IGNORE_MISSING}")
    after = format_milliseconds(now + TOLERANCE)
    filters = [
        {"term": {"vendor": vendor}},
        {"term": {"account": account}},
        {"range": {"harvested_at": {"gt": after, "format": "strict_date_time"}}},
    ]
    path = f"/{','.join(client.config.index_patterns)}/_count?{_IGNORE_MISSING}"
    response = client.send("POST", path, body={"query": {"bool": {"filter": filters}}})
    count = member(response.body, "count") if response.ok else None
    return count if isinstance(count, int) else 0


def redate(client: Client, retry: RetryPolicy, index: str, ids: Sequence[str], at: datetime) -> int:
    """Store these documents again as of `at`, those that are older by now excepted. Returns how many there were.

    Raises MissingPrivileges without the privilege `manage`; Unreachable, CredentialsError, ConfigurationError.
    """
    count = 0
    with _versions_forgotten(client, retry, index):
        for first in range(0, len(ids), BATCH):
            found = _read(client, retry, index, ids[first : first + BATCH])
            lines = [line for hit in found if (line := _lines(index, hit, at))]
            _send(client, retry, lines)
            count += len(lines)
    return count


@contextmanager
def _versions_forgotten(client: Client, retry: RetryPolicy, index: str) -> Iterator[None]:
    """The versions of deleted documents are forgotten at once."""
    path = f"/{quote(index)}/_settings"
    response = _require(
        client, client.request(retry, "GET", f"{path}?filter_path=*.settings.index.gc_deletes")
    )
    before = _gc_deletes(response, index)
    _set(client, retry, path, FORGET_AT_ONCE)
    try:
        yield
    finally:
        # A repair that was killed has left -1.
        _set(client, retry, path, OWN_SETTING if before == FORGET_AT_ONCE else before)


def remember_versions(client: Client, retry: RetryPolicy, index: str) -> None:
    """Undo what a `redate` that was killed has left in the settings of an index; nothing if there is no such index.

    Raises as `redate` does.
    """
    path = f"/{quote(index)}/_settings"
    response = client.request(retry, "GET", f"{path}?filter_path=*.settings.index.gc_deletes")
    if response.status == 404:
        return
    if _gc_deletes(_require(client, response), index) == FORGET_AT_ONCE:
        _set(client, retry, path, OWN_SETTING)


def _gc_deletes(response: Response, index: str) -> Any:
    return member(response.body, index, "settings", "index", "gc_deletes")


def _set(client: Client, retry: RetryPolicy, path: str, value: str | None) -> None:
    _require(client, client.request(retry, "PUT", path, body={"index": {"gc_deletes": value}}))


def _require(client: Client, response: Response) -> Response:
    if response.status == 403 and not response.cause.is_block:
        raise MissingPrivileges("manage")
    if not response.ok:
        if response.cause.is_block:
            raise client.error_for(response.cause)
        raise client.unexpected(response, "asked to change index.gc_deletes")
    return response


def _read(client: Client, retry: RetryPolicy, index: str, ids: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """The documents as they are now, with their versions."""
    response = _require(
        client, client.request(retry, "POST", f"/{quote(index)}/_mget", body={"ids": list(ids)})
    )
    return read_documents(client, response)


def _lines(index: str, hit: Mapping[str, Any], at: datetime) -> bytes:
    """The lines of a bulk request that replace the document; none if it is older, or its detail is unknown."""
    source = hit["_source"]
    detail = Detail.__members__.get(source.get("detail", ""))
    if detail is None or version(detail, at) >= hit["_version"]:
        return b""
    same = {"_index": index, "_id": hit["_id"]}
    delete = {"delete": {**same, "version": hit["_version"], "version_type": "external_gte"}}
    store = {"index": {**same, "version": version(detail, at), "version_type": "external"}}
    document = {**source, "harvested_at": format_milliseconds(at)}
    return b"".join(
        orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in (delete, store, document)
    )


def _send(client: Client, retry: RetryPolicy, lines: Sequence[bytes]) -> None:
    """Send until every document is stored. To repeat a pair does no harm: what was deleted is stored, and what is newer stays."""
    state = retry.start()
    parts = [lines] if lines else []
    while parts:
        part = parts.pop()
        response = client.bulk(b"".join(part))
        if len(part) > 1 and (response.status == 413 or response.cause.is_breaker):
            middle = len(part) // 2
            parts += part[middle:], part[:middle]
            continue
        left = [
            line
            for line, item in zip(part, _stored_items(client, response, len(part)), strict=True)
            if not item
        ]
        if left:
            wait_before_retry(state, client.unavailable_reason(response), response.retry_after)
            parts.append(left)


def _stored_items(client: Client, response: Response, count: int) -> list[bool]:
    """Which documents are stored, or were newer; the others have to be sent again."""
    results = read_results(response, 2 * count) if response.ok else None
    if results is None:
        if not response.ok and (response.status not in RETRYABLE or response.cause.is_block):
            _require(client, response)
        return [False] * count
    causes = [ErrorCause.of(result["status"], result.get("error")) for result in results[1::2]]
    for cause in causes:
        if cause.status not in {200, 201, 409, *RETRYABLE} or cause.is_block:
            raise (
                client.error_for(cause)
                if cause.status in {401, 403}
                else client.unexpected(response, "asked to store")
            )
    return [cause.status in {200, 201, 409} for cause in causes]
