"""Stale documents: documents of earlier harvests of a meeting that the new one no longer contains.

A live meeting that has ended, a session that the vendor merged into another, a start that moved into another period's
index, a meeting that now has another uuid: each leaves documents behind that nothing overwrites. They are found by a
search after a refresh, for many meetings at once, and deleted with the version of the new harvest: a newer or richer
document stays, and none can come back from a late retry.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from connectors.models import MeetingRecord
from connectors.parsing import format_milliseconds
from connectors.retry import RetryPolicy
from harvester.documents import record_version
from harvester.sinks.elastic.answer_parsing import first_text, lacks_privileges, read_hits
from harvester.sinks.elastic.client import Client, Response
from harvester.sinks.elastic.config import ElasticConfig
from harvester.sinks.elastic.deletion import Deletion, MissingPrivileges, cleanup_error, delete_documents

PAGE = 2_000

_PRIVILEGES = "read and maintenance"
_IGNORE_MISSING = "ignore_unavailable=true&allow_no_indices=true"
_COMPLETE = f"{_IGNORE_MISSING}&allow_partial_search_results=false"


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentDocuments:
    """The documents of a new harvest of one meeting, rejected ones included. All others of the meeting are stale."""

    vendor: str
    account: str
    uuid: str
    uuids: tuple[str, ...]
    """The meeting's uuid, and those that it replaces."""
    version: int
    harvested_at: str
    """As it is written in documents."""
    document_id: str
    meeting_index: str
    session_index: str
    session_keys: frozenset[str]

    @classmethod
    def of(cls, record: MeetingRecord, config: ElasticConfig) -> CurrentDocuments:
        meeting, timestamp = record.meeting, record.timestamp
        if timestamp is None:
            raise ValueError("a meeting without any instant has no index")
        return cls(
            vendor=meeting.vendor,
            account=meeting.account,
            uuid=meeting.uuid,
            uuids=(meeting.uuid, *record.replaces),
            version=record_version(record),
            harvested_at=format_milliseconds(meeting.harvested_at),
            document_id=meeting.document_id,
            meeting_index=config.index("meeting", timestamp),
            session_index=config.index("session", timestamp),
            session_keys=frozenset(session.key for session in record.sessions),
        )

    def contains(self, index: str, document_id: str) -> bool:
        if index == self.session_index:
            head, _, key = document_id.rpartition(":")
            return head == self.document_id and key in self.session_keys
        return index == self.meeting_index and document_id == self.document_id

    @property
    def size(self) -> int:
        return len(self.uuids) + len(self.session_keys)


class StaleDocument(NamedTuple):
    """A document to delete, and the newest harvest that does not contain it."""

    index_name: str
    document_id: str
    current: CurrentDocuments

    @property
    def deletion(self) -> Deletion:
        return Deletion(self.index_name, self.document_id, self.current.version)


class StaleDocuments:
    """Finds and deletes the stale documents of one cluster."""

    def __init__(self, client: Client, retry: RetryPolicy) -> None:
        self._client = client
        self._config = client.config
        self._retry = retry

    def check_privileges(self) -> None:
        """Raise MissingPrivileges if the account may not read and refresh.

        Checked beforehand, since a search over patterns proves nothing: for an account that may read *some* index, a
        pattern that it may not read matches no index, and the answer is empty.
        """
        patterns = self._config.index_patterns
        if lacks_privileges(self._client, self._retry, patterns, "read", "maintenance"):
            raise MissingPrivileges(_PRIVILEGES)

    def delete(self, currents: Iterable[CurrentDocuments]) -> Iterator[CurrentDocuments]:
        """Delete the stale documents of these meetings; yields, for each one deleted, the harvest that replaced it.

        Raises MissingPrivileges, and what `Client.request` and `Client.error_for` do.
        """
        by_account: defaultdict[tuple[str, str], list[CurrentDocuments]] = defaultdict(list)
        for current in currents:
            by_account[current.vendor, current.account].append(current)
        if by_account:
            self._request("_refresh", _IGNORE_MISSING)
        for group in by_account.values():
            for page in self._find(group):
                stale = {document.deletion: document for document in page}
                for deletion in delete_documents(self._client, self._retry, list(stale)):
                    yield stale[deletion].current

    def _find(self, currents: Sequence[CurrentDocuments]) -> Iterator[list[StaleDocument]]:
        """The stale documents of meetings of one account, in pages. The pages are sorted by value, so deleting one does
        not move the next."""
        by_uuid: defaultdict[str, list[CurrentDocuments]] = defaultdict(list)
        for current in currents:
            for uuid in current.uuids:
                by_uuid[uuid].append(current)
        search = _search(currents)
        while True:
            found = self._request("_search", _COMPLETE, search)
            hits = read_hits(self._client, found, fields=dict, sort=list)
            yield [stale for hit in hits if (stale := self._to_stale(hit, by_uuid))]
            if len(hits) < PAGE:
                return
            search["search_after"] = hits[-1]["sort"]

    def _to_stale(
        self, hit: Mapping[str, Any], by_uuid: Mapping[str, Sequence[CurrentDocuments]]
    ) -> StaleDocument | None:
        index, document_id, values = hit["_index"], hit["_id"], hit["fields"]
        if not self._config.is_own_index(index):
            return None
        uuid = first_text(values, "meeting") or first_text(values, "uuid") or ""
        harvested_at = first_text(values, "harvested_at")
        if harvested_at is None:
            return None
        # A uuid can belong to two harvests: that of the meeting itself, and that of a meeting which replaces it.
        newer = (
            current
            for current in by_uuid.get(uuid, ())
            if harvested_at < current.harvested_at and not current.contains(index, document_id)
        )
        newest = max(newer, key=lambda current: current.version, default=None)
        return None if newest is None else StaleDocument(index, document_id, newest)

    def _request(self, action: str, options: str, body: Any = None) -> Response:
        path = f"/{','.join(self._config.index_patterns)}/{action}?{options}"
        response = self._client.request(self._retry, "POST", path, body=body)
        if not response.ok:
            raise cleanup_error(self._client, response.cause, _PRIVILEGES)
        return response


def _search(currents: Iterable[CurrentDocuments]) -> dict[str, Any]:
    """Every document of these meetings that is older than their new harvest, in whatever index."""
    by_instant: defaultdict[str, list[str]] = defaultdict(list)
    for current in currents:
        by_instant[current.harvested_at].extend(current.uuids)
    older = [
        {
            "bool": {
                "filter": {"range": {"harvested_at": {"lt": instant, "format": "strict_date_time"}}},
                "should": [{"terms": {"uuid": uuids}}, {"terms": {"meeting": uuids}}],
                "minimum_should_match": 1,
            }
        }
        for instant, uuids in by_instant.items()
    ]
    scope = [{"term": {"vendor": current.vendor}}, {"term": {"account": current.account}}]
    return {
        "size": PAGE,
        "_source": False,
        "track_total_hits": False,
        "docvalue_fields": ["uuid", "meeting", {"field": "harvested_at", "format": "strict_date_time"}],
        "sort": [{"document_id": {"order": "asc", "unmapped_type": "keyword"}}, {"_index": "asc"}],
        "query": {"bool": {"filter": scope, "should": older, "minimum_should_match": 1}},
    }
