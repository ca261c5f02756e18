"""Microsoft Graph's paging: `@odata.nextLink` is an absolute URL that a client follows as it is."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, TypeVar
from urllib.parse import quote

from harvester.simulator.teams.error_responses import bad_request
from harvester.simulator.teams.request import Request

Row = TypeVar("Row")
_TOKEN = "$skiptoken"


class Pages:
    """Pages of collections; a token is valid for the same collection and query only."""

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(16, "big", signed=True)

    def page(self, request: Request, found: Sequence[Row], maximum: int) -> tuple[Sequence[Row], str | None]:
        """Return the rows of the requested page and the link to the next page, None after the last.

        Pages are counted from the beginning: rows that appear before the end of a page move others to the next page.
        """
        offset, size = self._position(request, maximum)
        end = offset + size
        return found[offset:end], self.link(request, end, size) if end < len(found) else None

    def nested(
        self, request: Request, url: str, query: dict[str, str], rows: Sequence[Row], maximum: int
    ) -> tuple[Sequence[Row], str | None]:
        """Return the first page of a collection inside another answer, and the link to its next page at `url`."""
        there = Request(url=url, query=query, instant=request.instant, prefer=request.prefer)
        return self.page(there, rows, maximum)

    def link(self, request: Request, offset: int, size: int) -> str:
        query = {name: value for name, value in request.query.items() if name != _TOKEN}
        query[_TOKEN] = f"{offset}.{size}.{self._seal(request, offset, size)}"
        encoded = "&".join(
            f"{quote(name, safe='$')}={quote(value, safe='')}" for name, value in query.items()
        )
        return f"{request.url}?{encoded}"

    def _position(self, request: Request, maximum: int) -> tuple[int, int]:
        token = request.query.get(_TOKEN)
        if token is None:
            return 0, request.page_size(maximum)
        offset, _, rest = token.partition(".")
        size, _, seal = rest.partition(".")
        if not (offset.isdigit() and size.isdigit()) or seal != self._seal(request, int(offset), int(size)):
            raise bad_request("The skip token does not belong to this query.")
        return int(offset), int(size)

    def _seal(self, request: Request, offset: int, size: int) -> str:
        query = sorted((name, value) for name, value in request.query.items() if name != _TOKEN)
        text = repr((request.url, query, offset, size)).encode()
        return blake2b(text, key=self._key, digest_size=8).hexdigest()


def collection(context: str, rows: list[dict[str, Any]], link: str | None) -> dict[str, Any]:
    """Return the body of a page."""
    more = {} if link is None else {"@odata.nextLink": link}
    return {"@odata.context": context, **more, "value": rows}


def without_nulls(value: Any) -> Any:
    """Return an answer without its null values, as `Prefer: omit-values=nulls` asks for."""
    if isinstance(value, dict):
        return {name: without_nulls(part) for name, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value
