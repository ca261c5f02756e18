"""Batches of changes: in order, committed together, and nothing after a failure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from connectors.errors import OutputError
from harvester.state import batch_writer
from harvester.state.batch_writer import BatchWriter, DiscardingWriter
from harvester.state.database import Database

MIGRATIONS = ("CREATE TABLE words (number INTEGER PRIMARY KEY, word TEXT NOT NULL)",)
INSERT = "INSERT INTO words VALUES (?, ?)"
SELECT = "SELECT word FROM words"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(tmp_path / "words.db", MIGRATIONS)) as opened:
        yield opened


def words(path: Path) -> list[str]:
    with closing(Database(path, MIGRATIONS)) as reopened:
        return [word for (word,) in reopened.fetch_all("SELECT word FROM words ORDER BY number")]


def test_close_commits_every_change(database: Database) -> None:
    writer = BatchWriter(database, "test")
    for number in range(100):
        writer.put(INSERT, number, str(number))
    writer.close()
    assert words(database.path) == [str(number) for number in range(100)]


def test_changes_are_made_in_the_order_in_which_they_were_put(database: Database) -> None:
    writer = BatchWriter(database, "test")
    writer.put(INSERT, 1, "first")
    writer.put("UPDATE words SET word = ? WHERE number = ?", "second", 1)
    writer.put("DELETE FROM words WHERE word = ?", "first")
    writer.close()
    assert words(database.path) == ["second"]


def test_flush_to_commits_at_least_that_change(database: Database) -> None:
    writer = BatchWriter(database, "test")
    number = writer.put(INSERT, 1, "one")
    writer.flush_to(number)
    assert words(database.path) == ["one"]
    writer.close()


def test_a_change_after_a_flush_does_not_shorten_the_wait_of_the_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_writer, "COMMIT_SECONDS", 3_600.0)
    writer = BatchWriter(database, "test")
    for number in range(3):
        writer.put(INSERT, number, str(number))
        writer.flush()
        time.sleep(0.02)  # by now the thread that commits waits for more changes
    writer.put(INSERT, 3, "3")
    time.sleep(0.02)
    assert words(database.path) == ["0", "1", "2"]
    writer.close()
    assert words(database.path) == ["0", "1", "2", "3"]


@pytest.fixture
def never_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer's thread commits nothing while the test lasts."""
    monkeypatch.setattr(batch_writer, "COMMIT_SECONDS", 3600.0)


def _in_transaction(writer: BatchWriter) -> Any:
    with writer.transaction() as connection:
        return connection.execute(SELECT).fetchone()


@pytest.mark.usefixtures("never_by_itself")
@pytest.mark.parametrize(
    "read",
    [
        lambda writer: writer.fetch_one(SELECT),
        lambda writer: writer.fetch_all(SELECT)[0],
        lambda writer: writer.fetch_rows(f"{SELECT} WHERE word = ?", ["one"])[0],
        _in_transaction,
    ],
)
def test_what_is_read_through_the_writer_holds_every_change_before_it(
    database: Database, read: Callable[[BatchWriter], Any]
) -> None:
    writer = BatchWriter(database, "test")
    writer.put(INSERT, 1, "one")
    assert database.fetch_one(SELECT) is None, "nothing is committed yet"
    assert read(writer) == ("one",)
    assert words(database.path) == ["one"]
    writer.close()


@pytest.mark.usefixtures("never_by_itself")
def test_a_change_to_another_row_waits_while_one_row_is_read(database: Database) -> None:
    writer = BatchWriter(database, "test")
    writer.put(INSERT, 1, "one", row="one")
    assert not writer.fetch_rows(f"{SELECT} WHERE word IN (?, ?)", ["two", "three"])
    assert database.fetch_one(SELECT) is None
    assert writer.fetch_rows(f"{SELECT} WHERE word IN (?, ?)", ["two", "one"]) == [("one",)]
    writer.close()


@pytest.mark.usefixtures("never_by_itself")
def test_changes_that_name_their_row_are_grouped_by_statement(database: Database) -> None:
    writer = BatchWriter(database, "test")
    for number in range(50):
        writer.put(INSERT, number, "new", row=str(number))
        writer.put("UPDATE words SET word = ? WHERE number = ?", "changed", number, row=str(number))
    groups = writer._queue.groups()
    writer.close()
    assert len(groups) == 2
    assert words(database.path) == ["changed"] * 50


@pytest.mark.usefixtures("never_by_itself")
def test_a_change_made_now_comes_after_those_that_are_queued(database: Database) -> None:
    writer = BatchWriter(database, "test")
    writer.put(INSERT, 1, "first")
    writer.write_now("UPDATE words SET word = ? WHERE number = ?", "second", 1)
    assert words(database.path) == ["second"]
    writer.close()


def test_threads_lose_no_change(database: Database) -> None:
    writer = BatchWriter(database, "test")

    def put(first: int) -> None:
        for number in range(first, first + 200):
            writer.flush_to(writer.put(INSERT, number, str(number)) if number % 50 == 0 else 0)
            if number % 50:
                writer.put(INSERT, number, str(number))

    threads = [Thread(target=put, args=(first,)) for first in (0, 1000, 2000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert len(words(database.path)) == 600


def test_after_a_failure_every_call_raises_and_nothing_is_written(database: Database) -> None:
    writer = BatchWriter(database, "test")
    with database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 5")
    for number in range(100):
        try:
            writer.put(INSERT, number, "x" * 1000)
        except OutputError:
            break
    with pytest.raises(OutputError, match="free some space"):
        writer.flush()
    with database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 5000")
    with pytest.raises(OutputError):
        writer.put(INSERT, 200, "later")
    with pytest.raises(OutputError):
        writer.fetch_all(SELECT)
    with pytest.raises(OutputError):
        writer.write_now(INSERT, 200, "later")
    with pytest.raises(OutputError):
        writer.close()
    assert words(database.path) == []


def test_a_dry_run_writes_nothing(database: Database) -> None:
    writer = DiscardingWriter(database)
    writer.flush_to(writer.put(INSERT, 1, "one"))
    writer.write_now(INSERT, 2, "two")
    writer.close()
    assert words(database.path) == []
