"""A long log becomes a short one, and no machine sees a difference."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import Unreachable
from harvester.state.shared import compaction
from harvester.state.shared.compaction import Base, read_base
from harvester.state.shared.entries import entry_document
from harvester.state.shared.retry import StoreRetry
from harvester.state.shared.shared_pool import PoolKey
from tests.unit.state.shared.crash import Crash, Killed, copied, work
from tests.unit.state.shared.machine import API_URL, HOST, POOL, PREFIX, VENDOR, Machine
from tests.unit.state.shared.memory_store import Documents, MemoryStore

NAME = PoolKey(vendor=VENDOR, api_url=API_URL, pool=POOL, account="", host=HOST, prefix=PREFIX).name


@pytest.fixture
def documents() -> Documents:
    return Documents()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs are long from twenty entries on, however many rows there are."""
    monkeypatch.setattr(compaction, "LEAST_ENTRIES", 20)
    monkeypatch.setattr(compaction, "ROWS_PER_ENTRY", 10_000)


def base(documents: Documents) -> Base:
    retry = StoreRetry(require=lambda: None, wait=lambda _seconds: None)
    return read_base(MemoryStore(documents), retry, NAME)


def numbers(documents: Documents) -> list[int]:
    return sorted(int(name[-9:]) for name in documents.stored if name.startswith("entry-"))


@pytest.mark.usefixtures("short")
def test_every_machine_has_the_same_after_the_log_was_shortened(documents: Documents, tmp_path: Path) -> None:
    work(Machine(documents, tmp_path / "first"))
    before = copied(documents, tmp_path / "behind")  # notes where the new entries begin
    begin = base(documents)
    assert (begin.first > 20, begin.kept) == (True, 1)
    assert 1 in numbers(documents)

    for folder in ("first", "behind", "new"):  # the first of these deletes what is before
        assert copied(documents, tmp_path / folder) == before
    assert base(documents).kept == begin.first
    assert min(numbers(documents)) == begin.first
    assert numbers(documents) == list(range(begin.first, max(numbers(documents)) + 1))


@pytest.mark.usefixtures("short")
def test_a_copy_from_before_the_log_was_shortened_is_made_again(documents: Documents, tmp_path: Path) -> None:
    work(Machine(documents, tmp_path / "first"))
    shutil.copytree(tmp_path / "first", tmp_path / "old")
    for _ in range(4):
        work(Machine(documents, tmp_path / "first"))
    assert min(numbers(documents)) > 50
    assert copied(documents, tmp_path / "old") == copied(documents, tmp_path / "first")
    assert copied(documents, tmp_path / "new") == copied(documents, tmp_path / "first")


@pytest.mark.usefixtures("short")
def test_the_log_does_not_grow_for_ever(documents: Documents, tmp_path: Path) -> None:
    machine = Machine(documents, tmp_path / "first")
    for _ in range(8):
        work(machine)
    assert len(numbers(documents)) < 100


def test_a_log_that_is_short_for_its_rows_stays(
    documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "LEAST_ENTRIES", 20)
    monkeypatch.setattr(compaction, "ROWS_PER_ENTRY", 1)
    work(Machine(documents, tmp_path / "first"))
    copied(documents, tmp_path / "second")
    assert base(documents) == Base()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("is_stored", [False, True])
@pytest.mark.parametrize("number", [2, 3, 5])
def test_killed_while_it_shortens_the_log_nothing_is_lost(
    documents: Documents, tmp_path: Path, number: int, is_stored: bool
) -> None:
    work(Machine(documents, tmp_path / "first"))
    before = None
    machine = Machine(documents, tmp_path / "first")
    Crash(machine.store, tmp_path / "first", tmp_path / "image", number=number, is_stored=is_stored)
    with pytest.raises(Killed), machine.pool():
        pass
    for folder in ("image", "new", "first", "new"):
        found = copied(documents, tmp_path / folder)
        before = before or found
        assert found == before
    assert len(before["journal.db"]["meetings"]) == 5


@pytest.mark.usefixtures("short")
def test_what_cannot_be_deleted_is_deleted_later(documents: Documents, tmp_path: Path) -> None:
    work(Machine(documents, tmp_path / "first"))
    copied(documents, tmp_path / "second")
    machine = Machine(documents, tmp_path / "first")

    def fail(_names: Any) -> None:
        raise Unreachable("no")

    machine.store.remove = fail  # type: ignore[method-assign]  # from outside
    with machine.pool():
        pass
    assert base(documents).kept == 1
    copied(documents, tmp_path / "second")
    assert base(documents).kept == base(documents).first


@pytest.mark.usefixtures("short")
def test_a_worker_that_has_lost_its_lease_deletes_nothing_that_its_successor_reads(
    documents: Documents, tmp_path: Path
) -> None:
    """It has noted where to begin, and sleeps; it may delete only what was before the beginning that it has found."""
    work(Machine(documents, tmp_path / "first"))
    machine = Machine(documents, tmp_path / "first")
    removed: list[str] = []
    machine.store.remove = removed.extend  # type: ignore[method-assign]  # from outside
    with machine.pool():
        noted = base(documents).first
        assert noted > 20
    assert removed == []
    with machine.pool():
        assert base(documents).first == noted
    assert len(removed) == noted - 1
    assert max(removed) < entry_document(NAME, noted)
