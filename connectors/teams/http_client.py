"""Requests to Microsoft Graph: two rate limits, and listings read to their last page by `@odata.nextLink`.

https://learn.microsoft.com/graph/paging (2026): the link is absolute and opaque, to be followed as it is. It is checked for
the same host, the same listing and the same parameters, and nothing is added to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from connectors.base import Context
from connectors.endpoint import Endpoint
from connectors.errors import BrokenResponse
from connectors.http import Api
from connectors.paging import page_token, paginate
from connectors.parsing import as_dicts
from connectors.rate_limit import Limiter
from connectors.teams.endpoints import (
    CALL_RECORDS,
    CALLS_PER_SECOND,
    LISTS_PER_SECOND,
    SEGMENTS,
    SESSIONS,
    VENDOR,
)

Row = Mapping[str, Any]

NEXT_LINK = "@odata.nextLink"

HEADERS = {"Prefer": "include-unknown-enum-members"}
"""Without it, newer members of an enumeration, such as `azureCommunicationServices`, come as `unknownFutureValue`
(https://learn.microsoft.com/graph/best-practices-concept)."""

_REPEATED_IN_SEGMENTS = ("caller", "callee")
_REPEATED_IN_MEDIA = ("callerDevice", "calleeDevice")

_KEY = re.compile(r"\('?([^/()']*)'?\)")
"""OData writes a key as `/{id}` or as `('{id}')`."""


class HalvingLimiter:
    """A limiter that a 429 lowers to half of its rate: the pool's own factor, 0.7, twice."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    def acquire(self) -> float:
        return self._limiter.acquire()

    def pause(self, seconds: float) -> None:
        """Allow no call for `seconds`. Requests that were refused together lower the rate once."""
        self._limiter.pause(0)
        self._limiter.pause(seconds)


class TeamsClient:
    """Safe for all threads. `share`: the fraction of the rate limit to use."""

    def __init__(self, api: Api, base_url: str, context: Context, share: float) -> None:
        self._api = api
        self._base_url = base_url
        limiters = context.limiters
        self._calls = HalvingLimiter(limiters.get("calls", context, calls=CALLS_PER_SECOND, share=share))
        self._lists = HalvingLimiter(limiters.get("lists", context, calls=LISTS_PER_SECOND, share=share))

    def get(self, endpoint: Endpoint, *ids: str, **params: str) -> dict[str, Any]:
        """The JSON object of one response. `filter` is the parameter `$filter`, and so on."""
        return self._get(endpoint, self._url(endpoint, ids, params))

    def pages(self, endpoint: Endpoint, *ids: str, **params: str) -> Iterator[Sequence[Row]]:
        """The rows page by page, up to the page without a next link."""
        return self._pages(endpoint, self._url(endpoint, ids, params))

    def sessions(self, record: str, *, whole: bool = True) -> list[Row]:
        """All sessions of a call record, each with all its segments. Without `whole`, they lack what only `--raw` needs: most
        of the memory of a meeting with thousands of participants."""
        found: list[Row] = []
        for number, page in enumerate(self.pages(SESSIONS, record, expand="segments")):
            for row in page:
                session = self._with_segments(record, row, is_on_first_page=number == 0)
                if not whole:
                    _remove_repetitions(session)
                found.append(session)
        return found

    def _with_segments(self, record: str, row: Row, *, is_on_first_page: bool) -> Row:
        """The session with the segments of all pages. Raises BrokenResponse if a later page of sessions has none: its link
        has lost the expansion."""
        link = page_token(row.get(f"segments{NEXT_LINK}"), call=f"{VENDOR}: {SEGMENTS.call}")
        if not link:
            if "segments" not in row and not is_on_first_page:
                raise BrokenResponse(
                    f"{VENDOR}: {SESSIONS.call}: the link to the next page has lost the segments"
                )
            return row
        url = self._url(SEGMENTS, (record, str(row.get("id"))), {})
        self._require_same_listing(SEGMENTS, link, url)
        more = [segment for page in self._pages(SEGMENTS, link, listing=url) for segment in page]
        whole = {key: value for key, value in row.items() if key != f"segments{NEXT_LINK}"}
        return {**whole, "segments": [*(row.get("segments") or ()), *more]}

    def _pages(self, endpoint: Endpoint, first: str, listing: str = "") -> Iterator[Sequence[Row]]:
        """The pages from this URL on; `listing`: the URL that the links are compared with, if not the first one."""
        call = f"{VENDOR}: {endpoint.call}"

        def get_page(url: str) -> Row:
            return self._get(endpoint, url or first)

        def next_link(page: Row) -> str:
            link = page_token(page.get(NEXT_LINK), call=call)
            if link:
                self._require_same_listing(endpoint, link, listing or first)
            return link

        for page in paginate(get_page, next_link, lambda page: rows_in(page, endpoint), call=call):
            yield rows_in(page, endpoint)

    def _get(self, endpoint: Endpoint, url: str) -> dict[str, Any]:
        limiter = self._lists if endpoint is CALL_RECORDS else self._calls
        body = self._api.get(endpoint.call, url, headers=HEADERS, limiter=limiter)
        if not isinstance(body, dict):
            raise BrokenResponse(f"{VENDOR}: {endpoint.call}: a response that is not a JSON object")
        return body

    def _url(self, endpoint: Endpoint, ids: Sequence[str], params: Mapping[str, str]) -> str:
        query = urlencode({f"${name}": value for name, value in params.items()}, quote_via=quote, safe="$")
        return f"{self._base_url}{endpoint.path(*ids)}{'?' if query else ''}{query}"

    def _require_same_listing(self, endpoint: Endpoint, link: str, listing: str) -> None:
        """Raises BrokenResponse if a link to a next page leads to another listing, or changes what was asked for."""
        call = f"{VENDOR}: {endpoint.call}"
        try:
            there, here = urlsplit(link), urlsplit(listing)
            given, wanted = parse_qs(there.query), parse_qs(here.query)
        except ValueError:
            raise BrokenResponse(f"{call}: the link to the next page cannot be read") from None
        if there[:2] != here[:2]:
            raise BrokenResponse(f"{call}: the link to the next page points to another host")
        if _same_spelling(there.path) != _same_spelling(here.path):
            raise BrokenResponse(f"{call}: the link to the next page leads to another listing")
        for name, values in wanted.items():
            if name in given and given[name] != values:
                raise BrokenResponse(f"{call}: the link to the next page changes the parameter {name}")


def rows_in(body: Row, endpoint: Endpoint) -> list[Row]:
    rows = body.get("value")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BrokenResponse(f"{VENDOR}: {endpoint.call}: a response without the list `value`")
    return rows


def _remove_repetitions(session: Row) -> None:
    """Remove from the segments what each of them repeats: who took part in the session, and with which devices."""
    for segment in as_dicts(session.get("segments")):
        for field in _REPEATED_IN_SEGMENTS:
            segment.pop(field, None)
        for media in as_dicts(segment.get("media")):
            for field in _REPEATED_IN_MEDIA:
                media.pop(field, None)


def _same_spelling(path: str) -> str:
    return _KEY.sub(r"/\1", unquote(path)).rstrip("/").lower()
