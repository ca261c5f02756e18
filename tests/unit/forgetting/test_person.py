from __future__ import annotations

import pytest

from harvester.documents import Document
from harvester.forgetting.person import Count, Person, with_fewer_sessions
from harvester.privacy.forgotten_people import Identifier, Kind
from harvester.privacy.treatment import Pseudonyms

EMAIL = Identifier(kind="email", text="grace@example.org")
MEETING: Document = {
    "kind": "meeting",
    "document_id": "zoom:main:m",
    "detail": "full",
    "harvested_at": "then",
    "participant_sessions": 3,
}
SESSION: Document = {
    "kind": "session",
    "vendor": "zoom",
    "account": "main",
    "meeting": "m",
    "detail": "full",
    "harvested_at": "then",
    "stay": "meeting",
    "email": "grace@example.org",
}


def person(*identifiers: Identifier, pseudonyms: Pseudonyms | None = None) -> Person:
    return Person(identifiers=frozenset(identifiers), action="remove", pseudonyms=pseudonyms)


def test_only_the_meeting_that_counted_the_sessions_counts_fewer() -> None:
    count = Count()
    assert count.add(person(EMAIL), SESSION) is None
    assert with_fewer_sessions(MEETING, count.left_out)["participant_sessions"] == 2
    later = {**MEETING, "harvested_at": "later"}
    assert with_fewer_sessions(later, count.left_out) is later
    uncounted = {name: value for name, value in MEETING.items() if name != "participant_sessions"}
    assert with_fewer_sessions(uncounted, count.left_out) is uncounted


def test_a_session_in_the_waiting_room_was_never_counted() -> None:
    count = Count()
    count.add(person(EMAIL), {**SESSION, "stay": "waiting_room"})
    assert (count.removed, dict(count.left_out)) == (1, {("zoom:main:m", "full", "then"): 0})
    assert with_fewer_sessions(MEETING, count.left_out) is MEETING


@pytest.mark.parametrize(
    ("kind", "text", "message", "rest"),
    [
        ("email", "grace@example.org", "asked Grace@Example.org, again", "asked ***, again"),
        ("email", "grace@example.org", "agrace@example.org", "agrace@example.org"),
        ("name", "Grace Example", "Grace Example left", "*** left"),
        ("id", "I_853_8f7a", "user I_853_8f7a", "user ***"),
        ("id", "117745086960853947385", "117745086960853947385 ms", "117745086960853947385 ms"),
        ("id", "u1", "u1", "u1"),
    ],
)
def test_a_message_loses_addresses_names_and_long_ids(kind: Kind, text: str, message: str, rest: str) -> None:
    who = person(Identifier(kind=kind, text=text))
    assert who.without(message) == rest
    assert who.is_named_in(message) is (rest != message)


def test_a_person_is_known_by_pseudonyms_too() -> None:
    pseudonyms = Pseudonyms(b"k" * 32)
    who = person(EMAIL, Identifier(kind="id", text="u1"), pseudonyms=pseudonyms)
    kinds = sorted(each.kind for each in who.all_identifiers)
    assert kinds == ["email", "email", "id", "id", "id"], "an id may be one of a person or of a participant"
    hashed = next(each for each in who.all_identifiers if each.kind == "email" and each.text != EMAIL.text)
    assert person(hashed, pseudonyms=pseudonyms).all_identifiers == {hashed}, "and is hashed once"
