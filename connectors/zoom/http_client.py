"""Requests to Zoom: a rate limit per label, a daily quota, and listings read to their last page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.base import Context
from connectors.errors import BrokenResponse
from connectors.http import Api, DailyQuota
from connectors.paging import page_token, paginate
from connectors.zoom.endpoints import VENDOR, ZoomEndpoint
from connectors.zoom.errors import DailyLimitGuard, ListingTooShort, PageTokenExpired

Row = Mapping[str, Any]

RESTARTS = 3
"""How often a listing starts again because its page token expired, before that is an error."""

SHORT_RESTARTS = 1
"""How often a listing starts again because it had fewer rows than promised, before that is an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """An account's rate limits, https://developers.zoom.us/docs/api/rate-limits/ (2026-02-07)."""

    heavy: float
    """Calls per second, as for `medium`."""
    medium: float
    intensive_per_minute: float
    """Calls of the Resource-intensive label per minute."""
    heavy_per_day: int
    """Heavy and Resource-intensive calls together per UTC day."""


PRO = Rates(heavy=10, medium=20, intensive_per_minute=10, heavy_per_day=30_000)
BUSINESS = Rates(heavy=40, medium=60, intensive_per_minute=20, heavy_per_day=60_000)


def daily_quota(rates: Rates, share: float) -> tuple[str, int]:
    """The name and size of the daily quota: this program's share of the account's."""
    return "heavy", max(1, int(rates.heavy_per_day * share))


class ZoomClient:
    """Safe for all threads. `share`: the fraction of the account's rate limits to use."""

    def __init__(
        self, api: Api, daily_limit: DailyLimitGuard, rates: Rates, share: float, context: Context
    ) -> None:
        self._api = api
        self._daily_limit = daily_limit
        self._limiters = {
            "heavy": context.limiters.get("heavy", context, calls=rates.heavy, share=share),
            "medium": context.limiters.get("medium", context, calls=rates.medium, share=share),
            "intensive": context.limiters.get(
                "intensive", context, calls=rates.intensive_per_minute, per=60.0, share=share
            ),
        }
        # Both labels count against one daily quota; on the plans with Reports or a Dashboard, Medium has none.
        name, limit = daily_quota(rates, share)
        daily = DailyQuota(name=name, limit=limit)
        self._quotas = {"heavy": daily, "intensive": daily}

    def get(self, endpoint: ZoomEndpoint, *ids: str, **params: str) -> dict[str, Any]:
        """The JSON object of one response."""
        quota = self._quotas.get(endpoint.label)
        if quota is not None:
            self._daily_limit.check(endpoint.call)
        body = self._api.get(
            endpoint.call,
            endpoint.path(*ids),
            params=params,
            limiter=self._limiters[endpoint.label],
            quota=quota,
        )
        if not isinstance(body, dict):
            raise BrokenResponse(f"{VENDOR}: {endpoint.call}: a response that is not a JSON object")
        return body

    def pages(self, endpoint: ZoomEndpoint, *ids: str, **params: str) -> Iterator[list[Row]]:
        """The rows page by page. If the listing has to start again, it repeats rows; the caller has to recognize them by
        their ids. Raises ListingTooShort after the last page if rows are missing.

        A row on two pages shows that the pages have shifted meanwhile, and another row may be on none. So the listing
        starts again once if it has fewer ids than Zoom counts.
        """
        restarts = _Restarts()
        totals: list[int] = []
        found: set[str] = set()
        while True:
            try:
                for page in self._pages(endpoint, ids, params, totals):
                    found |= {str(row.get("uuid") or row.get("id")) for row in page}
                    yield page
            except (PageTokenExpired, ListingTooShort) as error:
                restarts.count(error)
            else:
                is_complete = params.get("type") == "live" or len(found) >= min(totals, default=0)
                if is_complete or not restarts.may_shift():
                    return

    def all_rows(self, endpoint: ZoomEndpoint, *ids: str, **params: str) -> list[Row]:
        """Every row once, for lists whose rows have no id. Returns only after the last page."""
        restarts = _Restarts()
        while True:
            try:
                return [row for page in self._pages(endpoint, ids, params, []) for row in page]
            except (PageTokenExpired, ListingTooShort) as error:
                restarts.count(error)

    def _pages(
        self, endpoint: ZoomEndpoint, ids: tuple[str, ...], params: Mapping[str, str], totals: list[int]
    ) -> Iterator[list[Row]]:
        """`totals` gets the number of rows that each page counts in all."""
        totals.clear()
        # Zoom requires the same parameters with every page token.
        call = f"{VENDOR}: {endpoint.call}"
        fixed = {**params, "page_size": str(endpoint.page_size)}

        def get_page(token: str) -> dict[str, Any]:
            next_page = {"next_page_token": token} if token else {}
            return self.get(endpoint, *ids, **fixed, **next_page)

        count = 0

        def rows_of(page: Row) -> list[Row]:
            return _rows(page, endpoint)

        def next_page(page: Row) -> str:
            return page_token(page.get("next_page_token"), call=call)

        for page in paginate(get_page, next_page, rows_of, call=call):
            rows = rows_of(page)
            count += len(rows)
            totals += _total(page)
            yield rows
        # Live meetings come and go while they are listed, and so do their participants.
        if params.get("type") != "live" and count < min(totals, default=0):
            raise ListingTooShort(f"{call}: too few rows: {count:,}, although Zoom counts {min(totals):,}")


class _Restarts:
    """How often one listing may start again."""

    def __init__(self) -> None:
        self._left = {PageTokenExpired: RESTARTS, ListingTooShort: SHORT_RESTARTS}
        self._has_shifted = False

    def may_shift(self) -> bool:
        """Whether the listing may start again because its pages have shifted: once."""
        first, self._has_shifted = not self._has_shifted, True
        return first

    def count(self, error: PageTokenExpired | ListingTooShort) -> None:
        """Counts a restart for this reason. Raises the error if there were enough."""
        if not self._left[type(error)]:
            raise error
        self._left[type(error)] -= 1


def _total(page: Row) -> list[int]:
    """The page's `total_records`; empty if it has none. Zoom once documented it as text."""
    total = page.get("total_records")
    if isinstance(total, str) and total.isdecimal() and len(total) < 10:
        total = int(total)
    return [total] if isinstance(total, int) and not isinstance(total, bool) else []


def _rows(page: Row, endpoint: ZoomEndpoint) -> list[Row]:
    rows = page.get(endpoint.rows)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BrokenResponse(f"{VENDOR}: {endpoint.call}: a response without the list `{endpoint.rows}`")
    return rows
