"""The order of things: whom to leave out is on the disk before anything is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError, LeaseHeld
from harvester.documents import Document
from harvester.forgetting.person import Count, LeftOut, Person
from harvester.forgetting.runner import Forgetting
from harvester.privacy.forgotten_people import ForgottenList, Identifier
from harvester.privacy.settings import SALT
from harvester.state.secrets_and_forgotten_people import PrivacyState
from tests.invented_meetings import HARVESTED

GRACE = Person(identifiers=frozenset({Identifier(kind="email", text="grace@example.org")}), action="remove")
KEY = ("zoom:main:m", "full", "then")


@dataclass
class MemoryPlace:
    kind: str
    stored: list[Document]
    state: PrivacyState
    name: str = "memory"
    remembered: list[int] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=Counter)

    def documents(self, _person: Person) -> Iterator[Document]:
        return iter(self.stored)

    def count(self, person: Person) -> Count:
        count = Count()
        for document in self.stored:
            count.add(person, document)
        return count

    def forget(self, person: Person, left_out: LeftOut) -> None:
        self.remembered.append(len(self.state.forgotten()))
        self.left_out = left_out
        self.stored = [d for d in self.stored if person.forgotten.document(d) is not None]


def session(**fields: str) -> Document:
    meeting = {"vendor": "zoom", "account": "main", "meeting": "m", "detail": "full", "harvested_at": "then"}
    return {"kind": "session", "stay": "meeting", **meeting, **fields}


@pytest.fixture
def state(tmp_path: Path) -> PrivacyState:
    return PrivacyState(tmp_path / "state")


def test_the_state_remembers_before_anything_is_changed(state: PrivacyState) -> None:
    place = MemoryPlace(
        "index", [session(email="grace@example.org"), session(email="ada@example.org")], state
    )
    forgetting = Forgetting(places=[place], state=state, now=lambda: HARVESTED)
    result = forgetting.find(GRACE)
    assert (result.found, result.left, result.done, state.forgotten()) == (1, 0, False, [])
    forgetting.forget(result)
    assert place.remembered == [1]
    assert (len(place.stored), result.left, result.done) == (1, 0, True)


def test_whom_to_leave_out_is_shared_before_anything_is_changed(state: PrivacyState) -> None:
    place = MemoryPlace("index", [session(email="grace@example.org")], state)

    def refuse(remembered: ForgottenList) -> None:
        assert remembered.salt == state.secret(SALT)
        assert remembered.entries == state.forgotten() != []
        raise ConfigurationError("no key")

    forgetting = Forgetting(places=[place], state=state, now=lambda: HARVESTED, share=refuse)
    result = forgetting.find(GRACE)
    with pytest.raises(ConfigurationError):
        forgetting.forget(result)
    assert (len(place.stored), result.done) == (1, False)


def test_what_one_place_links_is_found_in_the_others(state: PrivacyState) -> None:
    first = MemoryPlace("file", [session(id="u1", user_name="G.")], state)
    last = MemoryPlace("index", [session(email="grace@example.org", id="u1")], state)
    result = Forgetting(places=[first, last], state=state, now=lambda: HARVESTED).find(GRACE)
    assert [each.found.removed for each in result.places] == [1, 1]
    assert {each.kind for each in result.person.identifiers} == {"email", "id"}


def test_sessions_of_rejects_and_index_count_together_and_those_of_files_by_themselves(
    state: PrivacyState,
) -> None:
    places = [
        MemoryPlace(kind, [session(email="grace@example.org")], state)
        for kind in ("file", "rejects", "index")
    ]
    forgetting = Forgetting(places=places, state=state, now=lambda: HARVESTED)
    forgetting.forget(forgetting.find(GRACE))
    assert [place.left_out[KEY] for place in places] == [2, 2, 2]


def test_a_signal_between_two_places_ends_it(state: PrivacyState) -> None:
    def stop() -> None:
        raise InterruptedError

    place = MemoryPlace("index", [session(email="grace@example.org")], state)
    with pytest.raises(InterruptedError):
        Forgetting(places=[place], state=state, now=lambda: HARVESTED, stop=stop).find(GRACE)


def test_a_place_in_use_does_not_keep_the_others_as_they_are(state: PrivacyState) -> None:
    class InUse(MemoryPlace):
        def forget(self, person: Person, left_out: LeftOut) -> None:
            raise LeaseHeld("in use", seconds=30)

    used = InUse("shared state", [session(email="grace@example.org")], state)
    index = MemoryPlace("index", [session(email="grace@example.org")], state)
    forgetting = Forgetting(places=[used, index], state=state, now=lambda: HARVESTED)
    result = forgetting.find(GRACE)
    forgetting.forget(result)
    assert (index.stored, result.left, str(result.held)) == ([], 1, "in use")
