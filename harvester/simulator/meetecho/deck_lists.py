"""The slide decks of each session as Meetecho has them.

They cannot be read back from Meetecho. An added deck moves those from its order on by one; a removed one
leaves a hole; a whole list replaces the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

DECK_KEYS = ("id", "title", "url", "rev", "order")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDeck:
    """A deck as Meetecho shows it."""

    id: int
    title: str
    url: str
    rev: str
    order: int


class DeckLists:
    """A list of decks per session, by order. An id occurs twice if it was added twice."""

    def __init__(self) -> None:
        self._lists: dict[str, list[ShownDeck]] = {}
        self._owners: dict[str, str] = {}

    def of(self, session: str) -> list[dict[str, Any]]:
        return [asdict(deck) for deck in self._lists.get(session, ())]

    def all(self) -> dict[str, list[dict[str, Any]]]:
        return {session: self.of(session) for session in self._lists}

    def owner(self, session: str, group: str) -> str:
        """Return the group that first wrote the decks of a session: this one if none has."""
        return self._owners.setdefault(session, group)

    def add(self, session: str, deck: Mapping[str, Any]) -> None:
        added = ShownDeck(**deck)
        moved = [
            replace(other, order=other.order + 1) if other.order >= added.order else other
            for other in self._lists.get(session, ())
        ]
        self._set(session, [*moved, added])

    def remove(self, session: str, deck_id: int) -> None:
        """Remove every deck with this id, if there is one."""
        self._set(session, [deck for deck in self._lists.get(session, ()) if deck.id != deck_id])

    def replace(self, session: str, decks: Iterable[Mapping[str, Any]]) -> None:
        self._set(session, [ShownDeck(**deck) for deck in decks])

    def _set(self, session: str, decks: list[ShownDeck]) -> None:
        self._lists[session] = sorted(decks, key=lambda deck: deck.order)
