"""Google's page tokens."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeVar

from harvester.simulator.google_meet.error_responses import bad
from harvester.simulator.google_meet.request import Question

Row = TypeVar("Row")


TOKEN_SECONDS = 3600.0


DIRECTORY_TOKEN_SECONDS = 3 * 86_400.0


@dataclass(slots=True)
class Pages:
    """Tokens that hold where to go on, sealed together with the query that they were given for."""

    seed: int
    seconds: float = TOKEN_SECONDS
    _key: bytes = field(init=False)

    def __post_init__(self) -> None:
        self._key = self.seed.to_bytes(16, "big", signed=True)

    def page(
        self, asked: Question, found: Sequence[Row], size: int, *, short: bool = False, empty: bool = False
    ) -> tuple[Sequence[Row], str | None]:
        """The rows and the next token. `short`: a page may hold less than asked for though it is not the last;
        `empty`: it may even hold nothing."""
        offset, turn = self._place(asked)
        end = offset + size
        if end < len(found) and turn % 3 == 1:
            end = offset if empty else max(offset + 1, end - 2) if short else end
        token = self._token(asked, end, turn + 1) if end < len(found) else None
        return found[offset:end], token

    def _place(self, asked: Question) -> tuple[int, int]:
        token = asked.get("pageToken")
        if not token:
            return 0, 0
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            body, seal = sealed[:16], sealed[16:]
            offset, turn, issued = struct.unpack(">IId", body)
        except (ValueError, struct.error):
            raise bad("Invalid page token.") from None
        if seal != self._seal(asked, body) or asked.seconds - issued > self.seconds:
            raise bad("Invalid page token.")
        return int(offset), int(turn)

    def _token(self, asked: Question, offset: int, turn: int) -> str:
        body = struct.pack(">IId", offset, turn, asked.seconds)
        return urlsafe_b64encode(body + self._seal(asked, body)).decode().rstrip("=")

    def _seal(self, asked: Question, body: bytes) -> bytes:
        apart = {"pageToken", "fields", "alt", "prettyPrint"}
        query = sorted((name, tuple(told)) for name, told in asked.query.items() if name not in apart)
        who = asked.person.index if asked.person else None
        return blake2b(
            repr((tuple(asked.path), query, who)).encode() + body, key=self._key, digest_size=12
        ).digest()
