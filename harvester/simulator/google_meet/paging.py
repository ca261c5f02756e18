"""Google's page tokens.

The Directory's tokens are valid for three days (its reference). The others' lifetime is documented nowhere;
here it is an hour.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeVar

from harvester.simulator.google_meet.error_responses import bad_request
from harvester.simulator.google_meet.request import Request

Row = TypeVar("Row")


TOKEN_SECONDS = 3600.0


DIRECTORY_TOKEN_SECONDS = 3 * 86_400.0


@dataclass(slots=True)
class Pages:
    """Page tokens that contain the offset, signed together with the query that they belong to."""

    seed: int
    seconds: float = TOKEN_SECONDS
    _key: bytes = field(init=False)

    def __post_init__(self) -> None:
        self._key = self.seed.to_bytes(16, "big", signed=True)

    def page(
        self, request: Request, found: Sequence[Row], size: int, *, short: bool = False, empty: bool = False
    ) -> tuple[Sequence[Row], str | None]:
        """Return the rows and the next token.

        `short`: a page may hold fewer rows than requested although it is not the last. `empty`: it may even
        be empty.
        """
        offset, turn = self._read_token(request)
        end = offset + size
        if end < len(found) and turn % 3 == 1:
            end = offset if empty else max(offset + 1, end - 2) if short else end
        token = self._token(request, end, turn + 1) if end < len(found) else None
        return found[offset:end], token

    def _read_token(self, request: Request) -> tuple[int, int]:
        token = request.get("pageToken")
        if not token:
            return 0, 0
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            body, seal = sealed[:16], sealed[16:]
            offset, turn, issued = struct.unpack(">IId", body)
        except (ValueError, struct.error):
            raise bad_request("Invalid page token.") from None
        if seal != self._seal(request, body) or request.seconds - issued > self.seconds:
            raise bad_request("Invalid page token.")
        return int(offset), int(turn)

    def _token(self, request: Request, offset: int, turn: int) -> str:
        body = struct.pack(">IId", offset, turn, request.seconds)
        return urlsafe_b64encode(body + self._seal(request, body)).decode().rstrip("=")

    def _seal(self, request: Request, body: bytes) -> bytes:
        ignored = {"pageToken", "fields", "alt", "prettyPrint"}
        query = sorted((name, tuple(values)) for name, values in request.query.items() if name not in ignored)
        who = request.person.index if request.person else None
        return blake2b(
            repr((tuple(request.path), query, who)).encode() + body, key=self._key, digest_size=12
        ).digest()
