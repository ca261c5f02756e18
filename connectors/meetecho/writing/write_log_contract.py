"""What this package needs of the log of writes. It keeps no token and no deletion token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A request that is about to be sent."""

    action: str
    """`create room`, `delete room`, `add deck`, `remove deck` or `send decks`."""
    group: str
    number: str
    """The room's id, or the session's."""
    uuid: str | None = None
    url: str | None = None
    decks: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentDecks:
    """The list of decks that Meetecho last accepted for a session."""

    at: datetime
    decks: Sequence[Mapping[str, Any]]
    is_latest: bool
    """Whether nothing was sent for the session afterwards."""


class WriteLog(Protocol):
    """Every method has stored its change safely when it returns."""

    def begin(self, write: Write) -> int:
        """Stores a write before it is sent. Returns its number."""
        ...

    def finish(
        self, number: int, status: int | None, *, uuid: str | None = None, url: str | None = None
    ) -> None:
        """Stores the HTTP status of the answer; None if the outcome is unknown."""
        ...

    def begin_replacement(self, group: str, number: str) -> None:
        """Stores that a room is about to be replaced: until the end there may be two with this id."""
        ...

    def end_replacement(self, group: str, number: str) -> None: ...

    def replacements(self, group: str) -> frozenset[str]:
        """The ids of rooms whose replacement was begun and not ended."""
        ...

    def last_decks(self, session: str) -> SentDecks | None: ...
