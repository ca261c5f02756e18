"""People who are forgotten on one machine are left out on the others, and the index names none of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.fernet import Fernet

from connectors.errors import ConfigurationError, StateError, Unreachable
from harvester.privacy.forgotten_people import (
    Action,
    ForgottenList,
    ForgottenPeople,
    Identifier,
    forget_identifiers,
)
from harvester.privacy.personal_fields import Nature
from harvester.state.shared.forgotten_lists import PAGE
from tests.unit.state.shared.machine import Machine
from tests.unit.state.shared.memory_store import Documents

ADA, GRACE = "ada@example.org", "grace@example.org"


@pytest.fixture
def documents() -> Documents:
    return Documents()


def machine(documents: Documents, folder: Path, **key: Any) -> Machine:
    return Machine(documents, folder, **key)


def remembered(address: str, salt: bytes = b"one", action: Action = "remove") -> ForgottenList:
    identifiers = [Identifier(kind="email", text=address)]
    return ForgottenList(salt=salt, entries=forget_identifiers(salt, identifiers, action))


def left_out(opened: Machine) -> dict[str, Action | None]:
    with opened.pool() as pool:
        people = ForgottenPeople().with_others(pool.forgotten)
    return {address: people.find(Nature.email, address) for address in (ADA, GRACE)}


def lists(documents: Documents) -> list[str]:
    return [name for name in documents.stored if name.startswith("forgotten-")]


def test_people_of_every_machine_are_left_out_on_all(documents: Documents, tmp_path: Path) -> None:
    first, second = machine(documents, tmp_path / "first"), machine(documents, tmp_path / "second")
    assert left_out(second) == {ADA: None, GRACE: None}
    first.shared.forgotten.add(remembered(ADA))
    second.shared.forgotten.add(remembered(GRACE, b"another salt", "anonymize"))
    third = machine(documents, tmp_path / "third")
    for each in (first, second, third):
        assert left_out(each) == {ADA: "remove", GRACE: "anonymize"}


def test_removal_wins_over_blanking_whatever_came_first(documents: Documents, tmp_path: Path) -> None:
    first = machine(documents, tmp_path)
    first.shared.forgotten.add(remembered(ADA, b"one", "remove"))
    first.shared.forgotten.add(remembered(ADA, b"two", "anonymize"))
    first.shared.forgotten.add(remembered(GRACE, b"one", "anonymize"))
    first.shared.forgotten.add(remembered(GRACE, b"one", "remove"))
    assert left_out(first) == {ADA: "remove", GRACE: "remove"}


def test_a_list_that_was_deleted_hides_no_later_one(documents: Documents, tmp_path: Path) -> None:
    first = machine(documents, tmp_path)
    first.shared.forgotten.add(remembered(ADA))
    first.shared.forgotten.add(remembered(GRACE))
    del documents.stored[lists(documents)[0]]
    assert left_out(first) == {ADA: None, GRACE: "remove"}
    first.shared.forgotten.add(remembered(ADA))
    assert left_out(first) == {ADA: "remove", GRACE: "remove"}


def test_a_list_that_is_shared_already_is_not_added_again(documents: Documents, tmp_path: Path) -> None:
    first = machine(documents, tmp_path)
    for _ in range(2):
        first.shared.forgotten.add(remembered(ADA))
        first.shared.forgotten.add(remembered(ADA, action="anonymize"))
    assert len(lists(documents)) == 1


def test_neither_addresses_nor_hashes_nor_salts_are_in_the_index(
    documents: Documents, tmp_path: Path
) -> None:
    new = remembered(ADA, b"the salt of the first machine")
    machine(documents, tmp_path).shared.forgotten.add(new)
    assert lists(documents)
    for secret in (ADA, new.entries[0].digest, "the salt", "email"):
        assert secret not in documents.text


def test_without_the_key_nothing_is_added_and_no_pool_is_used(documents: Documents, tmp_path: Path) -> None:
    machine(documents, tmp_path / "first").shared.forgotten.add(remembered(ADA))
    without = machine(documents, tmp_path / "second", key=None)
    with pytest.raises(ConfigurationError, match="HARVESTER_STATE_KEY"):
        without.shared.forgotten.add(remembered(GRACE))
    with pytest.raises(ConfigurationError, match="people to forget"), without.pool():
        pass
    other = machine(documents, tmp_path / "third", key=Fernet.generate_key().decode())
    with pytest.raises(ConfigurationError, match="does not open"), other.pool():
        pass


def test_two_machines_that_add_at_the_same_moment_both_count(documents: Documents, tmp_path: Path) -> None:
    first, second = machine(documents, tmp_path / "first"), machine(documents, tmp_path / "second")
    create = first.store.create

    def overtaken(name: str, body: Mapping[str, Any]) -> Any:
        first.store.create = create  # type: ignore[method-assign]  # once
        second.shared.forgotten.add(remembered(GRACE, b"two"))
        return create(name, body)

    first.store.create = overtaken  # type: ignore[method-assign]  # for one request
    first.shared.forgotten.add(remembered(ADA))
    assert left_out(second) == {ADA: "remove", GRACE: "remove"}


@pytest.mark.parametrize("lost", ["lose_request", "lose_answer"])
def test_a_lost_request_or_answer_adds_the_list_once(documents: Documents, tmp_path: Path, lost: str) -> None:
    first = machine(documents, tmp_path)
    setattr(first.store, lost, 1)
    first.shared.forgotten.add(remembered(ADA))
    assert len(lists(documents)) == 1
    assert left_out(first)[ADA] == "remove"


def test_more_lists_than_a_page_are_all_read(documents: Documents, tmp_path: Path) -> None:
    first = machine(documents, tmp_path)
    for number in range(PAGE):
        first.shared.forgotten.add(remembered(ADA, f"salt {number}".encode()))
    first.shared.forgotten.add(remembered(GRACE))
    assert left_out(first) == {ADA: "remove", GRACE: "remove"}


def test_a_list_that_cannot_be_read_is_refused_and_not_skipped(documents: Documents, tmp_path: Path) -> None:
    first = machine(documents, tmp_path)
    first.shared.forgotten.add(remembered(ADA))
    (name,) = lists(documents)
    body = orjson.loads(documents.stored[name][0])
    for changed, error in (({**body, "format": 99}, "newer version"), ({"format": 1}, "cannot be read")):
        documents.stored[name] = orjson.dumps(changed), 1
        with pytest.raises(StateError, match=error), first.pool():
            pass


def test_an_index_without_an_answer_stops_the_pool_and_not_the_list(
    documents: Documents, tmp_path: Path
) -> None:
    first = machine(documents, tmp_path)
    first.shared.forgotten.add(remembered(ADA))
    get_many, asked = first.store.get_many, []

    def fails_once(names: Any) -> Any:
        asked.append(names)
        if len(asked) == 1:
            raise Unreachable("no connection")
        return get_many(names)

    first.store.get_many = fails_once  # type: ignore[method-assign]  # for one request
    assert left_out(first)[ADA] == "remove"
