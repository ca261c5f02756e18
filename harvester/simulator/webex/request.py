"""A request to the simulated Webex, the response to it, and the parsing of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from harvester.simulator.organisation import DAY, milliseconds
from harvester.simulator.webex.error_responses import bad_request

WEEK = 7 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request.

    path: with the base URL that it was sent to.
    key: the id in the path.
    instant: now, in milliseconds.
    admin: whether the caller's role counts.
    form: the body.
    """

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
class Response:
    """A successful response, not encoded yet."""

    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200


def query_parameters(query: str) -> dict[str, str]:
    """Parse a query; a repeated parameter is refused, as sent by clients that add their own parameters to a
    `next` URL."""
    pairs = parse_qsl(query, keep_blank_values=True)
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise bad_request("A query parameter is given more than once.")
    return parameters


def instant_of(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise bad_request(f"'{name}' is not a date and time of ISO 8601.") from None
    return milliseconds(instant if instant.tzinfo else instant.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Range:
    """Milliseconds since 1970: [first, last)."""

    first: int
    last: int


def time_range(query: Mapping[str, str], now: int, *, instances: bool) -> Range:
    """Parse `from` and `to`; the default is a week: the last one for instances, the next one for plans."""
    start, end = instant_of(query, "from"), instant_of(query, "to")
    first = now - WEEK if instances else now
    if start is not None or end is not None:
        first = start if start is not None else (end or 0) - WEEK
    last = first + WEEK if end is None else end
    if first > last:
        raise bad_request("'from' cannot be after 'to'.")
    return Range(first, last)


def choice(query: Mapping[str, str], name: str, *allowed: str) -> str | None:
    value = query.get(name)
    if value is not None and value not in allowed:
        raise bad_request(f"'{name}' must be one of {', '.join(allowed)}.")
    return value


def boolean(query: Mapping[str, str], name: str) -> bool | None:
    value = choice(query, name, "true", "false")
    return None if value is None else value == "true"


def page_size(query: Mapping[str, str], *, default: int, maximum: int) -> int:
    """Parse `max`; a larger value than permitted is silently lowered."""
    text = query.get("max", str(default))
    if not text.isdigit() or int(text) < 1:
        raise bad_request("'max' must be a positive number.")
    return min(int(text), maximum)


def count(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "0")
    if not text.isdigit():
        raise bad_request(f"'{name}' must be a number.")
    return int(text)
