"""Read a listing page by page, and refuse what would list something else or never end.

A vendor's link to the next page is not trusted: Webex's links have lost filters
(https://github.com/WebexCommunity/WebexPythonSDK/issues/168), and a listing of other meetings would count as a listing of
these.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlencode, urljoin, urlsplit, urlunsplit

from requests.utils import parse_header_links

from connectors.errors import BrokenResponse
from connectors.parsing import parse_instant

MAX_PAGES_WITHOUT_NEW_ROWS = 50
"""A listing fails after this number of successive pages that are empty or repeat the page before. Google may send empty
pages with a token; how many in succession is not documented."""

MAX_PAGES = 20_000
"""No listing is longer: the largest pages have 1,000 rows, the smallest 30."""

Page = TypeVar("Page")


def paginate(
    ask: Callable[[str], Page],
    token: Callable[[Page], str],
    rows: Callable[[Page], Sequence[Any]],
    *,
    call: str,
) -> Iterator[Page]:
    """Every page from the first (asked for with `""`) to the one whose token is empty.

    An empty page with a token goes on. Raises BrokenResponse for a token that comes back a second time, for too many pages
    without a new row, and for too many pages in all.
    """
    seen: set[str] = set()
    current = ""
    previous: Sequence[Any] = ()
    without_new_rows = 0
    while True:
        page = ask(current)
        yield page
        current = token(page)
        if not current:
            return
        if current in seen:
            raise BrokenResponse(f"{call}: the vendor sent the same page token twice")
        seen.add(current)
        found = rows(page)
        without_new_rows = without_new_rows + 1 if not found or found == previous else 0
        previous = found
        if without_new_rows >= MAX_PAGES_WITHOUT_NEW_ROWS or len(seen) >= MAX_PAGES:
            raise BrokenResponse(
                f"{call}: the listing does not end: {len(seen)} pages, the last {without_new_rows} without a new row"
            )


def page_token(value: Any, *, call: str) -> str:
    """The token for the next page in a response; empty if there is none. Raises BrokenResponse unless it is a text or a
    number."""
    if value is None or value is False:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BrokenResponse(f"{call}: a page token that is not text")
    return str(value)


def find_next_link(header: str | None, requested: str, *, call: str) -> str:
    """The URL of `rel="next"` in a `Link` header, resolved against the requested one; empty if there is none."""
    try:
        for link in parse_header_links(header or ""):
            if "next" in link.get("rel", "").lower().split() and link.get("url"):
                return urljoin(requested, link["url"])
    except ValueError:
        raise _unreadable(call) from None
    return ""


def restore_parameters(link: str, first: str, *, call: str, may_change: Collection[str] = ()) -> str:
    """The link to the next page with every parameter of the listing's first URL.

    Parameters that the link has lost are added, and the rest of the link stays as it is. Raises BrokenResponse if the link
    leads to another listing: another path, or another value of a parameter that is not in `may_change`.
    """
    try:
        next_page, start = urlsplit(link), urlsplit(first)
        given: dict[str, list[str]] = {}
        for name, value in parse_qsl(next_page.query, keep_blank_values=True):
            given.setdefault(name, []).append(value)
        wanted = parse_qsl(start.query, keep_blank_values=True)
    except ValueError:
        raise _unreadable(call) from None
    if unquote(next_page.path).rstrip("/") != unquote(start.path).rstrip("/"):
        raise BrokenResponse(f"{call}: the link to the next page leads to another listing")
    for name, value in wanted:
        if name not in may_change and any(not _equal(value, other) for other in given.get(name, ())):
            raise BrokenResponse(f"{call}: the link to the next page changes the parameter {name}")
    lost = urlencode([(name, value) for name, value in wanted if name not in given])
    query = "&".join(filter(None, (next_page.query, lost)))
    return urlunsplit(next_page._replace(query=query)) if lost else link


def _equal(value: str, other: str) -> bool:
    """Whether two values of a parameter mean the same: an instant can be written in several ways."""
    instant = parse_instant(value)
    return value == other or (instant is not None and instant == parse_instant(other))


def _unreadable(call: str) -> BrokenResponse:
    return BrokenResponse(f"{call}: the link to the next page cannot be read")
