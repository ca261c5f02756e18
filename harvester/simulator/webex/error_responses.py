"""What Webex refuses, and in which words: error bodies, parameters, pages and the `Link` header.

Sources: Webex's pages on the basics, on meetings and on rate limits (2025 and 2026), its OpenAPI description of
2026-05, and what clients of the API guard against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from harvester.simulator.organisation import DAY, milliseconds

Row = TypeVar("Row")
WEEK = 7 * DAY

NOT_ALLOWED = (
    "The server understood the request, but refused to fulfill it because the access token is missing required "
    "scopes or the user is missing required roles or licenses."
)
NOT_FOUND = "The requested resource could not be found."
BAD = "The request could not be understood by the server due to malformed syntax."
NO_TOKEN = "The request requires a valid access token set in the Authorization request header."
TOO_MANY = "The server is currently overloaded or you have sent too many requests. Please try again later."


class Refusal(Exception):
    """An answer that is not 200: a message and what is wrong in particular. `more`: other keys of the body;
    `error`: OAuth's word for it."""

    def __init__(self, status: int, message: str, *descriptions: str, error: str = "", **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.descriptions = descriptions
        self.error = error
        self.more = more
        self.headers: dict[str, str] = {}

    def body(self, number: int) -> dict[str, Any]:
        """The `number`th one: `errors` is not always there, and OAuth's errors come in two shapes."""
        if self.error and number % 2:
            return {"error": self.error, "error_description": self.message}
        told: dict[str, Any] = {"message": self.message, **self.more}
        if number % 4 != 3 or self.error:
            said = (*self.descriptions, *([self.error] if self.error else [])) or (self.message,)
            told["errors"] = [{"description": description} for description in said]
            if number % 4 == 2:
                told["errors"][0]["errorCode"] = self.status * 100
        return told | {"trackingId": f"ROUTERGW_{number:08x}-0000-4000-8000-inventedorg"}


def bad(description: str) -> Refusal:
    return Refusal(400, BAD, description)


def not_found(description: str) -> Refusal:
    return Refusal(404, NOT_FOUND, description)


def forbidden(description: str) -> Refusal:
    return Refusal(403, NOT_ALLOWED, description)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`path`: with the base URL that it was sent to; `key`: the id in it; `instant`: now, in ms; `admin`: whether the
    caller's role counts; `form`: a body that was sent along."""

    path: str
    key: str
    query: Mapping[str, str]
    instant: int
    scopes: frozenset[str]
    admin: bool
    form: bytes = b""

    def may(self, *scopes: str) -> bool:
        return not self.scopes.isdisjoint(scopes)


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer, not encoded yet; `rows` go into `items`."""

    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200


def parameters(query: str) -> dict[str, str]:
    """A parameter that comes twice is what clients send that add their own ones to a `next` URL."""
    pairs = parse_qsl(query, keep_blank_values=True)
    told = dict(pairs)
    if len(told) != len(pairs):
        raise bad("A query parameter is given more than once.")
    return told


def instant_of(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise bad(f"'{name}' is not a date and time of ISO 8601.") from None
    return milliseconds(told if told.tzinfo else told.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Range:
    """Milliseconds since 1970: [first, last)."""

    first: int
    last: int


def time_range(query: Mapping[str, str], now: int, *, instances: bool) -> Range:
    """`from` and `to`; without them a week: of instances the last one, of plans the next."""
    start, end = instant_of(query, "from"), instant_of(query, "to")
    first = now - WEEK if instances else now
    if start is not None or end is not None:
        first = start if start is not None else (end or 0) - WEEK
    last = first + WEEK if end is None else end
    if first > last:
        raise bad("'from' cannot be after 'to'.")
    return Range(first, last)


def choice(query: Mapping[str, str], name: str, *allowed: str) -> str | None:
    value = query.get(name)
    if value is not None and value not in allowed:
        raise bad(f"'{name}' must be one of {', '.join(allowed)}.")
    return value


def boolean(query: Mapping[str, str], name: str) -> bool | None:
    told = choice(query, name, "true", "false")
    return None if told is None else told == "true"


def page_size(query: Mapping[str, str], *, default: int, most: int) -> int:
    """More than there may be is as many as there may be, without a word."""
    text = query.get("max", str(default))
    if not text.isdigit() or int(text) < 1:
        raise bad("'max' must be a positive number.")
    return min(int(text), most)


def count(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "0")
    if not text.isdigit():
        raise bad(f"'{name}' must be a number.")
    return int(text)


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
