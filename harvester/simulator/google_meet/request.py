"""A request to a simulated Google API, and the parsing of its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from harvester.simulator.google_meet.error_responses import bad_request
from harvester.simulator.organisation import Person, milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request.

    path: its parts below the API's version.
    instant: now, in milliseconds.
    seconds: now, in the vendor's seconds.
    person: the impersonated user, None for the service account itself.
    method, body: of the HTTP request.
    """

    path: Sequence[str]
    query: Mapping[str, Sequence[str]]
    instant: int
    seconds: float
    scopes: frozenset[str]
    person: Person | None
    method: str = "GET"
    body: bytes = b""

    def get(self, name: str) -> str | None:
        """Return the last value of a parameter."""
        value = self.query.get(name)
        return value[-1] if value else None

    def flag(self, name: str) -> bool:
        value = self.get(name) or "false"
        if value not in {"true", "false"}:
            raise bad_request(f"Invalid value for {name}: {value}")
        return value == "true"

    def count(self, name: str, *, default: int, maximum: int, strict: bool = False) -> int:
        """Parse a page size; one above the maximum is lowered or, with `strict`, refused."""
        value = self.get(name)
        if value is None or (value == "0" and not strict):
            return default
        if not value.isdigit() or (strict and not 1 <= int(value) <= maximum):
            raise bad_request(
                f"Invalid value '{value}'. Values must be within the range: [1, {maximum}]",
                "invalidParameter",
            )
        return min(int(value), maximum)

    def instant_of(self, name: str) -> int | None:
        """Parse an instant into milliseconds; the offset is required."""
        instant = self.get(name)
        return None if instant is None else instant_of(instant, name)


def instant_of(text: str, name: str) -> int:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise bad_request(f"Invalid value for: {name}: {text!r} is not an RFC 3339 instant.") from None
    if instant.tzinfo is None or "T" not in text.upper():
        raise bad_request(f"Invalid value for: {name}: {text!r} has no offset.")
    return milliseconds(instant)
