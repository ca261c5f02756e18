"""What a transaction has changed, as rows: each changed row as it is now, or that it is gone.

Rows and not statements: to apply them once more changes nothing, a log of them can be replayed by later versions, and nothing
that stands in the log is executed. Temporary triggers, which belong to the connection and not to the file, note the keys.
"""

from __future__ import annotations

import base64
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.errors import StateError

_NOTES = "_changed_rows"
_NOTE_TABLE = f"CREATE TEMP TABLE {_NOTES} (name TEXT NOT NULL, key TEXT NOT NULL)"
_TABLES = "SELECT name FROM main.sqlite_master WHERE type = 'table' ORDER BY name"
_BYTES = "base64"
"""The key of an object that stands for bytes."""

Change = list[Any]
"""The table, the key of a row, and the row; `None` if it is gone."""

RowKey = tuple[Any, ...]
"""The table and the key of a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table. Its primary key identifies a row; without one, the row id does."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def stored(self) -> tuple[str, ...]:
        """The columns of a row in the log: the row id, if it is the key, comes first."""
        return self.columns if set(self.key) <= set(self.columns) else (*self.key, *self.columns)


def tables(connection: sqlite3.Connection) -> dict[str, Table]:
    return {name: _table(connection, name) for (name,) in connection.execute(_TABLES).fetchall()}


def watch(connection: sqlite3.Connection) -> dict[str, Table]:
    """Begin to note the keys of changed rows. Returns the tables, for `take`."""
    # Without this, a row that another one replaces would vanish unnoticed.
    connection.execute("PRAGMA recursive_triggers = ON")
    connection.execute(_NOTE_TABLE)
    known = tables(connection)
    for table in known.values():
        for event, rows in (("INSERT", ("NEW",)), ("UPDATE", ("OLD", "NEW")), ("DELETE", ("OLD",))):
            notes = " ".join(_note(table, row) for row in rows)
            connection.execute(
                f'CREATE TEMP TRIGGER "{table.name}_{event}" AFTER {event} ON main."{table.name}" BEGIN {notes} END'
            )
    return known


def take(connection: sqlite3.Connection, known: Mapping[str, Table]) -> list[Change]:
    """The changes since the last call, in a transaction that has not been committed."""
    noted = connection.execute(f"SELECT DISTINCT name, key FROM {_NOTES} ORDER BY name").fetchall()  # noqa: S608  # a constant of this module
    if not noted:
        return []
    connection.execute(f"DELETE FROM {_NOTES}")  # noqa: S608  # a constant of this module
    return [_change(connection, known[name], orjson.loads(key)) for name, key in noted]


def all_rows(connection: sqlite3.Connection) -> Iterator[Change]:
    """Every row of the database as a change."""
    for table in tables(connection).values():
        positions = [table.stored.index(column) for column in table.key]
        for row in connection.execute(f'SELECT {_list(table.stored)} FROM "{table.name}"'):  # noqa: S608  # names of the schema
            yield [table.name, [row[each] for each in positions], [_encode(value) for value in row]]


def count_rows(connection: sqlite3.Connection) -> int:
    """How many rows `all_rows` yields."""
    counts = (
        connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608  # names of the schema
        for name in tables(connection)
    )
    return sum(counts)


def by_key(changes: Iterable[Change]) -> dict[RowKey, Change]:
    """The changes by table and key. Of several changes of a row, the last one counts, whatever came before.

    Raises StateError for what no database wrote.
    """
    try:
        # Of 54,000 meetings there are 108,000 changes: this is most of what a machine without a copy does before it harvests.
        return {(name, *key): change for change in changes for name, key, _ in (change,)}
    except (ValueError, TypeError) as error:
        raise _unreadable(error) from None


def apply(connection: sqlite3.Connection, changes: Iterable[Change]) -> None:
    """Make the rows as they were when these changes were taken; of each row there is one. Raises StateError for what no
    database wrote."""
    known = tables(connection)
    gone: dict[str, list[Sequence[Any]]] = defaultdict(list)
    there: dict[str, list[list[Any]]] = defaultdict(list)
    try:
        for name, key, row in changes:
            if row is None:
                gone[name].append(key)
            else:
                there[name].append([_decode(value) for value in row] if dict in map(type, row) else row)
        # In this order: a row may have taken the place of one that is gone.
        for name, keys in gone.items():
            connection.executemany(_deletion(known[name]), keys)
        for name, rows in there.items():
            connection.executemany(_insertion(known[name]), rows)
    except (KeyError, ValueError, TypeError, sqlite3.IntegrityError, sqlite3.ProgrammingError) as error:
        raise _unreadable(error) from None


def _unreadable(error: Exception) -> StateError:
    return StateError(f"the shared state has an entry that cannot be read ({type(error).__name__})")


def _table(connection: sqlite3.Connection, name: str) -> Table:
    rows = connection.execute(f'PRAGMA main.table_info("{name}")').fetchall()
    key = tuple(row[1] for row in sorted((row for row in rows if row[5]), key=lambda row: row[5]))
    return Table(name=name, columns=tuple(row[1] for row in rows), key=key or ("rowid",))


def _note(table: Table, row: str) -> str:
    values = ", ".join(f'{row}."{column}"' if column != "rowid" else f"{row}.rowid" for column in table.key)
    return f"INSERT INTO {_NOTES} VALUES ('{table.name}', json_array({values}));"  # noqa: S608  # names of the schema


def _change(connection: sqlite3.Connection, table: Table, key: Sequence[Any]) -> Change:
    row = connection.execute(
        f'SELECT {_list(table.stored)} FROM "{table.name}" WHERE {_condition(table)}',  # noqa: S608  # names of the schema
        key,
    ).fetchone()
    return [table.name, key, None if row is None else [_encode(value) for value in row]]


def _deletion(table: Table) -> str:
    return f'DELETE FROM "{table.name}" WHERE {_condition(table)}'  # noqa: S608  # names of the schema


def _insertion(table: Table) -> str:
    marks = ", ".join("?" * len(table.stored))
    return f'INSERT OR REPLACE INTO "{table.name}" ({_list(table.stored)}) VALUES ({marks})'  # noqa: S608  # names of the schema


def _list(columns: Sequence[str]) -> str:
    return ", ".join("rowid" if column == "rowid" else f'"{column}"' for column in columns)


def _condition(table: Table) -> str:
    return " AND ".join("rowid = ?" if column == "rowid" else f'"{column}" = ?' for column in table.key)


def _encode(value: Any) -> Any:
    return {_BYTES: base64.b64encode(value).decode("ascii")} if isinstance(value, bytes) else value


def _decode(value: Any) -> Any:
    return base64.b64decode(value[_BYTES]) if isinstance(value, dict) else value
