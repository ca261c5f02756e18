"""A reader sees what any machine has committed, and no machine sees the reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.errors import LeaseLost, StateError, Unreachable
from harvester.state.reader import StateReader
from harvester.state.shared import compaction, reading
from harvester.state.shared.patience import Patience
from harvester.state.shared.reading import SharedStateReader
from tests.unit.state.shared.crash import work
from tests.unit.state.shared.machine import HOST, NOW, PREFIX, VENDOR, Machine, rows
from tests.unit.state.shared.memory_store import Documents, MemoryStore
from tests.unit.state.shared.operations import STEPS, intents, outcomes, run


@pytest.fixture
def documents() -> Documents:
    return Documents()


@pytest.fixture
def reader(documents: Documents, tmp_path: Path) -> SharedStateReader:
    patience = Patience(require=lambda: None, wait=lambda _seconds: None, tries=3)
    folder = tmp_path / "copies"
    folder.mkdir()
    return SharedStateReader(MemoryStore(documents), patience, folder, host=HOST, prefix=PREFIX)


def rows_of(reader: SharedStateReader) -> dict[str, Any]:
    (pool,) = reader.pools()
    with reader.copy(pool) as folder:
        return rows(folder)


def test_it_reads_every_row_but_tokens_and_changes_nothing(
    documents: Documents, reader: SharedStateReader, tmp_path: Path
) -> None:
    machine = Machine(documents, tmp_path / "one")
    with machine.account() as opened:
        for step in STEPS:
            step(opened)
            stored = dict(documents.stored)
            there = rows(opened.pool.folder)
            there["account.db"]["tokens"] = []
            assert rows_of(reader) == there
            assert documents.stored == stored
    assert list((tmp_path / "copies").iterdir()) == []


def test_a_journal_is_found_in_the_copy_with_the_quotas_of_its_pool(
    documents: Documents, reader: SharedStateReader, tmp_path: Path
) -> None:
    work(Machine(documents, tmp_path / "one"))
    (pool,) = reader.pools([VENDOR])
    assert reader.pools(["zoom"]) == []
    with reader.copy(pool) as folder:
        state = StateReader(folder)
        (location,) = state.journals()
        assert location.vendor([VENDOR]) == VENDOR
        assert state.quotas_used(location, NOW) == {"heavy": 1}
        assert state.ask_journal(location, lambda journal: journal.counts()["done"]) == 2
        assert state.count_rejects(location) == 1


def test_a_copy_is_whole_without_logs_and_without_a_position(
    documents: Documents, reader: SharedStateReader, tmp_path: Path
) -> None:
    work(Machine(documents, tmp_path / "one"))
    (pool,) = reader.pools()
    with reader.copy(pool) as folder:
        names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert names == {"account.db", "journal.db", "quotas.db", "rejects.db"}


def test_it_says_whether_a_worker_may_be_using_the_pool(
    documents: Documents, reader: SharedStateReader, tmp_path: Path
) -> None:
    machine = Machine(documents, tmp_path / "one")
    with machine.account() as opened:
        (pool,) = reader.pools()
        assert reader.is_used(pool) is None
        run(opened)
    assert reader.is_used(pool) is False
    with pytest.raises(LeaseLost), machine.account() as opened:
        del documents.stored[machine.worker.document]
        assert reader.is_used(pool) is False
        machine.seconds += 100
        run(opened)
    assert reader.is_used("zoom-0123") is False


def test_a_log_that_is_shortened_meanwhile_is_read_again(
    documents: Documents, reader: SharedStateReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(documents, tmp_path / "one")
    work(machine)
    whole = rows_of(reader)
    monkeypatch.setattr(compaction, "LEAST_ENTRIES", 5)
    monkeypatch.setattr(compaction, "ROWS_PER_ENTRY", 10_000)
    store = reader._store
    get_many = store.get_many

    def shortened(names: Any) -> Any:
        store.get_many = get_many  # type: ignore[method-assign]  # once
        for _ in range(2):  # the first run notes where the log begins, the second one deletes what is before
            with machine.pool():
                pass
        return get_many(names)

    store.get_many = shortened  # type: ignore[method-assign]  # for the first page
    found = rows_of(reader)
    assert "entry-" + next(iter(reader.pools())) + "-000000001" not in documents.stored
    assert {**found, "account.db": found["account.db"]["facts"]} == {
        **whole,
        "account.db": whole["account.db"]["facts"],
    }


def test_a_log_that_is_shortened_again_and_again_is_an_error(
    documents: Documents, reader: SharedStateReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(Machine(documents, tmp_path / "one"))
    monkeypatch.setattr(reading.Replay, "read", lambda _replay: False)
    with pytest.raises(StateError, match="was shortened"):
        rows_of(reader)
    assert list((tmp_path / "copies").iterdir()) == []


def test_it_gives_up_if_there_is_no_answer(documents: Documents, reader: SharedStateReader) -> None:
    reader._store.down = True  # type: ignore[attr-defined]  # a MemoryStore
    with pytest.raises(Unreachable):
        reader.pools()


def test_a_holder_goes_on_while_it_is_read(
    documents: Documents, reader: SharedStateReader, tmp_path: Path
) -> None:
    with Machine(documents, tmp_path / "one").account() as opened:
        for step in (run, intents):
            step(opened)
        rows_of(reader)
        outcomes(opened)
        assert rows_of(reader)["journal.db"] == rows(opened.pool.folder)["journal.db"]
