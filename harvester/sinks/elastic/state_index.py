"""`harvester.state.shared.store.Store` in an index of Elasticsearch, which no read alias includes.

Reads are by id, and so in real time; only the names of pools are searched for. The privileges `read`, `write` and `create_index`
suffice; with `maintenance`, the search also finds pools that were used for the first time within the last second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from connectors.errors import ConfigurationError, HarvestError, Unreachable
from connectors.retry import RetryPolicy
from harvester.sinks.elastic import templates
from harvester.sinks.elastic.answer_parsing import member
from harvester.sinks.elastic.client import RETRYABLE, AnswerTooLarge, Client, Response
from harvester.state.shared.store import Stored, Version

DEFINITION: Mapping[str, Any] = {
    "settings": {"index": {"number_of_shards": 1, "auto_expand_replicas": "0-1"}},
    "mappings": {
        "_meta": {"made_by": templates.MADE_BY, "kind": "state"},
        "dynamic": False,
        "properties": {
            "kind": {"type": "keyword"},
            "pool": {"type": "keyword"},
            "number": {"type": "long"},
            "changes": {"type": "object", "enabled": False},
        },
    },
}
"""Entries are read by their ids. Of their contents nothing is indexed."""


PAGE = 1_000
"""Names of pools that one search returns."""


class StateIndex:
    """Sends each request once: the caller decides whether another try makes sense. Safe for threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.index = client.config.state_index

    def ensure(self, retry: RetryPolicy) -> None:
        """Create the index if it is missing. Raises ConfigurationError if it is another application's."""
        response = self._client.request(retry, "PUT", f"/{self.index}", body=DEFINITION)
        if response.ok:
            return
        if response.error_type == "resource_already_exists_exception":
            self._examine(retry)
        elif response.status == 403 and not response.cause.is_block:
            # Another account may have created it. If this one may not even look, the first document will show.
            if self._client.request(retry, "HEAD", f"/{self.index}").status == 404:
                raise self._error(response)
        else:
            raise self._error(response)

    def get(self, name: str) -> Stored | None:
        response = self._send("GET", f"_doc/{name}")
        if response.status == 404:
            return None
        self._require_ok(response)
        source = member(response.body, "_source")
        version = self._version(response)
        if not isinstance(source, dict) or version is None:
            raise self._client.unexpected(response, f"asked for a document of {self.index}")
        return Stored(body=source, version=version)

    def get_many(self, names: Sequence[str]) -> list[Mapping[str, Any] | None]:
        try:
            response = self._send("POST", "_mget?_source=true", {"ids": list(names)})
        except AnswerTooLarge:
            if len(names) == 1:
                raise
            half = len(names) // 2
            return [*self.get_many(names[:half]), *self.get_many(names[half:])]
        self._require_ok(response)
        found = member(response.body, "docs")
        if not isinstance(found, list) or len(found) != len(names):
            raise self._client.unexpected(response, f"asked for documents of {self.index}")
        return [member(each, "_source") for each in found]

    def pools(self) -> Sequence[str]:
        self._send("POST", "_refresh")  # without the privilege, those of the last second may be missing
        found: list[str] = []
        while True:
            page = self._pools_after(found[-1] if found else None)
            found += page
            if len(page) < PAGE:
                return found

    def _pools_after(self, last: str | None) -> Sequence[str]:
        query = {
            "size": PAGE,
            "query": {"term": {"kind": "lease"}},
            "sort": [{"pool": "asc"}],
            "_source": ["pool"],
            **({} if last is None else {"search_after": [last]}),
        }
        response = self._send("POST", "_search", query)
        if response.status == 404:
            return []
        self._require_ok(response)
        hits = member(response.body, "hits", "hits")
        if not isinstance(hits, list):
            raise self._client.unexpected(response, f"searched {self.index}")
        return [str(member(hit, "_source", "pool")) for hit in hits]

    def create(self, name: str, body: Mapping[str, Any]) -> Version | None:
        return self._change("PUT", f"_doc/{name}?op_type=create", body)

    def replace(self, name: str, body: Mapping[str, Any], seen: Version) -> Version | None:
        return self._change("PUT", f"_doc/{name}?{_condition(seen)}", body)

    def delete(self, name: str, seen: Version) -> bool:
        return self._change("DELETE", f"_doc/{name}?{_condition(seen)}") is not None

    def remove(self, names: Sequence[str]) -> None:
        lines = (orjson.dumps({"delete": {"_index": self.index, "_id": name}}) + b"\n" for name in names)
        response = self._client.bulk(b"".join(lines))
        if not response.ok:
            raise Unreachable(self._client.unavailable_reason(response))

    def _change(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Version | None:
        response = self._send(method, path, body)
        if response.status == 409 or (response.status == 404 and method == "DELETE"):
            return None
        self._require_ok(response)
        version = self._version(response)
        if version is None:
            raise self._client.unexpected(response, f"asked to change a document of {self.index}")
        return version

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Response:
        response = self._client.send(method, f"/{self.index}/{path}", body=body)
        if response.status in RETRYABLE and not response.cause.is_block:
            raise Unreachable(
                f"{self._client.unavailable_reason(response)}; run the same command again when it answers"
            )
        return response

    def _require_ok(self, response: Response) -> None:
        if not response.ok:
            raise self._error(response)

    def _error(self, response: Response) -> HarvestError:
        if response.status in {401, 403} or response.cause.is_block:
            return self._client.error_for(response.cause, self.index)
        kind = response.error_type or f"HTTP {response.status}"
        return ConfigurationError(
            f"Elasticsearch at {self._client.config.url} refuses a request to the index {self.index} ({kind}): check whether "
            "the index was deleted or belongs to another application"
        )

    def _examine(self, retry: RetryPolicy) -> None:
        """Trusts the index if the account may not look."""
        response = self._client.request(retry, "GET", f"/{self.index}/_mapping")
        if not response.ok:
            return
        made_by = member(response.body, self.index, "mappings", "_meta", "made_by")
        if made_by != templates.MADE_BY:
            raise ConfigurationError(
                f"{self.index} at {self._client.config.url} was not created by the harvester; nothing was written to it: choose "
                "another ES_INDEX_PREFIX, or rename that index"
            )

    def _version(self, response: Response) -> Version | None:
        seq_no, term = member(response.body, "_seq_no"), member(response.body, "_primary_term")
        if not isinstance(seq_no, int) or not isinstance(term, int):
            return None
        return Version(seq_no=seq_no, primary_term=term)


def _condition(seen: Version) -> str:
    return f"if_seq_no={seen.seq_no}&if_primary_term={seen.primary_term}"
