"""Leftovers: what earlier harvests of a meeting stored and the new one no longer holds, found and deleted.

A live meeting that ended, a stay that the vendor merged into another, a start that moved into another period's index,
a meeting that is known under another uuid by now: each leaves documents behind that nothing overwrites. They are found
by search after a refresh, for many meetings at once, and deleted with the version of the new harvest: one that is
newer or richer stays, and none can come back from a late retry.

| answer | what becomes of it |
| --- | --- |
| item 2xx | deleted, and counted |
| item 404, 409 | gone already; newer or richer, and stays |
| item or request 429, 500, 502, 503, 504, no answer | tried again, only what is left, after a pause |
| 403 | NotAllowed |
| 401, a block, a closed index | the end: nothing else would fare better |
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from connectors.errors import ConfigurationError, Unreachable
from connectors.models import MeetingRecord
from connectors.parsing import format_milliseconds
from harvester.documents import record_version
from harvester.sinks.elastic.client import RETRYABLE, Client, Response
from harvester.sinks.elastic.config import ElasticConfig
from harvester.sinks.elastic.retry import RetryPolicy

PAGE = 2_000

_RIGHTS = "read and maintenance"
_EVERY = "ignore_unavailable=true&allow_no_indices=true"
_WHOLE = f"{_EVERY}&allow_partial_search_results=false"


class MissingPrivileges(Exception):
    """Elasticsearch answers 403: the account lacks these privileges. Caught by whoever cleans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentDocuments:
    """What a new harvest holds, rejected documents included, as far as its leftovers are told by it.

    `uuids`: its own and those that it replaces. `harvested_at` as documents spell it. `keys`: of its sessions.
    """

    vendor: str
    account: str
    uuid: str
    uuids: tuple[str, ...]
    version: int
    harvested_at: str
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
    """One document to be deleted, and the newest harvest that no longer holds it."""

    index_name: str
    document_id: str
    current: CurrentDocuments

    def line(self) -> bytes:
        told = {"version": self.current.version, "version_type": "external"}
        action = {"_index": self.index_name, "_id": self.document_id, **told}
        return orjson.dumps({"delete": action}, option=orjson.OPT_APPEND_NEWLINE)


