"""The datatracker's slide decks: the list of a session and the files themselves.

`GET /api/meeting/session/<pk>/materials` returns the list, which Meetecho reads, and
`/meeting/<number>/materials/<name>-<rev>` returns a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit

from harvester.simulator.meetecho.account import Account, GroupSession
from harvester.simulator.organisation import seeded_random

FILES = "/meeting/"
_FIRST_DECK = 150_000
_PER_SESSION = 20
_TITLES = (
    "Chairs’ slides",
    "Über QUIC & TLS",
    'The "next" draft',
    "進捗状況",
    "Status",
    "<b>Open</b> issues",
)
_LOST = 6  # of eight sessions, one has a deck whose file was never saved


@dataclass(frozen=True, slots=True, kw_only=True)
class Deck:
    """A deck in the datatracker. `rev` is None if its document could not be saved."""

    id: int
    title: str
    name: str
    rev: str | None
    ext: str = ".pdf"


@dataclass(slots=True)
class Materials:
    """The decks of every session, and which files answer.

    statuses: by path, the status of a file that does not answer with 200; a 302 leads to a login.
    reachable: URLs of other hosts that count as answering. No request is ever made to them.
    """

    account: Account
    statuses: dict[str, int] = field(default_factory=dict)
    reachable: set[str] = field(default_factory=set)
    _changed: dict[int, tuple[Deck, ...]] = field(default_factory=dict)
    _published: set[str] = field(default_factory=set)

    def decks(self, pk: int) -> Sequence[Deck]:
        session = self.account.by_id.get(pk)
        if pk in self._changed or session is None:
            return self._changed.get(pk, ())
        return _invented_decks(self.account.organisation.seed, session)

    def set_decks(self, pk: int, decks: Sequence[Deck]) -> None:
        """Change the decks of a session; files of earlier revisions remain."""
        self._published |= {self.path(pk, deck) for deck in self.decks(pk) if deck.rev is not None}
        self._changed[pk] = tuple(decks)

    def publish(self, path: str) -> None:
        """Serve a file at a path that no session's list contains."""
        self._published.add(path)

    def path(self, pk: int, deck: Deck) -> str:
        session = self.account.by_id.get(pk)
        number = session.ietf_meeting.number if session else "none"
        return f"{FILES}{number}/materials/{deck.name}-{deck.rev}"

    def body(self, pk: int, base: str) -> dict[str, Any] | None:
        """Return the materials of a session, None if the datatracker has no such session.

        `order` is the position in the list, counted from 1 or, in every second session, from 0: the public
        source does not say which.
        """
        session = self.account.by_id.get(pk)
        if session is None:
            return None
        decks = [
            {
                "id": deck.id,
                "title": deck.title,
                "rev": deck.rev,
                "url": base + self.path(pk, deck),
                "ext": deck.ext,
                "order": order,
            }
            for order, deck in enumerate(self.decks(pk), start=pk % 2)
        ]
        agenda = f"{base}{FILES}{session.ietf_meeting.number}/materials/agenda-{session.group}"
        return {"url": agenda, "slides": {"decks": decks, "actions": []}, "minutes": None}

    def file_status(self, path: str) -> int:
        """Return the status with which a file is answered."""
        if path in self.statuses:
            return self.statuses[path]
        return 200 if path in self._published or path in self._listed() else 404

    def answers(self, url: str, base: str) -> bool:
        """Return whether Meetecho can fetch a deck: from the datatracker at `base`, or a reachable URL."""
        parts = urlsplit(url)
        if f"{parts.scheme}://{parts.netloc}" == base and not parts.query:
            return self.file_status(parts.path) == 200
        return url in self.reachable

    def _listed(self) -> set[str]:
        return {
            self.path(session.id, deck)
            for session in self.account.sessions
            for deck in self.decks(session.id)
            if deck.rev is not None
        }


def _invented_decks(seed: int, session: GroupSession) -> tuple[Deck, ...]:
    rng = Random(seeded_random.number(seed, "decks", session.id))
    number = session.ietf_meeting.number.removeprefix("interim-")
    first = _FIRST_DECK + session.id * _PER_SESSION
    lost = session.id % 8 == _LOST
    count = max(rng.randrange(6), int(lost))
    return tuple(
        Deck(
            id=first + position,
            title=rng.choice(_TITLES),
            name=f"slides-{number}-{session.group}-{position + 1}",
            rev=None if lost and position == count - 1 else f"{rng.randrange(4):02}",
        )
        for position in range(count)
    )
