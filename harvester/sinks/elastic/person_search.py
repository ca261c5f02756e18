"""Documents that may name a person: found by a search, then rewritten or deleted, unless they have changed meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from connectors.errors import CredentialsError
from connectors.retry import RetryPolicy
from harvester.documents import Document, encode
from harvester.sinks.elastic.client import Client
from harvester.sinks.elastic.deletion import Deletion, MissingPrivileges, Rewriting, apply_changes
from harvester.sinks.elastic.document_reader import DocumentReader

FIELDS = ("id", "user_id", "user_name", "email", "host_email", "host.host_id", "host.name", "host.email")
TEXTS = ("device", "leave_reason")
AT_ONCE = 20
"""Words per search: each adds a dozen clauses, and Elasticsearch may accept no more than 1,024."""
CHANGES = 500
VISIBLE_SECONDS = 2.0
"""After how long Elasticsearch finds what was written, if it may not be asked to refresh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    index: str
    id: str
    version: int
    document: Document


class PersonSearch:
    """Needs the privileges `read` and `write`; `maintenance` saves some seconds. Raises CredentialsError without them, and
    what `DocumentReader` does."""

    def __init__(self, client: Client, retry: RetryPolicy) -> None:
        self._client = client
        self._retry = retry
        self._reader = DocumentReader(client, retry)

    def find(self, words: Iterable[str]) -> Iterator[StoredDocument]:
        """Each document that has one of these words as an address, an id or a name, in a title or in a vendor's row; others
        may be among them."""
        self._make_visible()
        seen: set[tuple[str, str]] = set()
        source = iter(sorted(words))
        while some := list(islice(source, AT_ONCE)):
            query = {"bool": {"should": [clause for word in some for clause in _clauses(word)]}}
            for hit in self._reader.search(query):
                key = hit["_index"], hit["_id"]
                if key not in seen:
                    seen.add(key)
                    yield _stored(hit)

    def with_ids(self, ids: Sequence[str]) -> Iterator[StoredDocument]:
        """The documents with these ids, if they exist."""
        self._make_visible()
        for start in range(0, len(ids), CHANGES):
            query = {"terms": {"document_id": ids[start : start + CHANGES]}}
            yield from map(_stored, self._reader.search(query))

    def change(self, changes: Iterable[tuple[StoredDocument, Document | None]]) -> int:
        """Replace each document by the other, or delete it if there is no other. Returns how many were changed: what has
        another version by now stays."""
        source, changed = iter(changes), 0
        while some := list(islice(source, CHANGES)):
            self._retry.wait(0)  # raises Interrupted
            try:
                done = apply_changes(self._client, self._retry, [_change(old, new) for old, new in some])
                changed += sum(1 for _ in done)
            except MissingPrivileges:
                raise self._missing() from None
        return changed

    def _missing(self) -> CredentialsError:
        return self._client.missing_privilege(
            f"the privileges read and write on {self._client.config.prefix}*"
        )

    def _make_visible(self) -> None:
        patterns = ",".join(self._client.config.index_patterns)
        path = f"/{patterns}/_refresh?ignore_unavailable=true"
        if not self._client.request(self._retry, "POST", path).ok:
            self._retry.wait(VISIBLE_SECONDS)


def _clauses(word: str) -> Iterator[Mapping[str, Any]]:
    exact = {"value": word, "case_insensitive": True}
    yield from ({"term": {field: exact}} for field in (*FIELDS, "vendor_data"))
    yield {"match_phrase": {"topic": word}}
    inside = {"value": f"*{_escaped(word)}*", "case_insensitive": True}
    yield from ({"wildcard": {field: inside}} for field in TEXTS)


def _escaped(word: str) -> str:
    return "".join(f"\\{character}" if character in "*?\\" else character for character in word)


def _stored(hit: Mapping[str, Any]) -> StoredDocument:
    return StoredDocument(
        index=hit["_index"], id=hit["_id"], version=hit["_version"], document=hit["_source"]
    )


def _change(old: StoredDocument, new: Document | None) -> Deletion | Rewriting:
    if new is None:
        return Deletion(old.index, old.id, old.version, "external_gte")
    return Rewriting(old.index, old.id, old.version, encode(new))
