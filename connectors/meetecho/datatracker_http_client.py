"""The HTTP client of the IETF datatracker: single records and whole listings of its public API.

The API is made with tastypie: `{"meta": {…, "next": path or null}, "objects": […]}`. A record that the datatracker cannot
show turns the whole page around it into a 404; such a page is read record by record (glasgow-ipl/ietfdata, 2026-06).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from connectors.base import Context
from connectors.errors import BrokenResponse, VendorError
from connectors.http import Api
from connectors.meetecho.endpoints import DATATRACKER_CALLS_PER_SECOND, PAGE_SIZE, VENDOR, call_name
from connectors.meetecho.errors import datatracker_classifier
from connectors.paging import paginate, restore_parameters
from connectors.parsing import as_text

Row = Mapping[str, Any]

PROBES = 10
"""If the first page is a 404, this many of its records are tried. If none is found, the endpoint does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TastypiePage:
    rows: list[Row]
    next_query: str
    """The query of the next page; empty on the last."""
    total: int | None
    unavailable: int = 0
    """How many records of this page the datatracker cannot show."""


class DatatrackerClient:
    """Reads records from the datatracker. Safe for all threads."""

    def __init__(self, base_url: str, context: Context, share: float) -> None:
        self._api = Api(VENDOR, base_url, context, classify=datatracker_classifier(context))
        self._context = context
        self._lock = Lock()
        self.limiter = context.limiters.get(
            "datatracker", context, calls=DATATRACKER_CALLS_PER_SECOND, share=share
        )
        self.unavailable = 0
        """How many records so far the datatracker could not show."""

    def get(self, path: str, number: str) -> Row | None:
        """The record with this id; None if there is none (404)."""
        return self.get_object(call_name(f"{path}{{id}}/"), f"{path}{number}/")

    def get_object(self, call: str, path: str) -> Row | None:
        """The JSON object at this path; None if there is none (404)."""
        try:
            body = self._api.get(call, path, limiter=self.limiter)
        except VendorError as error:
            if error.status == 404:
                return None
            raise
        if not isinstance(body, dict):
            raise BrokenResponse(f"{VENDOR}: {call}: a response that is not a JSON object")
        return body

    def count(self, path: str, **params: str) -> int | None:
        """The number of records in a listing; None if it is not given, or its first record cannot be shown (404)."""
        record = self._record(path, {**params, "limit": "1"})
        return None if record is None else record.total

    def first_page(self, path: str, **params: str) -> list[Row]:
        """The records of the first page of a listing."""
        return self._page(path, urlencode({**params, "limit": str(PAGE_SIZE)})).rows

    def all_rows(self, path: str, **params: str) -> list[Row]:
        """Every record of a listing once. Raises BrokenResponse if the pages contain fewer than they count."""
        first = urlencode({**params, "limit": str(PAGE_SIZE)})
        call = call_name(path)
        rows: dict[Any, Row] = {}
        totals: list[int] = []
        unavailable = 0

        def get_page(query: str) -> TastypiePage:
            page = self._page_or_records(path, query or first, totals[-1] if totals else None)
            return (
                replace(page, next_query=_restore(page.next_query, first, path)) if page.next_query else page
            )

        for page in paginate(
            get_page, lambda page: page.next_query, lambda page: page.rows, call=f"{VENDOR}: {call}"
        ):
            for row in page.rows:
                number = as_text(row.get("id"))
                if number is None:
                    raise BrokenResponse(f"{VENDOR}: {call}: a record without an id")
                rows.setdefault(number, row)
            totals += [] if page.total is None else [page.total]
            unavailable += page.unavailable
        if len(rows) + unavailable < min(totals, default=0):
            raise BrokenResponse(f"{VENDOR}: {call}: the pages contain fewer records than they count")
        return list(rows.values())

    def _page(self, path: str, query: str) -> TastypiePage:
        call = call_name(path)
        body = self._api.get(call, f"{path}?{query}", limiter=self.limiter)
        rows = body.get("objects") if isinstance(body, dict) else None
        meta = body.get("meta") if isinstance(body, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise BrokenResponse(f"{VENDOR}: {call}: a response without the list `objects`")
        if not isinstance(meta, dict):
            raise BrokenResponse(f"{VENDOR}: {call}: a response without `meta`")
        total = meta.get("total_count")
        return TastypiePage(
            rows=rows,
            next_query=_query(meta.get("next"), path),
            total=total if isinstance(total, int) else None,
        )

    def _page_or_records(self, path: str, query: str, total: int | None) -> TastypiePage:
        try:
            return self._page(path, query)
        except VendorError as error:
            if error.status != 404:
                raise
            return self._record_by_record(path, query, total, error)

    def _record_by_record(self, path: str, query: str, total: int | None, error: VendorError) -> TastypiePage:
        """The page that is a 404, read record by record without those that are a 404 themselves."""
        params = dict(parse_qsl(query))
        first, limit = _count(params.get("offset")), _count(params.get("limit")) or PAGE_SIZE
        rows: list[Row] = []
        unavailable = 0
        for offset in range(first, first + limit):
            if total is not None and offset >= total:
                break
            record = self._record(path, {**params, "limit": "1", "offset": str(offset)})
            if record is None:
                unavailable += 1
            else:
                rows += record.rows[:1]
                total = record.total
                if not record.rows:
                    break
            if total is None and unavailable >= PROBES and not rows:
                raise error
        if total is None and not rows:
            raise error
        self._count_unavailable(path, unavailable)
        more = first + limit < total if total is not None else False
        next_query = urlencode({**params, "limit": str(limit), "offset": str(first + limit)}) if more else ""
        return TastypiePage(rows=rows, next_query=next_query, total=total, unavailable=unavailable)

    def _record(self, path: str, params: Mapping[str, str]) -> TastypiePage | None:
        try:
            return self._page(path, urlencode(params))
        except VendorError as error:
            if error.status != 404:
                raise
            return None

    def _count_unavailable(self, path: str, count: int) -> None:
        if not count:
            return
        with self._lock:
            is_first = self.unavailable == 0
            self.unavailable += count
        if is_first:
            self._context.notify_once(
                f"{VENDOR}: {call_name(path)}: the datatracker cannot show {count} of its own records (404); these and "
                "others like them are skipped"
            )


def _query(next_path: Any, path: str) -> str:
    """The query of the next page. Raises BrokenResponse if the next page is not one of this listing."""
    if not next_path:
        return ""
    try:
        parts = urlsplit(str(next_path))
    except ValueError:
        raise BrokenResponse(
            f"{VENDOR}: {call_name(path)}: the link to the next page cannot be read"
        ) from None
    if not parts.path.endswith(path) or not parts.query:
        raise BrokenResponse(f"{VENDOR}: {call_name(path)}: the next page does not belong to this listing")
    return parts.query


def _restore(next_query: str, first: str, path: str) -> str:
    """The query of the next page with the parameters of the first one; tastypie lowers a `limit` that is too large."""
    call = f"{VENDOR}: {call_name(path)}"
    link = restore_parameters(f"{path}?{next_query}", f"{path}?{first}", call=call, may_change={"limit"})
    return urlsplit(link).query


def _count(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 20 else 0
