"""People who are forgotten: known by salted hashes of their identifiers, never by the identifiers themselves."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, get_args

import msgspec

from connectors.models import MeetingRecord, Session
from harvester.documents import Document
from harvester.privacy.personal_fields import PARTICIPANT_FIELDS, PERSONAL, Nature
from harvester.privacy.treatment import EMAIL, Pseudonyms

Kind = Literal["email", "id", "name"]
Action = Literal["remove", "anonymize"]
"""What becomes of a forgotten person's sessions: they are left out, or stay without their personal fields."""

KINDS: tuple[Kind, ...] = get_args(Kind)
CACHED = 50_000
_WORD = re.compile(r"\w+")
_SESSION = tuple(name for name in PARTICIPANT_FIELDS if name in PERSONAL)
_HOST = ("host_id", "name", "email")
_TEXTS = ("topic", "leave_reason", "device")
"""Fields of a document that may mention a person in passing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """What a person is known by."""

    kind: Kind
    text: str

    @property
    def normalized(self) -> str:
        """Equal for equal people: an address in small letters, the words of a name."""
        return normalize(self.kind, self.text)

    @property
    def words(self) -> int:
        """How many words a name has; 0 for other kinds."""
        return len(self.normalized.split(" ")) if self.kind == "name" else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenIdentifier:
    """What is stored of a forgotten identifier."""

    digest: str
    kind: Kind
    words: int
    action: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenList:
    """What one state folder remembers: forgotten identifiers, hashed with a salt of its own."""

    salt: bytes
    entries: Sequence[ForgottenIdentifier]


def normalize(kind: Kind, text: str) -> str:
    if kind == "name":
        return " ".join(_WORD.findall(text.casefold()))
    return text.strip().lower() if kind == "email" else text.strip()


def to_digest(salt: bytes, kind: Kind, normalized: str) -> str:
    return hmac.digest(salt, f"{kind}\x1f{normalized}".encode("utf-8", "surrogatepass"), "sha256").hex()


def forget_identifiers(
    salt: bytes, identifiers: Iterable[Identifier], action: Action
) -> list[ForgottenIdentifier]:
    """What to store of these identifiers."""
    return [
        ForgottenIdentifier(
            digest=to_digest(salt, each.kind, each.normalized),
            kind=each.kind,
            words=each.words,
            action=action,
        )
        for each in identifiers
    ]


class ForgottenPeople:
    """Finds forgotten people in records, documents and messages. Safe for threads."""

    def __init__(
        self,
        salt: bytes = b"",
        entries: Iterable[ForgottenIdentifier] = (),
        pseudonyms: Pseudonyms | None = None,
        others: Sequence[ForgottenList] = (),
    ) -> None:
        """`pseudonyms`: those of the run, since a person may have been forgotten by a pseudonym. `others`: lists of other
        state folders."""
        lists = [each for each in (ForgottenList(salt=salt, entries=tuple(entries)), *others) if each.entries]
        known = [entry for each in lists for entry in each.entries]
        self._lists = lists
        self._actions = _actions(lists)
        self._kinds = frozenset(each.kind for each in known)
        self._words = frozenset(each.words for each in known if each.kind == "name")
        self._pseudonyms = pseudonyms
        self._find = lru_cache(maxsize=CACHED)(self._look_up)

    def with_others(self, others: Sequence[ForgottenList]) -> ForgottenPeople:
        """These people, and those of other state folders."""
        if not others:
            return self
        return ForgottenPeople(pseudonyms=self._pseudonyms, others=[*self._lists, *others])

    def __bool__(self) -> bool:
        return bool(self._actions)

    def find(self, nature: Nature, value: object) -> Action | None:
        """What becomes of the person whom a field of this nature names; `None` if nothing."""
        return self._find(nature, value) if isinstance(value, str) else None

    def _look_up(self, nature: Nature, value: str) -> Action | None:
        names = [value]
        if self._pseudonyms is not None:
            names.append(self._pseudonyms.of(nature, value))
        for text in names:
            for kind in kinds_of(nature, text):
                if kind in self._kinds:
                    action = self._action_of(kind, normalize(kind, text))
                    if action is not None:
                        return action
        return None

    def _action_of(self, kind: Kind, normalized: str) -> Action | None:
        """If one list removes a person and another one blanks the person, the person is removed."""
        found = {
            actions.get(to_digest(salt, kind, normalized)) for salt, actions in self._actions.items()
        } - {None}
        return "remove" if "remove" in found else "anonymize" if found else None

    def is_mentioned(self, text: object) -> bool:
        """Whether a text contains the address or the name of a forgotten person."""
        if not isinstance(text, str):
            return False
        if (
            "@" in text
            and "email" in self._kinds
            and any(self.find(Nature.email, found) for found in EMAIL.findall(text))
        ):
            return True
        return bool(self._words) and any(
            self._action_of("name", phrase) for phrase in _phrases(text, self._words)
        )

    def is_contained(self, value: Any) -> bool:
        """Whether a vendor's row contains an identifier of a forgotten person, at any depth."""
        if isinstance(value, Mapping):
            return any(map(self.is_contained, value.values()))
        if isinstance(value, list | tuple):
            return any(map(self.is_contained, value))
        return isinstance(value, str) and (
            self.find(Nature.person_id, value) is not None
            or self.find(Nature.name, value) is not None
            or self.is_mentioned(value)
        )

    # Records

    def record(self, record: MeetingRecord) -> MeetingRecord:
        """The record without forgotten people. What a meeting counts stays, except the sessions that are left out."""
        if not self:
            return record
        sessions = [kept for session in record.sessions if (kept := self._session(session)) is not None]
        kept_keys = {session.key for session in sessions}
        left_out = [session for session in record.sessions if session.key not in kept_keys]
        meeting = record.meeting
        in_meeting = sum(session.stay == "meeting" for session in left_out)
        if in_meeting and meeting.participant_sessions is not None:
            meeting = replace(meeting, participant_sessions=meeting.participant_sessions - in_meeting)
        host = meeting.host
        if host is not None and self._is_host(host.host_id, host.name, host.email):
            meeting = replace(meeting, host=replace(host, host_id=None, name=None, email=None))
        if self.is_mentioned(meeting.topic):
            meeting = replace(meeting, topic=None)
        if meeting.vendor_data is not None and self.is_contained(meeting.vendor_data):
            meeting = replace(meeting, vendor_data=None)
        expected = record.expected_sessions
        if expected is not None:
            expected = max(0, expected - len(left_out))
        return replace(record, meeting=meeting, sessions=sessions, expected_sessions=expected)

    def _session(self, session: Session) -> Session | None:
        action = self._of_participant(lambda name: getattr(session, name))
        if action == "remove":
            return None
        if action == "anonymize":
            blank: dict[str, Any] = dict.fromkeys(PARTICIPANT_FIELDS)
            return msgspec.structs.replace(session, vendor_data=None, **blank)
        mentioned: dict[str, Any] = {
            name: None for name in ("device", "leave_reason") if self.is_mentioned(getattr(session, name))
        }
        if session.vendor_data is not None and self.is_contained(session.vendor_data):
            mentioned["vendor_data"] = None
        return msgspec.structs.replace(session, **mentioned) if mentioned else session

    def _of_participant(self, value_of: Any) -> Action | None:
        found = (
            self.find(PERSONAL[name], value_of(name)) for name in ("id", "email", "user_id", "user_name")
        )
        return next((action for action in found if action is not None), None)

    def _is_host(self, host_id: object, name: object, email: object) -> bool:
        found = (
            self.find(Nature.person_id, host_id),
            self.find(Nature.name, name),
            self.find(Nature.email, email),
        )
        return any(found)

    # Documents

    def document(self, document: Document) -> Document | None:
        """The document without forgotten people; the same object if it names none; `None` if it is to be left out."""
        if not self:
            return document
        changed = dict(document)
        if document.get("kind") == "session":
            action = self._of_participant(document.get)
            if action == "remove":
                return None
            if action == "anonymize":
                for name in (*PARTICIPANT_FIELDS, "vendor_data"):
                    changed.pop(name, None)
        host = changed.get("host")
        if isinstance(host, Mapping) and self._is_host(*map(host.get, _HOST)):
            rest = {name: value for name, value in host.items() if name not in _HOST}
            changed["host"] = rest
            if not rest:
                del changed["host"]
        if self.find(Nature.email, changed.get("host_email")):
            del changed["host_email"]
        for name in _TEXTS:
            if self.is_mentioned(changed.get(name)):
                del changed[name]
        if "vendor_data" in changed and self.is_contained(changed["vendor_data"]):
            del changed["vendor_data"]
        is_same = len(changed) == len(document) and changed.get("host") == document.get("host")
        return document if is_same else changed

    def linked(self, document: Document) -> Iterator[Identifier]:
        """Addresses and ids that belong to the same person, by a document that names the person by another address or id.
        A name links nothing, since several people may have it."""
        people: list[tuple[object, object]] = []
        if document.get("kind") == "session":
            people.append((document.get("id"), document.get("email")))
        if isinstance(host := document.get("host"), Mapping):
            people.append((host.get("host_id"), host.get("email")))
        for number, email in people:
            if self.find(Nature.person_id, number) or self.find(Nature.email, email):
                if isinstance(email, str) and email:
                    yield Identifier(kind="email", text=email)
                if isinstance(number, str) and number:
                    yield Identifier(kind="email" if "@" in number else "id", text=number)

    def text(self, text: str, removed: str) -> str:
        """A message without the addresses of forgotten people."""
        if "email" not in self._kinds or "@" not in text:
            return text
        return EMAIL.sub(lambda found: removed if self.find(Nature.email, found[0]) else found[0], text)


def _actions(lists: Iterable[ForgottenList]) -> dict[bytes, dict[str, Action]]:
    """By salt and digest."""
    found: dict[bytes, dict[str, Action]] = {}
    for each in lists:
        actions = found.setdefault(each.salt, {})
        for entry in each.entries:
            if actions.get(entry.digest) != "remove":
                actions[entry.digest] = entry.action
    return found


def kinds_of(nature: Nature, text: str) -> Iterator[Kind]:
    """The kinds of identifier that a value of this nature may be."""
    if nature is Nature.email or "@" in text:
        yield "email"
    if nature is Nature.name:
        yield "name"
    if nature is Nature.person_id or (nature is Nature.participant_id and not text.isdigit()):
        yield "id"  # Zoom numbers participants per meeting: such a number identifies no person


def _phrases(text: str, lengths: Iterable[int]) -> Iterator[str]:
    words = normalize("name", text).split(" ")
    for length in lengths:
        for start in range(len(words) - length + 1):
            yield " ".join(words[start : start + length])
