"""Webex's pages."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar
from urllib.parse import urlencode

from harvester.simulator.webex.error_responses import bad
from harvester.simulator.webex.request import Question, page_size

Row = TypeVar("Row")


class Pages:
    """Pages that follow each other by `Link` headers; the cursor in them is good for the very same query only.

    Between two requests something may have been put in front: each page begins with the last row of the one before.
    """

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(16, "big", signed=True)

    def page(
        self, asked: Question, found: Sequence[Row], *, default: int, most: int
    ) -> tuple[Sequence[Row], dict[str, str]]:
        size = page_size(asked.query, default=default, most=most)
        offset = self._offset(asked)
        begin = offset - 1 if offset and size > 1 else offset
        end = begin + size
        links = [(0, "first")] if offset else []
        if end < len(found):
            links.append((end, "next"))
        if offset:
            links.append((max(0, offset - size), "prev"))
        told = ", ".join(f'<{self._url(asked, place)}>; rel="{name}"' for place, name in links)
        return found[begin:end], {"Link": told} if told else {}

    def _url(self, asked: Question, offset: int) -> str:
        query = {name: value for name, value in asked.query.items() if name != "cursor"}
        if offset:
            query["cursor"] = f"{offset}.{self._seal(asked, offset)}"
        return f"{asked.path}?{urlencode(query)}"

    def _offset(self, asked: Question) -> int:
        place, _, seal = asked.query.get("cursor", "0").partition(".")
        if place == "0":
            return 0
        if not place.isdigit() or seal != self._seal(asked, int(place)):
            raise bad("'cursor' does not belong to this query.")
        return int(place)

    def _seal(self, asked: Question, offset: int) -> str:
        query = sorted((name, value) for name, value in asked.query.items() if name != "cursor")
        text = repr((asked.path, query, offset)).encode()
        return blake2b(text, key=self._key, digest_size=8).hexdigest()
