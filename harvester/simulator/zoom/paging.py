"""Zoom's page tokens."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b

from harvester.simulator.zoom.error_responses import BAD_PAGE_TOKEN, ErrorResponse
from harvester.simulator.zoom.request import Query

PAGE_TOKEN_SECONDS = 15 * 60


class PageTokens:
    """Page tokens that contain the offset and the time of issue, signed together with the query that they
    belong to.

    Times are in the vendor's seconds.
    """

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(16, "big", signed=True)

    def issue(self, path: str, query: Query, offset: int, seconds: float) -> str:
        body = struct.pack(">Id", offset, seconds)
        return urlsafe_b64encode(body + self._seal(path, query, body)).decode().rstrip("=")

    def offset(self, path: str, query: Query, seconds: float) -> int:
        """Return the offset of the query's token, 0 without one.

        Tokens of another query, expired and invented ones are refused.
        """
        token = query.get("next_page_token")
        if not token:
            return 0
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            body, seal = sealed[:12], sealed[12:]
            offset, issued = struct.unpack(">Id", body)
        except (ValueError, struct.error):
            raise ErrorResponse(400, 300, BAD_PAGE_TOKEN) from None
        if seal != self._seal(path, query, body) or seconds - issued > PAGE_TOKEN_SECONDS:
            raise ErrorResponse(400, 300, BAD_PAGE_TOKEN)
        return int(offset)

    def _seal(self, path: str, query: Query, body: bytes) -> bytes:
        parameters = sorted((k, v) for k, v in query.items() if k not in {"next_page_token", "page_number"})
        return blake2b(repr((path, parameters)).encode() + body, key=self._key, digest_size=12).digest()