class StaleDocuments:
    """Finds and deletes what is left of earlier harvests at one cluster."""

    def __init__(self, client: Client, retry: RetryPolicy) -> None:
        self._client = client
        self._retry = retry
        prefix = client.config.prefix
        self._patterns = [f"{prefix}meetings-*", f"{prefix}sessions-*"]
        # Somebody's copy (harvester-sessions-2026-before-the-move) is found by the same patterns, and is not ours.
        self._index_name = re.compile(rf"{re.escape(prefix)}(meetings|sessions)-\d{{4}}(-\d{{2}})?")

    def check_privileges(self) -> None:
        """Raise NotAllowed when the account may not read and refresh.

        Asked beforehand, since a search over patterns is no proof: to an account that may read *some* index,
        patterns that it may not read are patterns without an index, and the answer is an empty one.
        """
        asked = {"index": [{"names": self._patterns, "privileges": ["read", "maintenance"]}]}
        path = "/_security/user/_has_privileges"
        answer = self._client.request(self._retry, "POST", path, body=asked)
        # Anything but a plain answer: there is no security, or none that may be asked.
        if answer.ok and not answer.body.get("has_all_requested", True):
            raise MissingPrivileges(_RIGHTS)

    def delete(self, currents: Iterable[CurrentDocuments]) -> Iterator[CurrentDocuments]:
        """Delete the leftovers of these meetings; for each one that is gone now, the claim that it was not in.

        Raises NotAllowed, and what `Client.patiently` and `Client.refused` do.
        """
        scopes: defaultdict[tuple[str, str], list[CurrentDocuments]] = defaultdict(list)
        for current in currents:
            scopes[current.vendor, current.account].append(current)
        if scopes:
            self._request("_refresh", _EVERY)
        for alike in scopes.values():
            for found in self._find(alike):
                yield from self._delete_batch(found)

    def _find(self, currents: Sequence[CurrentDocuments]) -> Iterator[list[StaleDocument]]:
        """The leftovers of meetings of one vendor and account, in pages; the sort goes by values, and so deleting
        one page does not move the next."""
        claimed: defaultdict[str, list[CurrentDocuments]] = defaultdict(list)
        for current in currents:
            for uuid in current.uuids:
                claimed[uuid].append(current)
        search = _search(currents)
        while True:
            hits = self._request("_search", _WHOLE, search).body["hits"]["hits"]
            yield [stale for hit in hits if (stale := self._to_stale(hit, claimed))]
            if len(hits) < PAGE:
                return
            search["search_after"] = hits[-1]["sort"]

    def _to_stale(
        self, hit: Mapping[str, Any], claimed: Mapping[str, Sequence[CurrentDocuments]]
    ) -> StaleDocument | None:
        index, document_id, values = hit["_index"], hit["_id"], hit["fields"]
        if not self._index_name.fullmatch(index):
            return None
        (uuid,) = values.get("meeting") or values["uuid"]
        (harvested_at,) = values["harvested_at"]
        # A meeting may be claimed twice: as itself, and by one that replaces it.
        currents = (
            current
            for current in claimed.get(uuid, ())
            if harvested_at < current.harvested_at and not current.contains(index, document_id)
        )
        newest = max(currents, key=lambda current: current.version, default=None)
        return None if newest is None else StaleDocument(index, document_id, newest)

    def _request(self, what: str, how: str, body: Any = None) -> Response:
        path = f"/{','.join(self._patterns)}/{what}?{how}"
        answer = self._client.request(self._retry, "POST", path, body=body)
        if not answer.ok:
            raise self._error_for(answer.status, answer.error_type, answer.reason, "", _RIGHTS)
        return answer

    def _delete_batch(self, stales: Sequence[StaleDocument]) -> Iterator[CurrentDocuments]:
        tries = self._retry.start()
        parts = [stales] if stales else []
        while parts:
            part = parts.pop()
            answer = self._client.bulk(b"".join(stale.line() for stale in part))
            if answer.status == 413 and len(part) > 1:
                middle = len(part) // 2
                parts += part[middle:], part[:middle]
                continue
            later = []
            for stale, told in zip(part, self._items(answer, len(part)), strict=True):
                status = told.get("status", 500)
                if status in RETRYABLE:
                    later.append(stale)
                elif 200 <= status < 300:
                    yield stale.current
                elif status not in {404, 409}:
                    error = told.get("error") or {}
                    kind, reason = str(error.get("type", "")), str(error.get("reason", ""))
                    raise self._error_for(status, kind, reason, stale.index_name, "write")
            if later:
                if len(later) < len(part):
                    tries.reset()
                tries.backoff(self._retry_reason(answer), answer.retry_after)
                parts.append(later)

    def _items(self, answer: Response, count: int) -> list[dict[str, Any]]:
        """What a bulk answer says of each item; of all alike where it accounts for none."""
        if answer.ok:
            items = answer.body.get("items") if isinstance(answer.body, dict) else None
            if isinstance(items, list) and len(items) == count:
                return [item.get("delete", {}) for item in items]
        elif answer.status not in RETRYABLE:
            raise self._error_for(answer.status, answer.error_type, answer.reason, "", "write")
        return [{}] * count

    def _retry_reason(self, answer: Response) -> str:
        if answer.ok:
            return f"Elasticsearch at {self._client.config.url} does not get on with deleting"
        return self._client.unavailable_reason(answer)

    def _error_for(self, status: int, kind: str, reason: str, index: str, wanted: str) -> Exception:
        url = self._client.config.url
        if status == 403 and kind != "cluster_block_exception":
            return MissingPrivileges(wanted)
        if status in {401, 403}:
            return self._client.refused(status, kind, reason, index)
        if kind == "index_closed_exception":
            return Unreachable(f"the index {index} at {url} is closed; open it and run this again")
        return ConfigurationError(
            f"Elasticsearch at {url} does not let {' and '.join(self._patterns)} be cleared of what earlier harvests "
            f"left ({kind or f'HTTP {status}'}): look whether an index of somebody else's is among them"
        )


def _search(currents: Iterable[CurrentDocuments]) -> dict[str, Any]:
    """Every document of these meetings that is older than their new harvest, whatever index it is in."""
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
