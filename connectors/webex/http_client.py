"""Requests to Webex: one rate limit per token, and listings read to their last page by the `Link` header.

https://developer.webex.com/docs/api/basics (2026): of the links of RFC 5988 only `rel="next"` is guaranteed,
and a `max` above the endpoint's maximum is silently lowered. Rate limits are not published, "these limits will vary":
https://developer.webex.com/blog/rate-limiting-and-the-webex-api (2025-04-14).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from connectors.base import Context
from connectors.errors import BrokenResponse
from connectors.http import Api
from connectors.paging import find_next_link, paginate, restore_parameters
from connectors.webex.endpoints import VENDOR, WebexEndpoint

Row = Mapping[str, Any]

CALLS_PER_SECOND = 5.0
"""The one rate that Cisco publishes for any REST API of Webex is 300 calls a minute (Contact Center). A 429 lowers
the rate, which then slowly rises again."""

LARGEST_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class WebexPage:
    rows: Sequence[Row]
    next_url: str
    """The URL of the next page; empty on the last one, and for endpoints without a `Link`."""


class WebexClient:
    """Safe for all threads. `share`: the fraction of the rate limit to use."""

    def __init__(self, api: Api, base_url: str, context: Context, share: float) -> None:
        self._api = api
        self._base_url = base_url.rstrip("/")
        self.limiter = context.limiters.get("calls", context, calls=CALLS_PER_SECOND, share=share)

    def get(self, endpoint: WebexEndpoint, *ids: str, **params: str) -> dict[str, Any]:
        """The JSON object of one response."""
        body = self._api.get(endpoint.call, endpoint.path(*ids), params=params, limiter=self.limiter)
        if not isinstance(body, dict):
            raise BrokenResponse(f"{VENDOR}: {endpoint.call}: a response that is not a JSON object")
        return body

    def pages(self, endpoint: WebexEndpoint, **params: str) -> Iterator[WebexPage]:
        """The pages, up to the one without a next link. A link that is repeated or leads to another listing is an error;
        parameters that a link has lost are put back."""
        first = f"{self._base_url}{endpoint.path()}?{urlencode({**params, 'max': str(LARGEST_PAGE)})}"

        call = f"{VENDOR}: {endpoint.call}"

        def get_page(url: str) -> WebexPage:
            requested = url or first
            response = self._api.send("GET", endpoint.call, requested, limiter=self.limiter)
            link = find_next_link(response.headers.get("Link"), requested, call=call)
            # Webex lowers a `max` that is too large, and has sent `max=null`.
            following = restore_parameters(link, first, call=call, may_change={"max"}) if link else ""
            is_empty = response.status == 204 and not url  # a further page without rows may be missing some
            rows = [] if is_empty else rows_in(response.body, endpoint)
            return WebexPage(rows=rows, next_url=following)

        return paginate(get_page, lambda page: page.next_url, lambda page: page.rows, call=call)


def rows_in(body: Any, endpoint: WebexEndpoint) -> list[Row]:
    rows = body.get("items") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BrokenResponse(f"{VENDOR}: {endpoint.call}: a response without the list `items`")
    return rows
