"""The file of a SQLite database."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from harvester.state.database import Database
from harvester.state.database_file import has_log, is_empty, needs_copy, tables_of
from tests.unit.state.state_databases import ALL_MIGRATIONS
from tests.unprivileged import read_only, without_privileges


@pytest.mark.parametrize("name", ALL_MIGRATIONS)
def test_the_tables_of_migrations_are_those_that_sqlite_has(tmp_path: Path, name: str) -> None:
    with closing(Database(tmp_path / name, ALL_MIGRATIONS[name])) as made:
        rows = made.fetch_all("SELECT name FROM sqlite_master WHERE type = 'table'")
    assert tables_of(ALL_MIGRATIONS[name]) == {name for (name,) in rows}


def test_a_missing_file_is_neither_empty_nor_has_it_a_log(tmp_path: Path) -> None:
    assert not is_empty(tmp_path / "missing" / "account.db")
    assert not has_log(tmp_path / "missing" / "account.db")


@pytest.mark.parametrize("beside", [{"-wal"}, {"-wal", "-shm"}, set()])
def test_only_a_log_without_an_index_in_a_folder_that_cannot_be_written_is_copied(
    tmp_path: Path, beside: set[str]
) -> None:
    path = tmp_path / "account.db"
    for suffix in {"", *beside}:
        path.with_name(path.name + suffix).write_bytes(b"content")
    assert not needs_copy(path)
    with read_only(tmp_path):
        assert without_privileges(lambda: needs_copy(path)) == (beside == {"-wal"})
