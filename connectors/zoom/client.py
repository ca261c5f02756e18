"""Asking Zoom: one rate per label, one budget per day, and listings from the first page to the last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.base import Context
from connectors.errors import BrokenResponse
from connectors.http import Api, DailyQuota, paginate
from connectors.rate_limit import RateLimiter
from connectors.zoom.endpoints import VENDOR, ZoomEndpoint
from connectors.zoom.errors import DailyLimitGuard, PageTokenExpired

Row = Mapping[str, Any]

RESTARTS = 3
"""How often a listing is begun again because its page token expired, before that is an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What Zoom permits an account: calls a second, of the Resource-intensive label a minute, and the last a UTC day
    for Heavy and Resource-intensive calls together. https://developers.zoom.us/docs/api/rate-limits/ (2026-02-07)."""

    heavy: float
    medium: float
    intensive_per_minute: float
    heavy_per_day: int


PRO = Rates(heavy=10, medium=20, intensive_per_minute=10, heavy_per_day=30_000)
BUSINESS = Rates(heavy=40, medium=60, intensive_per_minute=20, heavy_per_day=60_000)


def daily_quota(rates: Rates, share: float) -> tuple[str, int]:
    """Name and size of the daily budget, of which this program uses its share."""
    return "heavy", max(1, int(rates.heavy_per_day * share))


class ZoomClient:
    """Safe for many threads. `share`: the part of the account's rates to use."""

    def __init__(self, api: Api, stop: DailyLimitGuard, rates: Rates, share: float, context: Context) -> None:
        self._api = api
        self._stop = stop
        self._paces = {
            "heavy": RateLimiter(context, calls=rates.heavy, share=share),
            "medium": RateLimiter(context, calls=rates.medium, share=share),
            "intensive": RateLimiter(context, calls=rates.intensive_per_minute, per=60.0, share=share),
        }
        # Both labels count against the one budget of the day; Medium has none on the plans that this can read.
        name, limit = daily_quota(rates, share)
        daily = DailyQuota(name=name, limit=limit)
        self._budgets = {"heavy": daily, "intensive": daily}

    def get(self, endpoint: ZoomEndpoint, *ids: str, **params: str) -> dict[str, Any]:
        """The JSON object of one answer."""
        budget = self._budgets.get(endpoint.label)
        if budget is not None:
            self._stop.check(endpoint.call)
        body = self._api.get(
            endpoint.call,
            endpoint.path(*ids),
            params=params,
            limiter=self._paces[endpoint.label],
            quota=budget,
        )
        if not isinstance(body, dict):
            raise BrokenResponse(f"{VENDOR}: {endpoint.call}: an answer that is no object")
        return body

    def pages(self, endpoint: ZoomEndpoint, *ids: str, **params: str) -> Iterator[list[Row]]:
        """Page by page. After an expired page token it begins again: rows that were seen come once more, and whoever
        asks tells them apart by their ids."""
        for left in reversed(range(RESTARTS + 1)):
            try:
                yield from self._pages(endpoint, ids, params)
            except PageTokenExpired:
                if not left:
                    raise
            else:
                return

    def all_rows(self, endpoint: ZoomEndpoint, *ids: str, **params: str) -> list[Row]:
        """Every row, each once: for lists whose rows have no id of their own, kept back until the last page came."""
        for left in reversed(range(RESTARTS + 1)):
            try:
                return [row for page in self._pages(endpoint, ids, params) for row in page]
            except PageTokenExpired:
                if not left:
                    raise
        raise AssertionError("the last round returns or raises")

    def _pages(
        self, endpoint: ZoomEndpoint, ids: tuple[str, ...], params: Mapping[str, str]
    ) -> Iterator[list[Row]]:
        # Zoom wants the same parameters with every token.
        fixed = {**params, "page_size": str(endpoint.page_size)}

        def ask(token: str) -> dict[str, Any]:
            more = {"next_page_token": token} if token else {}
            return self.get(endpoint, *ids, **fixed, **more)

        for page in paginate(ask, _next_page, call=f"{VENDOR}: {endpoint.call}"):
            yield _rows(page, endpoint)


def _next_page(page: Row) -> str:
    return str(page.get("next_page_token") or "")


def _rows(page: Row, endpoint: ZoomEndpoint) -> list[Row]:
    rows = page.get(endpoint.rows)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BrokenResponse(f"{VENDOR}: {endpoint.call}: an answer without the list `{endpoint.rows}`")
    return rows
