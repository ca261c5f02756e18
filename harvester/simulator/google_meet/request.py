"""A request to a simulated Google API, and the checks of its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from harvester.simulator.google_meet.error_responses import bad
from harvester.simulator.organisation import Person, milliseconds


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
