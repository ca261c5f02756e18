"""Every document of the harvester in one cluster, at one point in time. For reports and attendance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from connectors.errors import ConfigurationError, CredentialsError, HarvestError, Unreachable
from connectors.models import Window
from connectors.parsing import format_milliseconds
from connectors.retry import RetryPolicy
from harvester.sinks.elastic.answer_parsing import member, read_hits, read_text
from harvester.sinks.elastic.client import AnswerTooLarge, Client, Response
from harvester.sinks.elastic.closed_indices import find_closed, holds_time_of

PAGE = 2_000
KEEP_ALIVE = "5m"


class DocumentReader:
    """Needs the privilege `read`. Raises what `Client.request` and `Client.error_for` do, and Unreachable if the point in
    time is lost: what follows would belong to another."""

    def __init__(self, client: Client, retry: RetryPolicy) -> None:
        self._client = client
        self._retry = retry
        self._config = client.config

    def read(
        self,
        *,
        window: Window | None = None,
        vendors: Sequence[str] = (),
        without: Sequence[str] = (),
        bookings: bool = False,
    ) -> Iterator[bytes]:
        """The documents of meetings in the window, encoded; `without` these fields. The order is not defined.

        `bookings`: the bookings of rooms in the window as well, whatever the vendors.
        """
        meetings = {"bool": {"filter": _filters(window, vendors)}}
        booked = {"bool": {"filter": [{"term": {"kind": "booking"}}, *_overlapping(window)]}}
        query = {"bool": {"should": [meetings, booked]}} if bookings else meetings
        for hit in self.search(query, without=without, bookings=bookings, window=window):
            yield orjson.dumps(hit["_source"], default=_null)

    def search(
        self,
        query: Mapping[str, Any],
        *,
        without: Sequence[str] = (),
        bookings: bool = False,
        window: Window | None = None,
    ) -> Iterator[Mapping[str, Any]]:
        """The hits of a search in the harvester's own indices, with their versions, as they were when it began.

        `bookings`: in those of bookings as well. `window`: what the query finds is in this time. Raises Unreachable if an
        index of that time is closed.
        """
        self._client.ping(self._retry)
        extra = [self._config.booking_pattern] if bookings else []
        patterns = [*self._config.index_patterns, *extra]
        self._require_open(patterns, window)
        opened = self._post(
            f"/{','.join(patterns)}/_pit?keep_alive={KEEP_ALIVE}&expand_wildcards=open&ignore_unavailable=true"
        )
        point = {
            "id": read_text(self._client, opened, "asked for a point in time", "id"),
            "keep_alive": KEEP_ALIVE,
        }
        try:
            for hits in self._pages(point, query, without):
                yield from (hit for hit in hits if self._is_own(hit["_index"], bookings=bookings))
        finally:
            self._client.send("DELETE", "/_pit", body={"id": point["id"]})

    def _pages(
        self, point: dict[str, str], query: Mapping[str, Any], without: Sequence[str]
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """The hits of the query, page by page. Each page may give the point in time another id, which is then in `point`."""
        search: dict[str, Any] = {
            "size": PAGE,
            "version": True,
            "track_total_hits": False,
            "sort": [{"_shard_doc": "asc"}],
            "_source": {"excludes": list(without)},
            "query": query,
            "pit": point,
        }
        while True:
            self._retry.wait(0)  # raises Interrupted between pages
            try:
                found = self._post("/_search?allow_partial_search_results=false", search)
            except AnswerTooLarge:
                if search["size"] == 1:
                    raise
                search["size"] //= 2  # documents with the vendor's rows and samples are large
                continue
            point["id"] = str(member(found.body, "pit_id") or point["id"])
            hits = read_hits(self._client, found, _source=dict, sort=list)
            yield hits
            if len(hits) < search["size"]:
                return
            search["search_after"] = hits[-1]["sort"]

    def _require_open(self, patterns: Sequence[str], window: Window | None) -> None:
        def matters(index: str) -> bool:
            return self._is_own(index, bookings=True) and (window is None or holds_time_of(index, window))

        closed = find_closed(self._client, self._retry, patterns, matters=matters, error_for=self._read_error)
        if closed is not None:
            raise self._client.closed_index(closed, "so its documents cannot be read")

    def _is_own(self, index: str, *, bookings: bool) -> bool:
        return self._config.is_own_index(index) or (bookings and self._config.is_booking_index(index))

    def _post(self, path: str, body: Any = None) -> Response:
        response = self._client.request(self._retry, "POST", path, body=body)
        if not response.ok:
            raise self._read_error(response)
        return response

    def _read_error(self, response: Response) -> HarvestError:
        if response.status == 404:
            return Unreachable(
                f"Elasticsearch at {self._config.url} has lost the point in time that was read (it was restarted, or an "
                "index was deleted): run the same command again"
            )
        if response.status == 403 and not response.cause.is_block:
            return self._missing_privilege()
        if response.status == 401 or response.cause.is_block:
            return self._client.error_for(response.cause)
        return ConfigurationError(
            f"Elasticsearch at {self._config.url} refuses to search in {' and '.join(self._config.index_patterns)} "
            f"({response.error_type or f'HTTP {response.status}'}): check whether another application's index matches these "
            "patterns"
        )

    def _missing_privilege(self) -> CredentialsError:
        return self._client.missing_privilege(f"the privilege read on {self._config.prefix}*")


def _null(_too_deep: object) -> None:
    """What is written instead of a value that is nested too deeply; no field of the harvester is."""


def _filters(window: Window | None, vendors: Sequence[str]) -> list[dict[str, Any]]:
    filters: list[dict[str, Any]] = []
    if vendors:
        filters.append({"terms": {"vendor": list(vendors)}})
    if window is not None:
        span = {**_after(window), **_before(window)}
        meetings = [{"term": {"kind": "meeting"}}, {"range": {"@timestamp": span}}]
        sessions = [{"term": {"kind": "session"}}, {"range": {"meeting_timestamp": span}}]
        filters.append({"bool": {"should": [{"bool": {"filter": each}} for each in (meetings, sessions)]}})
    return filters


def _overlapping(window: Window | None) -> list[dict[str, Any]]:
    if window is None:
        return []
    return [{"range": {"start_time": _before(window)}}, {"range": {"end_time": _after(window)}}]


def _after(window: Window) -> dict[str, str]:
    return {"gte": format_milliseconds(window.start), "format": "strict_date_time"}


def _before(window: Window) -> dict[str, str]:
    return {"lt": format_milliseconds(window.end), "format": "strict_date_time"}
