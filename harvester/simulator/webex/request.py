"""A request to the simulated Webex, the answer to it, and the checks of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from harvester.simulator.organisation import DAY, milliseconds
from harvester.simulator.webex.error_responses import bad

WEEK = 7 * DAY


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
