"""What the index holds of one vendor's account: read, and cleared of what is not to be there.

Which meetings have anything in a window of time is counted by Elasticsearch (a composite aggregation, a page of uuids
at a time); what it holds of some of them is read by point in time and `search_after`, meetings and sessions sorted by
the meeting's uuid, so that the two are merged as they come. In memory are a page of each, and the meeting in hand.

Only indices named as ours are looked at: somebody's copy beside them is found by the same patterns, and left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import merge
from itertools import groupby
from typing import Any, NamedTuple

import orjson

from connectors.errors import ConfigurationError, CredentialsError, HarvestError, Unreachable
from connectors.models import Detail, Window
from connectors.parsing import format_milliseconds, parse_instant
from harvester.documents import rank_of, version
from harvester.sinks.elastic.client import Client, Response
from harvester.sinks.elastic.config import ElasticConfig, Kind
from harvester.sinks.elastic.retry import RetryPolicy
from harvester.sinks.elastic.stale import CurrentDocuments, MissingPrivileges, StaleDocument, StaleDocuments

PAGE = 5_000
KEEP_ALIVE = "5m"
DELETE_BATCH = 1_000
_UUID_FIELDS: dict[Kind, str] = {"meeting": "uuid", "session": "meeting"}
"""The field that holds the meeting's uuid."""
_TIME_FIELDS: dict[Kind, str] = {"meeting": "@timestamp", "session": "meeting_timestamp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedDocument:
    """One document in one index. `version`: what rank and `harvested_at` in it come to; `at`: the meeting's
    `@timestamp`; `told`: how many sessions with `stay: meeting` a meeting document tells of."""

    index: str
    document_id: str
    version: int
    timestamp: datetime | None
    stay: str | None = None
    expected_sessions: int | None = None

    @property
    def rank(self) -> int:
        return rank_of(self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedMeeting:
    """All that the index holds of one meeting, in whatever index; nothing at all is possible."""

    uuid: str
    meetings: Sequence[IndexedDocument] = ()
    sessions: Sequence[IndexedDocument] = ()


def right_index(config: ElasticConfig, kind: Kind, at: datetime | None, indices: Iterable[str]) -> str | None:
    """Which of these indices documents of this kind belong into, by the meeting's `@timestamp`; `None` where that is
    none of them. Whether there is one per year or per month their names tell as well."""
    if at is None:
        return None
    there = set(indices)
    at = at.astimezone(UTC)
    prefix = f"{config.alias(kind)}-"
    for name in (config.index(kind, at), f"{prefix}{at:%Y}", f"{prefix}{at:%Y-%m}"):
        if name in there:
            return name
    return None


class Deletion(NamedTuple):
    """A document to delete, unless it is newer or richer than this version by then."""

    index_name: str
    document_id: str
    version: int


class _Removed(StaleDocument):
    """May have just this version: a second copy of what stays."""

    __slots__ = ()

    def line(self) -> bytes:
        told = {"version": self.current.version, "version_type": "external_gte"}
        action = {"_index": self.index_name, "_id": self.document_id, **told}
        return orjson.dumps({"delete": action}, option=orjson.OPT_APPEND_NEWLINE)


class Inventory(StaleDocuments):
    """What one cluster holds of one account of one vendor. Raises what `Client.patiently` and `Client.refused` do, and
    Unreachable where an index of ours is closed: what is in it cannot be told."""

    def __init__(self, client: Client, retry: RetryPolicy, *, vendor: str, account: str) -> None:
        super().__init__(client, retry)
        self.config: ElasticConfig = client.config
        self.vendor = vendor
        self.account = account
        self._scope = [{"term": {"vendor": vendor}}, {"term": {"account": account}}]
        self._index_options = "expand_wildcards=open,closed"

    def prepare(self) -> None:
        """Make sure that the account may read, and that what was loaded until now is found.

        Raises CredentialsError without the privilege; one to refresh is welcome, and not needed: Elasticsearch
        refreshes by itself, a second later.
        """
        self._client.ping(self._retry)
        asked = {"index": [{"names": self._patterns, "privileges": ["read"]}]}
        path = "/_security/user/_has_privileges"
        answer = self._client.request(self._retry, "POST", path, body=asked)
        # Anything but a plain answer: there is no security, or none that may be asked.
        if answer.ok and not answer.body.get("has_all_requested", True):
            raise self._missing_privilege("read")
        self.refresh()
        closed = self._closed()
        if closed is None:
            return
        if self._index_name.fullmatch(closed):
            raise Unreachable(
                f"the index {closed} at {self.config.url} is closed, and what it holds cannot be told; open it and "
                "run this again"
            )
        self._index_options = "expand_wildcards=open&ignore_unavailable=true"

    def refresh(self) -> bool:
        """Let what was written be found; `False` without the privilege to ask for it: then that takes a second."""
        path = f"/{','.join(self._patterns)}/_refresh?ignore_unavailable=true"
        return self._client.request(self._retry, "POST", path).ok

    def uuids(self, window: Window) -> Iterator[str]:
        """The meetings of which there is any document in the window of time, each once, in the order of the uuids."""
        streams = (self._distinct(kind, window) for kind in _UUID_FIELDS)
        return (uuid for uuid, _ in groupby(merge(*streams)))

    def read(self, uuids: Sequence[str]) -> Iterator[IndexedMeeting]:
        """What there is of each of these meetings, whatever its time, in the order of the uuids; of up to 1,000."""
        wanted = sorted(set(uuids))
        with self._point_in_time() as point:
            streams = {kind: _Stream(self._documents(point, kind, wanted)) for kind in _UUID_FIELDS}
            for uuid in wanted:
                yield IndexedMeeting(
                    uuid=uuid,
                    meetings=list(streams["meeting"].of(uuid)),
                    sessions=list(streams["session"].of(uuid)),
                )

    def right_index(self, kind: Kind, at: datetime | None, indices: Iterable[str]) -> str | None:
        """`right_index` at this cluster."""
        return right_index(self.config, kind, at, indices)

    def remove(self, removals: Iterable[Deletion]) -> int:
        """Delete these; how many are gone by it. What has become newer or richer meanwhile stays."""
        count, batch = 0, []
        try:
            for removal in removals:
                batch.append(self._removed(removal))
                if len(batch) == DELETE_BATCH:
                    count += sum(1 for _ in self._delete_batch(batch))
                    batch = []
            return count + sum(1 for _ in self._delete_batch(batch))
        except MissingPrivileges as refusal:
            raise self._missing_privilege(str(refusal)) from None

    def _removed(self, removal: Deletion) -> StaleDocument:
        current = CurrentDocuments(
            vendor=self.vendor,
            account=self.account,
            uuid=removal.document_id,
            uuids=(),
            version=removal.version,
            harvested_at="",
            document_id=removal.document_id,
            meeting_index="",
            session_index="",
            session_keys=frozenset(),
        )
        return _Removed(removal.index_name, removal.document_id, current)

    def _distinct(self, kind: Kind, window: Window) -> Iterator[str]:
        name = _UUID_FIELDS[kind]
        start, end = format_milliseconds(window.start), format_milliseconds(window.end)
        time = {"range": {_TIME_FIELDS[kind]: {"gte": start, "lt": end, "format": "strict_date_time"}}}
        composite: dict[str, Any] = {"size": PAGE, "sources": [{"uuid": {"terms": {"field": name}}}]}
        body = {
            "size": 0,
            "track_total_hits": False,
            "query": {"bool": {"filter": [*self._scope, {"term": {"kind": kind}}, time]}},
            "aggs": {"meetings": {"composite": composite}},
        }
        path = f"/{','.join(self._patterns)}/_search?allow_partial_search_results=false&{self._index_options}"
        while True:
            self._retry.wait(0)  # the word to stop is heard between pages
            found = self._post(path, body).body.get("aggregations", {}).get("meetings", {})
            buckets = found.get("buckets", [])
            yield from (bucket["key"]["uuid"] for bucket in buckets)
            if len(buckets) < PAGE:
                return
            composite["after"] = found["after_key"]

    def _documents(
        self, point: _Point, kind: Kind, uuids: Sequence[str]
    ) -> Iterator[tuple[str, IndexedDocument]]:
        """Every document of one kind of these meetings, sorted by the meeting's uuid."""
        name = _UUID_FIELDS[kind]
        search: dict[str, Any] = {
            "size": PAGE,
            "_source": False,
            "track_total_hits": False,
            "docvalue_fields": [
                *(name, "detail", "stay", "participant_sessions"),
                {"field": "harvested_at", "format": "strict_date_time"},
                {"field": _TIME_FIELDS[kind], "format": "strict_date_time"},
            ],
            # By values: it goes on at the same place where a point in time was lost.
            "sort": [
                {name: {"order": "asc", "unmapped_type": "keyword"}},
                {"document_id": {"order": "asc", "unmapped_type": "keyword"}},
                {"_index": "asc"},
            ],
            "query": {"bool": {"filter": [*self._scope, {"term": {"kind": kind}}, {"terms": {name: uuids}}]}},
        }
        while True:
            self._retry.wait(0)
            hits = self._page(point, search)
            for hit in hits:
                if self._index_name.fullmatch(hit["_index"]):
                    yield hit["sort"][0], _to_document(hit, kind)
            if len(hits) < PAGE:
                return
            search["search_after"] = hits[-1]["sort"]

    def _page(self, point: _Point, search: dict[str, Any]) -> list[dict[str, Any]]:
        path = "/_search?allow_partial_search_results=false"
        for last in (False, True):
            body = {**search, "pit": {"id": point.id, "keep_alive": KEEP_ALIVE}}
            answer = self._client.request(self._retry, "POST", path, body=body)
            if answer.status != 404 or last:
                break
            point.id = (
                self._open_point_in_time()
            )  # it was kept for too long, or the node has been started anew
        if not answer.ok:
            raise self._read_error(answer)
        point.id = answer.body.get("pit_id", point.id)
        hits: list[dict[str, Any]] = answer.body["hits"]["hits"]
        return hits

    @contextmanager
    def _point_in_time(self) -> Iterator[_Point]:
        point = _Point(self._open_point_in_time())
        try:
            yield point
        finally:
            # One that cannot be closed ends by itself, soon.
            self._client.send("DELETE", "/_pit", body={"id": point.id})

    def _open_point_in_time(self) -> str:
        path = f"/{','.join(self._patterns)}/_pit?keep_alive={KEEP_ALIVE}&{self._index_options}"
        return str(self._post(path).body["id"])

    def _closed(self) -> str | None:
        """The first index under our patterns that is closed."""
        path = f"/{','.join(self._patterns)}/_search?size=0&{self._index_options}"
        answer = self._client.request(self._retry, "POST", path)
        if answer.error_type == "index_closed_exception":
            return str(answer.body["error"].get("index", ""))
        if not answer.ok:
            raise self._read_error(answer)
        return None

    def _post(self, path: str, body: Any = None) -> Response:
        answer = self._client.request(self._retry, "POST", path, body=body)
        if not answer.ok:
            raise self._read_error(answer)
        return answer

    def _read_error(self, answer: Response) -> HarvestError:
        if answer.status == 403 and answer.error_type != "cluster_block_exception":
            return self._missing_privilege("read")
        if answer.status in {401, 403}:
            return self._client.refusal(answer, "")
        return ConfigurationError(
            f"Elasticsearch at {self.config.url} does not let {' and '.join(self._patterns)} be read "
            f"({answer.error_type or f'HTTP {answer.status}'}): look whether an index of somebody else's is among them"
        )

    def _missing_privilege(self, right: str) -> CredentialsError:
        return CredentialsError(
            f"the account may not do this at {self.config.url}: it needs the privilege {right} on "
            f"{self.config.prefix}*"
        )


@dataclass(slots=True)
class _Point:
    """A point in time; its id changes as it is read."""

    id: str


@dataclass(slots=True)
class _Stream:
    """Copies that come sorted by uuid, taken a uuid at a time."""

    source: Iterator[tuple[str, IndexedDocument]]
    _next: tuple[str, IndexedDocument] | None = None
    _begun: bool = field(default=False)

    def of(self, uuid: str) -> Iterator[IndexedDocument]:
        if not self._begun:
            self._begun = True
            self._next = next(self.source, None)
        while self._next is not None and self._next[0] <= uuid:
            if self._next[0] == uuid:
                yield self._next[1]
            self._next = next(self.source, None)


def _to_document(hit: Mapping[str, Any], kind: Kind) -> IndexedDocument:
    values = {name: told[0] for name, told in hit.get("fields", {}).items()}
    harvested_at = parse_instant(values.get("harvested_at"))
    detail = Detail.__members__.get(values.get("detail", ""))
    return IndexedDocument(
        index=hit["_index"],
        document_id=hit["_id"],
        version=0 if detail is None or harvested_at is None else version(detail, harvested_at),
        timestamp=parse_instant(values.get(_TIME_FIELDS[kind])),
        stay=values.get("stay"),
        expected_sessions=values.get("participant_sessions"),
    )
