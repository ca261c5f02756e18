"""The person to forget: by which addresses, ids and names, also as pseudonyms."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from harvester.documents import Document
from harvester.privacy.forgotten_people import Action, ForgottenPeople, Identifier, Kind, forget_identifiers
from harvester.privacy.personal_fields import Nature
from harvester.privacy.treatment import PSEUDONYM, REMOVED, Pseudonyms

NATURES: Mapping[Kind, tuple[Nature, ...]] = {
    "email": (Nature.email,),
    "id": (Nature.person_id, Nature.participant_id),
    "name": (Nature.name,),
}
SHORTEST_ID = 6
"""Shorter ids, and numbers, are found by chance in other text."""

LeftOut = Counter[tuple[str, str, str]]
"""How many sessions are left out that a meeting counts, by the meeting's document id, detail and time of harvest; 0 if it
counts none of them."""


@dataclass(frozen=True, kw_only=True)
class Person:
    identifiers: frozenset[Identifier]
    action: Action
    pseudonyms: Pseudonyms | None = None
    """Those of the settings: documents may hold them instead of the identifiers."""

    @cached_property
    def all_identifiers(self) -> frozenset[Identifier]:
        """The identifiers, and their pseudonyms."""
        hashed = {
            Identifier(kind=each.kind, text=self.pseudonyms.of(nature, each.text.strip()))
            for each in self.identifiers
            if self.pseudonyms is not None and not PSEUDONYM.fullmatch(each.text)
            for nature in NATURES[each.kind]
        }
        return self.identifiers | hashed

    @cached_property
    def forgotten(self) -> ForgottenPeople:
        salt = secrets.token_bytes(32)
        return ForgottenPeople(salt, forget_identifiers(salt, self.all_identifiers, self.action))

    def with_linked(self, documents: Iterable[Document]) -> Person:
        """The same person, with the addresses and ids that these documents link to the person."""
        linked = {each for document in documents for each in self.forgotten.linked(document)}
        known = {(each.kind, each.normalized) for each in self.all_identifiers}
        new = {each for each in linked if (each.kind, each.normalized) not in known}
        if not new:
            return self
        return Person(identifiers=self.identifiers | new, action=self.action, pseudonyms=self.pseudonyms)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        texts = [
            re.escape(each.text.strip())
            for each in self.all_identifiers
            if each.kind != "id" or (len(each.text) >= SHORTEST_ID and not each.text.isdigit())
        ]
        return re.compile(rf"(?<!\w)(?:{'|'.join(texts)})(?!\w)" if texts else r"(?!)", re.IGNORECASE)

    def is_named_in(self, text: str) -> bool:
        """Whether a text that is not a document names the person."""
        return self._pattern.search(text) is not None

    def without(self, text: str) -> str:
        """The text without the person."""
        return self._pattern.sub(REMOVED, text)


@dataclass(slots=True, kw_only=True)
class Count:
    """What was found of the person in one place."""

    removed: int = 0
    """Sessions to remove, or removed."""
    blanked: int = 0
    """Documents or rows to blank, or blanked."""
    unreadable: int = 0
    """Lines that name the person and are not documents."""
    left_out: LeftOut = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.removed + self.blanked + self.unreadable

    def include(self, other: Count) -> None:
        """Add what was found in a part of the same place."""
        self.removed += other.removed
        self.blanked += other.blanked
        self.unreadable += other.unreadable
        self.left_out.update(other.left_out)

    def add(self, person: Person, document: Document) -> Document | None:
        """Count a document, and return what it becomes; `None` if it is removed."""
        kept = person.forgotten.document(document)
        if kept is None:
            self.removed += 1
            self.left_out[_meeting_of(document)] += document.get("stay") == "meeting"
        elif kept is not document:
            self.blanked += 1
        return kept


def _meeting_of(session: Document) -> tuple[str, str, str]:
    name = f"{session.get('vendor')}:{session.get('account')}:{session.get('meeting')}"
    return name, str(session.get("detail")), str(session.get("harvested_at"))


def with_fewer_sessions(meeting: Document, left_out: LeftOut) -> Document:
    """The meeting without the sessions that are left out in its count of sessions; the same object if there are none."""
    if meeting.get("kind") != "meeting":
        return meeting
    key = str(meeting.get("document_id")), str(meeting.get("detail")), str(meeting.get("harvested_at"))
    counted = meeting.get("participant_sessions")
    if not left_out[key] or not isinstance(counted, int):
        return meeting
    return {**meeting, "participant_sessions": max(0, counted - left_out[key])}
