"""Zoom's page tokens."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b

from harvester.simulator.zoom.error_responses import BAD_PAGE_TOKEN, Refusal
from harvester.simulator.zoom.request import Query

PAGE_TOKEN_SECONDS = 15 * 60


class PageTokens:
    """Page tokens that hold where to go on and since when, sealed together with the query that they were given for.

    Seconds are the vendor's.
    """

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(16, "big", signed=True)

    def issue(self, path: str, query: Query, offset: int, seconds: float) -> str:
        body = struct.pack(">Id", offset, seconds)
        return urlsafe_b64encode(body + self._seal(path, query, body)).decode().rstrip("=")

    def offset(self, path: str, query: Query, seconds: float) -> int:
        """Where the query's token says to go on; 0 without one. Refused: another query's, an old one, a made-up one."""
        token = query.get("next_page_token")
        if not token:
            return 0
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            body, seal = sealed[:12], sealed[12:]
            offset, issued = struct.unpack(">Id", body)
        except (ValueError, struct.error):
            raise Refusal(400, 300, BAD_PAGE_TOKEN) from None
        if seal != self._seal(path, query, body) or seconds - issued > PAGE_TOKEN_SECONDS:
            raise Refusal(400, 300, BAD_PAGE_TOKEN)
        return int(offset)

    def _seal(self, path: str, query: Query, body: bytes) -> bytes:
        asked = sorted((k, v) for k, v in query.items() if k not in {"next_page_token", "page_number"})
        return blake2b(repr((path, asked)).encode() + body, key=self._key, digest_size=12).digest()
