"""Deletes or rewrites documents by id, each only up to a version: a document that is newer or richer by then stays.

| answer | result |
| --- | --- |
| item 2xx | deleted, or rewritten |
| item 404, 409 | already gone; newer or richer, and stays |
| item or request 429, 500, 502, 503, 504, no answer | tried again after a pause, without what is done |
| request 413 | halved |
| request 429 `circuit_breaking_exception` | halved after a pause |
| 403 | MissingPrivileges |
| 401, a block, a closed index | the end: no other document would fare better |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

import orjson

from connectors.errors import ConfigurationError
from connectors.retry import RetryPolicy
from harvester.sinks.elastic.bulk import read_results
from harvester.sinks.elastic.client import RETRYABLE, Client, ErrorCause, Response, wait_before_retry


class MissingPrivileges(Exception):
    """Elasticsearch answers 403: the account lacks the privileges that the message names."""


class Deletion(NamedTuple):
    """A document to delete, unless it is newer or richer than `version` by then."""

    index_name: str
    document_id: str
    version: int
    version_type: Literal["external", "external_gte"] = "external"
    """`external_gte` deletes a document of just this version as well."""

    def line(self) -> bytes:
        action = {
            "_index": self.index_name,
            "_id": self.document_id,
            "version": self.version,
            "version_type": self.version_type,
        }
        return orjson.dumps({"delete": action}, option=orjson.OPT_APPEND_NEWLINE)


class Rewriting(NamedTuple):
    """A document to replace by another with the same version, unless it is newer or richer by then."""

    index_name: str
    document_id: str
    version: int
    source: bytes

    def line(self) -> bytes:
        action = {
            "_index": self.index_name,
            "_id": self.document_id,
            "version": self.version,
            "version_type": "external_gte",
        }
        return orjson.dumps({"index": action}) + b"\n" + self.source + b"\n"


Change = TypeVar("Change", bound=Deletion | Rewriting)


def delete_documents(client: Client, retry: RetryPolicy, deletions: Sequence[Deletion]) -> Iterator[Deletion]:
    """Delete these documents, and yield those that were there and are gone. Raises what `apply_changes` does."""
    return apply_changes(client, retry, deletions)


def apply_changes(client: Client, retry: RetryPolicy, changes: Sequence[Change]) -> Iterator[Change]:
    """Delete or rewrite these documents, and yield those that were there and are changed.

    Raises MissingPrivileges, Unreachable, CredentialsError, ConfigurationError.
    """
    state = retry.start()
    parts = [changes] if changes else []
    while parts:
        part = parts.pop()
        response = client.bulk(b"".join(change.line() for change in part))
        if len(part) > 1 and (response.status == 413 or response.cause.is_breaker):
            if response.cause.is_breaker:
                wait_before_retry(state, client.unavailable_reason(response), response.retry_after)
            middle = len(part) // 2
            parts += part[middle:], part[:middle]
            continue
        remaining = []
        for change, item in zip(part, _items(client, response, len(part)), strict=True):
            status = item.get("status", 500)
            cause = ErrorCause.of(status, item.get("error"))
            if status in RETRYABLE and not cause.is_block:
                remaining.append(change)
            elif 200 <= status < 300:
                yield change
            elif status not in {404, 409}:
                raise cleanup_error(client, cause, "write", change.index_name)
        if remaining:
            if len(remaining) < len(part):
                state.reset()
            wait_before_retry(state, _problem(client, response), response.retry_after)
            parts.append(remaining)


def cleanup_error(client: Client, cause: ErrorCause, privileges: str, index: str = "") -> Exception:
    """The error for a refused deletion, or for a refused search for documents to delete."""
    if cause.status == 403 and not cause.is_block:
        return MissingPrivileges(privileges)
    if cause.status == 401 or cause.is_block:
        return client.error_for(cause, index)
    if cause.type == "index_closed_exception":
        return client.closed_index(index)
    return ConfigurationError(
        f"Elasticsearch at {client.config.url} refuses to search or delete in "
        f"{' and '.join(client.config.index_patterns)} ({cause.type or f'HTTP {cause.status}'}): check whether another "
        "application's index matches these patterns"
    )


def _items(client: Client, response: Response, count: int) -> list[dict[str, Any]]:
    """The result of each item; empty ones, to be retried, if the answer does not account for every item."""
    if response.ok:
        results = read_results(response, count)
        if results is not None:
            return results
    elif response.status not in RETRYABLE or response.cause.is_block:
        raise cleanup_error(client, response.cause, "write")
    return [{}] * count


def _problem(client: Client, response: Response) -> str:
    if response.ok:
        return f"Elasticsearch at {client.config.url} keeps rejecting deletions (overloaded)"
    return client.unavailable_reason(response)
