"""The documents of one account in the index: read, and deleted where they should not be. For `harvester verify`.

Elasticsearch lists the meetings with documents in a window of time (a composite aggregation, a page of uuids at a
time). The documents of some meetings are read with a point in time and `search_after`, meetings and sessions sorted by
the meeting's uuid, so that the two are merged as they arrive. Memory holds one page of each and the current meeting.

Only indices with the harvester's names are read: a copy beside them matches the same patterns and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import merge
from itertools import groupby
from typing import Any

from connectors.errors import ConfigurationError, CredentialsError, HarvestError
from connectors.models import Detail, Window
from connectors.parsing import format_milliseconds, parse_instant
from connectors.retry import RetryPolicy
from harvester.documents import rank_of, version
from harvester.sinks.elastic.answer_parsing import (
    first_number,
    first_text,
    lacks_privileges,
    member,
    read_buckets,
    read_hits,
    read_text,
)
from harvester.sinks.elastic.client import Client, Response
from harvester.sinks.elastic.closed_indices import find_closed
from harvester.sinks.elastic.config import ElasticConfig, Kind
from harvester.sinks.elastic.deletion import Deletion, MissingPrivileges, delete_documents
from harvester.sinks.elastic.future_harvest_times import redate

PAGE = 5_000
KEEP_ALIVE = "5m"
DELETE_BATCH = 1_000
_OPEN = "expand_wildcards=open&ignore_unavailable=true"
_UUID_FIELDS: dict[Kind, str] = {"meeting": "uuid", "session": "meeting"}
"""The field that holds the meeting's uuid."""
_TIME_FIELDS: dict[Kind, str] = {"meeting": "@timestamp", "session": "meeting_timestamp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedDocument:
    """One document in one index."""

    index: str
    document_id: str
    version: int
    """Computed from its `detail` and `harvested_at`; 0 if they are missing."""
    timestamp: datetime | None
    """The meeting's `@timestamp`."""
    stay: str | None = None
    expected_sessions: int | None = None
    """Of a meeting document: how many sessions with `stay: meeting` it counts."""

    @property
    def rank(self) -> int:
        return rank_of(self.version)

    def is_newer_than(self, instant: datetime) -> bool:
        """Whether it was harvested after this instant."""
        return self.version > version(Detail(self.rank), instant)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedMeeting:
    """All documents of one meeting, in whatever index; possibly none."""

    uuid: str
    meetings: Sequence[IndexedDocument] = ()
    sessions: Sequence[IndexedDocument] = ()


def right_index(config: ElasticConfig, kind: Kind, at: datetime | None, indices: Iterable[str]) -> str | None:
    """The one of these indices that documents of this kind belong in, by the meeting's `@timestamp`; `None` if it is not
    among them. Accepts indices per year and per month."""
    if at is None:
        return None
    there = set(indices)
    at = at.astimezone(UTC)
    prefix = f"{config.alias(kind)}-"
    for name in (config.index(kind, at), f"{prefix}{at:%Y}", f"{prefix}{at:%Y-%m}"):
        if name in there:
            return name
    return None


class AccountDocuments:
    """The documents of one account of one vendor in one cluster.

    Raises what `Client.request` and `Client.error_for` do, and Unreachable if an index is closed: its content is unknown.
    """

    def __init__(self, client: Client, retry: RetryPolicy, *, vendor: str, account: str) -> None:
        self._client = client
        self._retry = retry
        self.config: ElasticConfig = client.config
        self.vendor = vendor
        self.account = account
        self._scope = [{"term": {"vendor": vendor}}, {"term": {"account": account}}]
        self._patterns = ",".join(self.config.index_patterns)

    def prepare(self) -> None:
        """Check that the account may read, and make all documents loaded so far visible.

        Raises CredentialsError without the privilege `read`. The privilege to refresh is not needed: Elasticsearch
        refreshes by itself a second later.
        """
        self._client.ping(self._retry)
        if lacks_privileges(self._client, self._retry, self.config.index_patterns, "read"):
            raise self._missing_privilege("read")
        self.refresh()
        closed = find_closed(
            self._client,
            self._retry,
            self.config.index_patterns,
            matters=self.config.is_own_index,
            error_for=self._read_error,
        )
        if closed is not None:
            raise self._client.closed_index(closed, "so its documents cannot be checked")

    def refresh(self) -> bool:
        """Make written documents visible; `False` without the privilege: then it takes a second."""
        path = f"/{self._patterns}/_refresh?ignore_unavailable=true"
        return self._client.request(self._retry, "POST", path).ok

    def exist(self) -> bool:
        """Whether there is any document of a meeting or a session of the account."""
        # By index: a copy beside the harvester's indices may match the patterns.
        composite = {"size": PAGE, "sources": [{"index": {"terms": {"field": "_index"}}}]}
        kinds = {"terms": {"kind": [*_UUID_FIELDS]}}
        body = {
            "size": 0,
            "query": {"bool": {"filter": [*self._scope, kinds]}},
            "aggs": {"indices": {"composite": composite}},
        }
        response = self._post(f"/{self._patterns}/_search?allow_partial_search_results=false&{_OPEN}", body)
        buckets = read_buckets(self._client, response, "indices")
        return any(self.config.is_own_index(str(bucket["key"].get("index"))) for bucket in buckets)

    def uuids(self, window: Window) -> Iterator[str]:
        """The meetings with any document in the window, each once, in the order of the uuids."""
        streams = (self._distinct(kind, window) for kind in _UUID_FIELDS)
        return (uuid for uuid, _ in groupby(merge(*streams)))

    def read(self, uuids: Sequence[str]) -> Iterator[IndexedMeeting]:
        """The documents of each of these meetings (at most 1,000), whatever their time, in the order of the uuids."""
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

    def delete(self, deletions: Iterable[Deletion]) -> int:
        """Delete these documents; returns how many were deleted. A document that is newer or richer by then stays."""
        count, batch = 0, []
        for deletion in deletions:
            # A second copy of a document that stays has just its version.
            batch.append(deletion._replace(version_type="external_gte"))
            if len(batch) == DELETE_BATCH:
                count += self._delete(batch)
                batch = []
        return count + self._delete(batch)

    def redate(self, index: str, ids: Sequence[str], at: datetime) -> int:
        """Store documents of the future again as of `at`, so that later harvests can replace them; returns how many.

        Raises CredentialsError without the privilege `manage`.
        """
        try:
            return redate(self._client, self._retry, index, ids, at)
        except MissingPrivileges as missing:
            raise self._missing_privilege(str(missing)) from None

    def _delete(self, batch: Sequence[Deletion]) -> int:
        try:
            return sum(1 for _ in delete_documents(self._client, self._retry, batch))
        except MissingPrivileges as missing:
            raise self._missing_privilege(str(missing)) from None

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
        path = f"/{self._patterns}/_search?allow_partial_search_results=false&{_OPEN}"
        while True:
            self._retry.wait(0)  # raises Interrupted between pages
            buckets = read_buckets(self._client, self._post(path, body), "meetings")
            yield from (str(bucket["key"].get("uuid", "")) for bucket in buckets)
            if len(buckets) < PAGE:
                return
            composite["after"] = buckets[-1]["key"]

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
            # By values, so that the search continues at the same place if the point in time is lost.
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
                if self.config.is_own_index(hit["_index"]):
                    yield str(hit["sort"][0]), _to_document(hit, kind)
            if len(hits) < PAGE:
                return
            search["search_after"] = hits[-1]["sort"]

    def _page(self, point: _Point, search: dict[str, Any]) -> list[dict[str, Any]]:
        path = "/_search?allow_partial_search_results=false"
        for last in (False, True):
            body = {**search, "pit": {"id": point.id, "keep_alive": KEEP_ALIVE}}
            response = self._client.request(self._retry, "POST", path, body=body)
            if response.status != 404 or last:
                break
            point.id = self._open_point_in_time()  # it has expired, or the node was restarted
        if not response.ok:
            raise self._read_error(response)
        point.id = str(member(response.body, "pit_id") or point.id)
        return read_hits(self._client, response, sort=list)

    @contextmanager
    def _point_in_time(self) -> Iterator[_Point]:
        point = _Point(self._open_point_in_time())
        try:
            yield point
        finally:
            # One that cannot be closed expires by itself soon.
            self._client.send("DELETE", "/_pit", body={"id": point.id})

    def _open_point_in_time(self) -> str:
        path = f"/{self._patterns}/_pit?keep_alive={KEEP_ALIVE}&{_OPEN}"
        return read_text(self._client, self._post(path), "asked for a point in time", "id")

    def _post(self, path: str, body: Any = None) -> Response:
        response = self._client.request(self._retry, "POST", path, body=body)
        if not response.ok:
            raise self._read_error(response)
        return response

    def _read_error(self, response: Response) -> HarvestError:
        if response.status == 403 and not response.cause.is_block:
            return self._missing_privilege("read")
        if response.status == 401 or response.cause.is_block:
            return self._client.error_for(response.cause)
        return ConfigurationError(
            f"Elasticsearch at {self.config.url} refuses to search in {' and '.join(self.config.index_patterns)} "
            f"({response.error_type or f'HTTP {response.status}'}): check whether another application's index matches these "
            "patterns"
        )

    def _missing_privilege(self, privilege: str) -> CredentialsError:
        return self._client.missing_privilege(f"the privilege {privilege} on {self.config.prefix}*")


@dataclass(slots=True)
class _Point:
    """A point in time; its id changes as it is read."""

    id: str


@dataclass(slots=True)
class _Stream:
    """Documents sorted by uuid, taken one uuid at a time."""

    source: Iterator[tuple[str, IndexedDocument]]
    _next: tuple[str, IndexedDocument] | None = None
    _started: bool = field(default=False)

    def of(self, uuid: str) -> Iterator[IndexedDocument]:
        if not self._started:
            self._started = True
            self._next = next(self.source, None)
        while self._next is not None and self._next[0] <= uuid:
            if self._next[0] == uuid:
                yield self._next[1]
            self._next = next(self.source, None)


def _to_document(hit: Mapping[str, Any], kind: Kind) -> IndexedDocument:
    fields = hit.get("fields")
    harvested_at = parse_instant(first_text(fields, "harvested_at"))
    detail = Detail.__members__.get(first_text(fields, "detail") or "")
    return IndexedDocument(
        index=hit["_index"],
        document_id=hit["_id"],
        version=0 if detail is None or harvested_at is None else version(detail, harvested_at),
        timestamp=parse_instant(first_text(fields, _TIME_FIELDS[kind])),
        stay=first_text(fields, "stay"),
        expected_sessions=first_number(fields, "participant_sessions"),
    )
