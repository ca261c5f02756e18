"""Asking the datatracker's framework API, which anybody may read: one record, or a listing to its last page.

Made with tastypie: `{"meta": {…, "next": path or null}, "objects": […]}`. A record that the datatracker itself cannot show
turns the whole page around it into a 404; such a page is read record by record (glasgow-ipl/ietfdata, 2026-06).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from connectors.base import Context
from connectors.errors import BrokenResponse, VendorError
from connectors.http import Api, paginate
from connectors.meetecho.endpoints import DATATRACKER_CALLS_PER_SECOND, PAGE_SIZE, VENDOR, call_name
from connectors.meetecho.errors import datatracker_classifier
from connectors.rate_limit import RateLimiter

Row = Mapping[str, Any]

PROBES = 10
"""Where the first page is not there, so many of its records are tried: none of them means that the call is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TastypiePage:
    rows: list[Row]
    next_query: str
    """The query of the next page; empty on the last."""
    total: int | None
    lost: int = 0


class DatatrackerClient:
    """Safe for many threads. `lost`: records so far that the datatracker cannot show."""

    def __init__(self, base_url: str, context: Context, share: float) -> None:
        self._api = Api(VENDOR, base_url, context, classify=datatracker_classifier(context))
        self._context = context
        self._lock = Lock()
        self.limiter = RateLimiter(context, calls=DATATRACKER_CALLS_PER_SECOND, share=share)
        self.unavailable = 0

    def get(self, path: str, number: str) -> Row | None:
        """One record by its id; `None` for one that is not there (404)."""
        call = call_name(f"{path}{{id}}/")
        try:
            body = self._api.get(call, f"{path}{number}/", limiter=self.limiter)
        except VendorError as error:
            if error.status == 404:
                return None
            raise
        if not isinstance(body, dict):
            raise BrokenResponse(f"{VENDOR}: {call}: an answer that is no object")
        return body

    def count(self, path: str, **params: str) -> int | None:
        """How many records a listing counts, where it says so; not where its first record cannot be shown (404)."""
        found = self._record(path, {**params, "limit": "1"})
        return None if found is None else found.total

    def first_page(self, path: str, **params: str) -> list[Row]:
        """The first page of a listing, and no more."""
        return self._page(path, urlencode({**params, "limit": str(PAGE_SIZE)})).rows

    def all_rows(self, path: str, **params: str) -> list[Row]:
        """Every record, each once. BrokenResponse where the pages hold fewer than they count."""
        first = urlencode({**params, "limit": str(PAGE_SIZE)})
        call = call_name(path)
        found: dict[Any, Row] = {}
        totals: list[int] = []
        lost = 0

        def ask(query: str) -> TastypiePage:
            return self._or_stepped(path, query or first, totals[-1] if totals else None)

        for page in paginate(ask, lambda page: page.next_query, call=f"{VENDOR}: {call}"):
            for row in page.rows:
                found.setdefault(row.get("id", row.get("resource_uri")), row)
            totals += [] if page.total is None else [page.total]
            lost += page.lost
        if len(found) + lost < min(totals, default=0):
            raise BrokenResponse(f"{VENDOR}: {call}: the pages hold fewer records than they count")
        return list(found.values())

    def _page(self, path: str, query: str) -> TastypiePage:
        call = call_name(path)
        body = self._api.get(call, f"{path}?{query}", limiter=self.limiter)
        rows = body.get("objects") if isinstance(body, dict) else None
        meta = body.get("meta") if isinstance(body, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise BrokenResponse(f"{VENDOR}: {call}: an answer without the list `objects`")
        if not isinstance(meta, dict):
            raise BrokenResponse(f"{VENDOR}: {call}: an answer without `meta`")
        total = meta.get("total_count")
        return TastypiePage(
            rows=rows,
            next_query=_query(meta.get("next"), path),
            total=total if isinstance(total, int) else None,
        )

    def _or_stepped(self, path: str, query: str, total: int | None) -> TastypiePage:
        try:
            return self._page(path, query)
        except VendorError as error:
            if error.status != 404:
                raise
            return self._stepped(path, query, total, error)

    def _stepped(self, path: str, query: str, total: int | None, error: VendorError) -> TastypiePage:
        """What a page that is not there would hold, record by record, without those that are not there either."""
        params = dict(parse_qsl(query))
        first, limit = _count(params.get("offset")), _count(params.get("limit")) or PAGE_SIZE
        rows: list[Row] = []
        lost = 0
        for offset in range(first, first + limit):
            if total is not None and offset >= total:
                break
            found = self._record(path, {**params, "limit": "1", "offset": str(offset)})
            if found is None:
                lost += 1
            else:
                rows += found.rows[:1]
                total = found.total
                if not found.rows:
                    break
            if total is None and lost >= PROBES and not rows:
                raise error
        if total is None and not rows:
            raise error
        self._lose(path, lost)
        more = first + limit < total if total is not None else False
        following = urlencode({**params, "limit": str(limit), "offset": str(first + limit)}) if more else ""
        return TastypiePage(rows=rows, next_query=following, total=total, lost=lost)

    def _record(self, path: str, params: Mapping[str, str]) -> TastypiePage | None:
        try:
            return self._page(path, urlencode(params))
        except VendorError as error:
            if error.status != 404:
                raise
            return None

    def _lose(self, path: str, count: int) -> None:
        if not count:
            return
        with self._lock:
            is_first = self.unavailable == 0
            self.unavailable += count
        if is_first:
            self._context.notify_once(
                f"{VENDOR}: {call_name(path)}: the datatracker cannot show {count} of its own records (404); these, and others "
                "like them, are left out"
            )


def _query(following: Any, path: str) -> str:
    """The query of the next page; a page of anything else must not be asked for."""
    if not following:
        return ""
    parts = urlsplit(str(following))
    if not parts.path.endswith(path) or not parts.query:
        raise BrokenResponse(f"{VENDOR}: {call_name(path)}: the next page is none of this listing")
    return parts.query


def _count(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() else 0
