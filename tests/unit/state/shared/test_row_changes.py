"""Changes that are taken from one database and applied to a copy make the copy equal, whatever the statements were."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import StateError
from harvester.state.shared.row_changes import all_rows, apply, by_key, take, watch

TABLES = """
    CREATE TABLE plain (a INTEGER, b TEXT);
    CREATE TABLE keyed (name TEXT PRIMARY KEY, value TEXT);
    CREATE TABLE numbered (id INTEGER PRIMARY KEY, value TEXT UNIQUE);
    CREATE TABLE pairs (one TEXT, two INTEGER, value BLOB, PRIMARY KEY (one, two)) WITHOUT ROWID;
"""
NAMES = ("plain", "keyed", "numbered", "pairs")
STATEMENTS = (
    "INSERT INTO plain VALUES (?1, ?2)",
    "DELETE FROM plain WHERE a < ?1 AND b <> ?2",
    "UPDATE plain SET b = ?2 WHERE a = ?1",
    "INSERT OR REPLACE INTO keyed VALUES (?2, ?1)",
    "UPDATE OR REPLACE keyed SET name = ?2 WHERE value = ?1",
    "DELETE FROM keyed WHERE name = ?2 OR ?1 = 0",
    "INSERT OR IGNORE INTO numbered (value) VALUES (?2 || ?1)",
    "INSERT OR REPLACE INTO numbered VALUES (?1, ?2)",
    "UPDATE OR REPLACE numbered SET id = id + 1 WHERE id >= ?1 AND ?2 = ?2",
    "INSERT INTO pairs VALUES (?2, ?1, x'00ff') ON CONFLICT DO UPDATE SET value = x'01', two = two + 1",
    "INSERT OR REPLACE INTO pairs SELECT value, id, NULL FROM numbered WHERE ?1 > 0 OR ?2 = ''",
    "DELETE FROM pairs WHERE one = ?2 OR two = ?1",
)
Statement = tuple[int, int, str]
TRANSACTIONS = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, len(STATEMENTS) - 1), st.integers(0, 4), st.sampled_from(["", "x", "é'\"", "y"])
        ),
        max_size=6,
    ),
    max_size=6,
)


def opened() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(TABLES)
    return connection


def rows(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    return {
        name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr)  # noqa: S608  # a constant
        for name in NAMES
    }


@pytest.fixture
def source() -> Iterator[sqlite3.Connection]:
    with closing(opened()) as connection:
        yield connection


@given(transactions=TRANSACTIONS)
def test_a_copy_follows_any_statements(transactions: list[list[Statement]]) -> None:
    with closing(opened()) as source, closing(opened()) as copy, closing(opened()) as late:
        tables = watch(source)
        taken = []
        for statements in transactions:
            source.execute("BEGIN")
            for number, integer, text in statements:
                try:
                    source.execute(STATEMENTS[number], (integer, text))
                except sqlite3.IntegrityError:
                    continue  # the statement has changed nothing
            taken.append(orjson.loads(orjson.dumps(take(source, tables))))
            source.execute("COMMIT")
            apply(copy, taken[-1])
            assert rows(copy) == rows(source)
        for changes in taken[:3]:
            apply(late, changes)
        # To apply some twice changes nothing, and to apply many together is to apply one after the other.
        apply(late, by_key(change for changes in taken for change in changes).values())
        assert rows(late) == rows(source)


def test_a_transaction_that_is_rolled_back_has_no_changes(source: sqlite3.Connection) -> None:
    tables = watch(source)
    source.execute("BEGIN")
    source.execute("INSERT INTO plain VALUES (1, 'x')")
    source.execute("ROLLBACK")
    source.execute("BEGIN")
    assert take(source, tables) == []


def test_a_row_that_was_changed_twice_is_one_change(source: sqlite3.Connection) -> None:
    tables = watch(source)
    source.execute("BEGIN")
    source.execute("INSERT INTO keyed VALUES ('a', '1')")
    source.execute("UPDATE keyed SET value = '2'")
    assert take(source, tables) == [["keyed", ["a"], ["a", "2"]]]
    assert take(source, tables) == []


def test_watching_leaves_no_trace_in_the_schema(source: sqlite3.Connection) -> None:
    before = source.execute("SELECT * FROM sqlite_master").fetchall()
    watch(source)
    assert source.execute("SELECT * FROM sqlite_master").fetchall() == before


def test_all_rows_make_an_equal_copy(source: sqlite3.Connection) -> None:
    source.execute("INSERT INTO plain VALUES (1, 'x'), (1, 'x'), (NULL, NULL)")
    source.execute("INSERT INTO pairs VALUES ('a', 1, x'ff00'), ('a', 2, NULL)")
    with closing(opened()) as copy:
        apply(copy, orjson.loads(orjson.dumps(list(all_rows(source)))))
        assert rows(copy) == rows(source)


@pytest.mark.parametrize(
    "change",
    [
        ["unknown", ["a"], ["a", "b"]],
        ["keyed", ["a"], ["a"]],
        ["keyed", ["a"], ["a", {"other": 1}]],
        ["keyed"],
        ["keyed", [], None],
        None,
    ],
)
def test_what_no_database_wrote_is_refused(source: sqlite3.Connection, change: object) -> None:
    with pytest.raises(StateError, match="cannot be read"):
        apply(source, by_key([change]).values())  # type: ignore[list-item]  # as a damaged entry has it
