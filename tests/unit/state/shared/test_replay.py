"""What another machine has after it has replayed the log, whenever the first one was killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import settings

from connectors.errors import LeaseLost, StateError
from connectors.models import Reason
from harvester.state import rejects
from harvester.state.shared import entries
from harvester.state.shared.log import PAGE
from tests.unit.state.shared.crash import Crash, Killed, copied, work
from tests.unit.state.shared.machine import NOW, Machine, rows
from tests.unit.state.shared.memory_store import Documents
from tests.unit.state.shared.operations import STEPS

EVERY = 1 if settings.get_profile("thorough").max_examples <= settings().max_examples else 3
"""Which entries a machine is killed at: all of them, unless an answer is wanted fast."""


@pytest.fixture
def documents() -> Documents:
    return Documents()


@pytest.fixture
def reference(tmp_path: Path) -> dict[int, Any]:
    """The rows after each entry of an undisturbed run at whose end a step is committed."""
    documents, found = Documents(), {}
    machine = Machine(documents, tmp_path / "reference")
    with machine.account() as opened:
        for step in STEPS:
            step(opened)
            found[opened.pool._log.head] = rows(opened.pool.folder)
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)  # a kill ends the journal's thread, too
@pytest.mark.parametrize("is_stored", [False, True], ids=["before the append", "before the commit"])
def test_killed_at_any_entry_both_machines_have_the_same(
    documents: Documents, tmp_path: Path, reference: dict[int, Any], is_stored: bool
) -> None:
    last = max(reference)
    assert last > len(STEPS)
    compared = 0
    for number in range(2 + is_stored, last + 1, EVERY):
        documents = Documents()
        first, image, second = (tmp_path / f"{number} {name}" for name in ("first", "image", "second"))
        machine = Machine(documents, first)
        Crash(machine.store, first, image, number=number, is_stored=is_stored)
        with pytest.raises(Killed):
            work(machine)
        elsewhere = copied(documents, second)
        assert copied(documents, image) == elsewhere, number
        stored = number if is_stored else number - 1
        if stored in reference:
            compared += 1
            assert elsewhere == reference[stored], number
    assert compared > len(STEPS) // EVERY - 3


def test_restored_state_equals_the_file_row_by_row(documents: Documents, tmp_path: Path) -> None:
    machine = Machine(documents, tmp_path / "first")
    with machine.account() as opened:
        for step in STEPS:
            step(opened)
        folder = opened.pool.folder
    there = rows(folder)
    assert {name: len(tables["schema"] and tables) > 1 for name, tables in there.items()}
    assert len(there) == 4
    assert copied(documents, tmp_path / "second") == there


def test_a_copy_that_is_behind_replays_only_what_it_lacks(documents: Documents, tmp_path: Path) -> None:
    machine = Machine(documents, tmp_path / "first")
    work(machine)
    assert copied(documents, tmp_path / "second") == copied(documents, tmp_path / "first")
    other = Machine(documents, tmp_path / "second")
    asked: list[str] = []
    get_many = other.store.get_many
    other.store.get_many = lambda names: asked.extend(names) or get_many(names)  # type: ignore[method-assign]  # records the names
    with other.account() as opened:
        opened.state.set_fact("more", "1")
    assert min(asked) > "entry-"
    assert len(asked) <= 2 * PAGE
    assert copied(documents, tmp_path / "first") == copied(documents, tmp_path / "second")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_half_a_transaction_of_a_killed_worker_does_not_count(
    documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MAX_BYTES", 200)
    machine = Machine(documents, tmp_path / "first")
    work(machine)
    before = copied(documents, tmp_path / "first")
    Crash(machine.store, tmp_path / "first", tmp_path / "image", number=4, is_stored=True)
    with pytest.raises(Killed), machine.account() as opened:
        opened.journal.undo_stored(None)
        for number in range(20):
            opened.journal.add_refused(f"user {number}", Reason.unknown_user, NOW)
        opened.journal.flush()
    assert any('"more":true' in body.decode() for body, _ in documents.stored.values())
    after = copied(documents, tmp_path / "second")
    assert after["journal.db"]["refused"] == before["journal.db"]["refused"]
    assert after == copied(documents, tmp_path / "image")


def test_a_log_of_a_newer_schema_is_refused(documents: Documents, tmp_path: Path) -> None:
    work(Machine(documents, tmp_path / "first"))
    name, (body, number) = next(
        (name, stored)
        for name, stored in documents.stored.items()
        if name.startswith("entry-") and orjson.loads(stored[0])["database"].startswith("journal")
    )
    documents.stored[name] = orjson.dumps({**orjson.loads(body), "schema": 99}), number
    with pytest.raises(StateError, match="newer version"):
        copied(documents, tmp_path / "second")


@pytest.mark.parametrize("change", [{"format": 99}, {"database": "something:new"}])
def test_a_log_of_a_newer_version_is_refused(
    documents: Documents, tmp_path: Path, change: dict[str, Any]
) -> None:
    work(Machine(documents, tmp_path / "first"))
    name = max(
        name
        for name, (body, _) in documents.stored.items()
        if name.startswith("entry-") and orjson.loads(body)["database"]
    )
    body, number = documents.stored[name]
    documents.stored[name] = orjson.dumps({**orjson.loads(body), **change}), number
    with pytest.raises(StateError, match="newer version"):
        copied(documents, tmp_path / "second")


def test_an_index_that_lost_the_log_is_not_begun_again_silently(documents: Documents, tmp_path: Path) -> None:
    work(Machine(documents, tmp_path / "first"))
    documents.stored.clear()
    with pytest.raises(StateError, match="deleted or restored"):
        copied(documents, tmp_path / "first")


def test_a_copy_without_one_of_its_files_is_made_again(documents: Documents, tmp_path: Path) -> None:
    work(Machine(documents, tmp_path / "first"))
    before = copied(documents, tmp_path / "first")
    journal = next((tmp_path / "first").rglob("journal.db"))
    journal.unlink()
    assert copied(documents, tmp_path / "first") == before


def test_a_database_gets_a_later_schema_at_the_same_place_of_the_log_everywhere(
    documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(Machine(documents, tmp_path / "first"))
    copied(documents, tmp_path / "behind")
    later = (*rejects.MIGRATIONS, "ALTER TABLE rejects ADD COLUMN seen INTEGER NOT NULL DEFAULT 7")
    monkeypatch.setattr(rejects, "MIGRATIONS", later)
    machine = Machine(documents, tmp_path / "first")
    with machine.account() as opened:
        opened.rejects.drop(["nothing"])
    there = copied(documents, tmp_path / "first")
    assert there["rejects.db"]["schema"] == 3
    assert [row[-1] for row in there["rejects.db"]["rejects"]] == [7]
    assert copied(documents, tmp_path / "behind") == there
    assert copied(documents, tmp_path / "new") == there
    monkeypatch.undo()
    for folder in ("behind", "old"):
        with pytest.raises(StateError, match="newer version"):
            copied(documents, tmp_path / folder)


def test_what_a_worker_appends_after_another_has_taken_over_is_refused(
    documents: Documents, tmp_path: Path
) -> None:
    zombie = Machine(documents, tmp_path / "first")
    with pytest.raises(LeaseLost), zombie.account() as opened:
        opened.state.set_fact("mine", "1")
        del documents.stored[zombie.worker.document]  # another worker has ended it, and it does not know
        second = copied(documents, tmp_path / "second")
        opened.state.set_fact("mine", "2")
    assert copied(documents, tmp_path / "third") == second
    assert copied(documents, tmp_path / "first") == second
