"""Asking Webex: one pace for a token, listings from the first page to the last by their `Link`.

https://developer.webex.com/docs/api/basics (2026): of the links of RFC 5988 only `rel="next"` is sure to come, and a
`max` above an endpoint's own is lowered without a word. Rates are not published: "these limits will vary", says
https://developer.webex.com/blog/rate-limiting-and-the-webex-api (2025-04-14).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin

from requests.utils import parse_header_links

from connectors.base import Context
from connectors.errors import BrokenResponse
from connectors.http import Api, Response, paginate
from connectors.rate_limit import RateLimiter
from connectors.webex.endpoints import VENDOR, WebexEndpoint

Row = Mapping[str, Any]

CALLS_PER_SECOND = 5.0
"""The one rate that Cisco publishes for any REST API of Webex is 300 calls a minute (Contact Center). Who comes faster
than an account is permitted is told by 429, and the pace goes down and up with that."""

LARGEST_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class WebexPage:
    rows: Sequence[Row]
    next_url: str
    """The address of the next page; empty on the last, and where the endpoint tells none."""


class WebexClient:
    """Safe for many threads. `share`: the part of the rate to use."""

    def __init__(self, api: Api, base_url: str, context: Context, share: float) -> None:
        self._api = api
        self._base_url = base_url.rstrip("/")
        self.limiter = RateLimiter(context, calls=CALLS_PER_SECOND, share=share)

    def get(self, endpoint: WebexEndpoint, *ids: str, **params: str) -> dict[str, Any]:
        """The JSON object of one answer."""
        body = self._api.get(endpoint.call, endpoint.path(*ids), params=params, limiter=self.limiter)
        if not isinstance(body, dict):
            raise BrokenResponse(f"{VENDOR}: {endpoint.call}: an answer that is no object")
        return body

    def pages(self, endpoint: WebexEndpoint, **params: str) -> Iterator[WebexPage]:
        """Page by page, to the one without a next. A link that comes back a second time is an error."""
        first = f"{self._base_url}{endpoint.path()}?{urlencode({**params, 'max': str(LARGEST_PAGE)})}"

        def ask(address: str) -> WebexPage:
            asked = address or first
            answer = self._api.send("GET", endpoint.call, asked, limiter=self.limiter)
            return WebexPage(rows=rows_in(answer.body, endpoint), next_url=next_url(answer, asked))

        return paginate(ask, lambda page: page.next_url, call=f"{VENDOR}: {endpoint.call}")


def next_url(answer: Response, asked: str) -> str:
    """The next page's address as it was given; empty where there is none."""
    for link in parse_header_links(answer.headers.get("Link", "")):
        if "next" in link.get("rel", "").split() and link.get("url"):
            return urljoin(asked, link["url"])
    return ""


def rows_in(body: Any, endpoint: WebexEndpoint) -> list[Row]:
    rows = body.get("items") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BrokenResponse(f"{VENDOR}: {endpoint.call}: an answer without the list `items`")
    return rows
