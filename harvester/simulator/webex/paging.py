"""Webex's paging by `Link` headers."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar
from urllib.parse import urlencode

from harvester.simulator.webex.error_responses import bad_request
from harvester.simulator.webex.request import Request, page_size

Row = TypeVar("Row")


class Pages:
    """Pages connected by `Link` headers; a cursor is valid for the same query only.

    Rows may be inserted between two requests, so each page starts with the last row of the previous one.
    """

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(16, "big", signed=True)

    def page(
        self, request: Request, found: Sequence[Row], *, default: int, maximum: int
    ) -> tuple[Sequence[Row], dict[str, str]]:
        size = page_size(request.query, default=default, maximum=maximum)
        offset = self._offset(request)
        begin = offset - 1 if offset and size > 1 else offset
        end = begin + size
        links = [(0, "first")] if offset else []
        if end < len(found):
            links.append((end, "next"))
        if offset:
            links.append((max(0, offset - size), "prev"))
        links_text = ", ".join(f'<{self._url(request, position)}>; rel="{name}"' for position, name in links)
        return found[begin:end], {"Link": links_text} if links_text else {}

    def _url(self, request: Request, offset: int) -> str:
        query = {name: value for name, value in request.query.items() if name != "cursor"}
        if offset:
            query["cursor"] = f"{offset}.{self._seal(request, offset)}"
        return f"{request.path}?{urlencode(query)}"

    def _offset(self, request: Request) -> int:
        position, _, seal = request.query.get("cursor", "0").partition(".")
        if position == "0":
            return 0
        if not position.isdigit() or seal != self._seal(request, int(position)):
            raise bad_request("'cursor' does not belong to this query.")
        return int(position)

    def _seal(self, request: Request, offset: int) -> str:
        query = sorted((name, value) for name, value in request.query.items() if name != "cursor")
        text = repr((request.path, query, offset)).encode()
        return blake2b(text, key=self._key, digest_size=8).hexdigest()
