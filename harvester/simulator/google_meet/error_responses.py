"""What Google refuses, and in which words: both shapes of errors, pages, `fields`, and the parameters of a request.

Meet answers with google.rpc.Status; the Admin SDK and Calendar with the older list of `errors`, each with a reason.
Page tokens: the Directory's are good for three days (its reference); of the others nobody says, here it is an hour.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, TypeVar

from harvester.simulator.organisation import Person, milliseconds

Row = TypeVar("Row")

TOKEN_SECONDS = 3600.0
DIRECTORY_TOKEN_SECONDS = 3 * 86_400.0
_STATUS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE",
}  # fmt: skip


class Refusal(Exception):
    """An answer that is not 200. `reason`: the word of the older shape; `detail`: of the newer one, in `ErrorInfo`;
    `oauth`: the token endpoint's."""

    def __init__(
        self, status: int, message: str, *, reason: str = "", domain: str = "global", detail: str = "", oauth: str = ""
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason
        self.domain = domain
        self.detail = detail
        self.oauth = oauth
        self.headers: dict[str, str] = {}

    def body(self, *, older: bool) -> dict[str, Any]:
        if self.oauth:
            return {"error": self.oauth, "error_description": self.message}
        error: dict[str, Any] = {"code": self.status, "message": self.message}
        if older:
            error["errors"] = [{"message": self.message, "domain": self.domain, "reason": self.reason}]
        if self.status in _STATUS and not (older and self.status in {404, 429}):
            error["status"] = _STATUS[self.status]
        if self.detail:
            info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": self.detail}
            error["details"] = [
                {**info, "domain": "googleapis.com", "metadata": {"consumer": "projects/123456789012"}}
            ]
        return {"error": error}


def bad(message: str, reason: str = "invalid") -> Refusal:
    return Refusal(400, message, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`path`: its parts below the API's version; `instant`: now, in milliseconds; `seconds`: the vendor's. `person`:
    for whom it is asked, None for a service account by itself."""

    path: Sequence[str]
    query: Mapping[str, Sequence[str]]
    instant: int
    seconds: float
    scopes: frozenset[str]
    person: Person | None

    def get(self, name: str) -> str | None:
        """The last one told."""
        told = self.query.get(name)
        return told[-1] if told else None

    def flag(self, name: str) -> bool:
        told = self.get(name) or "false"
        if told not in {"true", "false"}:
            raise bad(f"Invalid value for {name}: {told}")
        return told == "true"

    def count(self, name: str, *, default: int, most: int, strict: bool = False) -> int:
        """A page's size: what is above the most is as much as there may be, or, where that is strict, refused."""
        told = self.get(name)
        if told is None or (told == "0" and not strict):
            return default
        if not told.isdigit() or (strict and not 1 <= int(told) <= most):
            raise bad(
                f"Invalid value '{told}'. Values must be within the range: [1, {most}]", "invalidParameter"
            )
        return min(int(told), most)

    def instant_of(self, name: str) -> int | None:
        """Milliseconds; the offset is required."""
        told = self.get(name)
        return None if told is None else instant_of(told, name)


def instant_of(text: str, name: str) -> int:
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise bad(f"Invalid value for: {name}: {text!r} is no RFC 3339 instant.") from None
    if told.tzinfo is None or "T" not in text.upper():
        raise bad(f"Invalid value for: {name}: {text!r} has no offset.")
    return milliseconds(told)


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


Mask = dict[str, "Mask"]


def mask(fields: str) -> Mask:
    """`a,b(c,d/e)` as the tree that it stands for; an empty tree is everything below."""
    tree, rest = _masked(fields.replace(" ", ""))
    if rest:
        raise bad(f"Invalid field selection {fields}")
    return tree


def _masked(text: str) -> tuple[Mask, str]:
    tree: Mask = {}
    while text and text[0] != ")":
        end = next((place for place, letter in enumerate(text) if letter in ",()"), len(text))
        names, text = text[:end].split("/"), text[end:]
        node = tree
        for name in names:
            if not name:
                raise bad("Invalid field selection")
            node = node.setdefault(name, {})
        if text.startswith("("):
            inner, text = _masked(text[1:])
            if not text.startswith(")"):
                raise bad("Invalid field selection")
            node.update(inner)
            text = text[1:]
        text = text.removeprefix(",")
    return tree, text


def selected(body: Any, tree: Mask) -> Any:
    """What the mask leaves of an answer."""
    if not tree or "*" in tree:
        return body
    if isinstance(body, list):
        return [selected(part, tree) for part in body]
    if isinstance(body, dict):
        return {name: selected(part, tree[name]) for name, part in body.items() if name in tree}
    return body
