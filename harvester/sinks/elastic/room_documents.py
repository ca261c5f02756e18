"""Loads the documents of rooms: their states into one index, their bookings into one per period.

Each document replaces an older one with its id, since its version is the time at which its calendar was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from connectors.errors import ConfigurationError, CredentialsError
from connectors.models import Window
from connectors.parsing import format_milliseconds
from connectors.retry import RetryPolicy
from harvester.documents import encode
from harvester.sinks.elastic.answer_parsing import read_hits
from harvester.sinks.elastic.bulk import ACTION_TAIL, REJECTED, BulkSender, Operations, action_head
from harvester.sinks.elastic.client import Client, Response
from harvester.sinks.elastic.deletion import Deletion, MissingPrivileges, delete_documents
from harvester.sinks.elastic.index_creation import Indices

BATCH = 500


class RoomDocuments:
    """Safe for one thread at a time."""

    def __init__(self, client: Client, retry: RetryPolicy) -> None:
        self._client = client
        self._retry = retry
        self._sender = BulkSender(client, Indices(client, retry), retry)

    def put_states(self, states: Iterable[Mapping[str, Any]]) -> int:
        """Store the current state of rooms; returns how many were refused."""
        index = self._client.config.alias("room")
        return self._put((index, state) for state in states)

    def put_bookings(self, bookings: Iterable[Mapping[str, Any]]) -> int:
        """Store bookings; returns how many were refused."""
        config = self._client.config
        return self._put((config.index("booking", booking["@timestamp"]), booking) for booking in bookings)

    def delete_other_bookings(
        self, calendar: str, account: str, window: Window, harvested_at: datetime
    ) -> int:
        """Delete the bookings of a calendar in this window that were not read at this time: they were cancelled or moved.

        Returns how many. Needs the privileges read, maintenance and write.
        """
        name = f"{self._client.config.alias('booking')}-*"
        self._request("POST", f"/{name}/_refresh?allow_no_indices=true")
        version = to_version(harvested_at)
        deleted = 0
        for hits in self._find(
            f"/{name}/_search?allow_no_indices=true&allow_partial_search_results=false",
            {
                "filter": [
                    {"term": {"calendar": calendar}},
                    {"term": {"account": account}},
                    {
                        "range": {
                            "@timestamp": {
                                "gte": format_milliseconds(window.start),
                                "lt": format_milliseconds(window.end),
                            }
                        }
                    },
                    {"range": {"harvested_at": {"lt": format_milliseconds(harvested_at)}}},
                ]
            },
        ):
            others = [Deletion(hit["_index"], hit["_id"], version) for hit in hits]
            deleted += self._delete(others)
        return deleted

    def _delete(self, deletions: list[Deletion]) -> int:
        try:
            return sum(1 for _ in delete_documents(self._client, self._retry, deletions))
        except MissingPrivileges as missing:
            raise CredentialsError(
                f"Elasticsearch at {self._client.config.url}: the privilege {missing} is missing, to delete cancelled bookings"
            ) from None

    def _find(self, path: str, condition: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
        """The hits in pages. They are sorted by value, so deleting one page does not move the next."""
        search: dict[str, Any] = {
            "query": {"bool": condition},
            "size": BATCH,
            "sort": [{"event_id": "asc"}, {"_index": "asc"}],
            "_source": False,
        }
        while True:
            hits = read_hits(self._client, self._request("POST", path, search), sort=list)
            yield hits
            if len(hits) < BATCH:
                return
            search["search_after"] = hits[-1]["sort"]

    def _request(self, method: str, path: str, body: Any = None) -> Response:
        response = self._client.request(self._retry, method, path, body=body)
        if response.status in {401, 403} or response.cause.is_block:
            raise self._client.error_for(response.cause)
        if not response.ok:
            raise ConfigurationError(
                f"Elasticsearch at {self._client.config.url} refuses to look for cancelled bookings (HTTP {response.status})"
            )
        return response

    def _put(self, documents: Iterator[tuple[str, Mapping[str, Any]]]) -> int:
        refused = 0
        while batch := list(islice(documents, BATCH)):
            operations = Operations.of([_lines(*each) for each in batch], {index for index, _ in batch})
            refused += self._sender.send(operations).outcomes.count(REJECTED)
        return refused


def _lines(index: str, document: Mapping[str, Any]) -> bytes:
    head, quoted_id = (
        action_head(index, to_version(document["harvested_at"])),
        encode(document["document_id"]),
    )
    return b"".join((head, quoted_id, ACTION_TAIL, encode(dict(document)), b"\n"))


def to_version(harvested_at: datetime) -> int:
    """The version of documents that were read at this time."""
    return int(harvested_at.timestamp() * 1000)
