"""Brings the local files of a pool to the end of its log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import orjson

from connectors.errors import StateError
from harvester.state.database import Database
from harvester.state.layout import POSITION_DATABASE
from harvester.state.shared.compaction import FindFile, read_base
from harvester.state.shared.entries import Entry, entry_document, newer_version, parse_entry
from harvester.state.shared.log import PoolLog, read_log
from harvester.state.shared.retry import StoreRetry
from harvester.state.shared.row_changes import Change, RowKey, apply, by_key
from harvester.state.shared.store import Store

_MIGRATIONS = (
    "CREATE TABLE position (number INTEGER NOT NULL, writer TEXT NOT NULL, schemas TEXT NOT NULL)",
)
_SELECT = "SELECT number, writer, schemas FROM position"
_DELETE = "DELETE FROM position"
_INSERT = "INSERT INTO position VALUES (?, ?, ?)"


OpenChanges = Callable[[Iterable[Change]], list[Change]]

MAX_WAITING = 50_000
"""How many changed rows are kept in memory before they are applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    number: int = 0
    writer: str = ""
    """Of the entry with this number."""
    schemas: dict[str, int]


class Replay:
    """Replays the log of a pool into its files, from where they are. To replay an entry twice changes nothing."""

    def __init__(
        self,
        store: Store,
        log: PoolLog,
        retry: StoreRetry,
        folder: Path,
        find: FindFile,
        open_changes: OpenChanges,
        *,
        temporary: bool = False,
    ) -> None:
        """`open_changes`: returns the changes as they were before they were sealed, or without what was. `temporary`: the
        folder is deleted after its use, so it needs no position from which to go on."""
        self._store = store
        self._retry = retry
        self._log = log
        self._folder = folder
        self._find = find
        self._open_changes = open_changes
        self._temporary = temporary
        self._whole = Position(schemas={})
        """Up to where the entries are whole transactions."""
        self._partial: list[Entry] = []
        """Entries of a transaction whose last entry has not come yet."""
        self._waiting: dict[str, dict[RowKey, Change]] = {}
        """What is to be applied: for each database, by table and key, the last change of a row."""

    def run(self) -> None:
        """Replay all entries, and append one after which no earlier writer can append.

        Raises StateError if the files and the log do not belong together, or the log is of a newer version.
        """
        self._begin(self._start())
        while True:
            self._read_on()
            if self._log.begin():
                break
        self._apply()
        self.save()

    def read(self) -> bool:
        """Replay what the log holds now into an empty, temporary folder; nothing is appended. False if the log was shortened
        meanwhile: then entries may have been missed."""
        first = read_base(self._store, self._retry, self._log.pool).first
        self._begin(Position(number=first - 1, schemas={}))
        self._read_on()
        self._apply()
        return read_base(self._store, self._retry, self._log.pool).first == first

    def _begin(self, position: Position) -> None:
        self._whole = position
        self._log.head, self._log.schemas = position.number, dict(position.schemas)

    def _read_on(self) -> None:
        for entry in read_log(self._store, self._retry, self._log.pool, self._log.head):
            self._add(entry)
            self._log.head = entry.number

    def save(self) -> None:
        """The files hold everything up to the end of the log."""
        self._write_position(
            Position(number=self._log.head, writer=self._log.writer, schemas=dict(self._log.schemas))
        )

    def _start(self) -> Position:
        first = read_base(self._store, self._retry, self._log.pool).first
        position = self._read_position()
        files = [self._find(name) for name in position.schemas]
        for file, schema in zip(files, position.schemas.values(), strict=True):
            if file is None or schema > len(file.migrations):
                raise newer_version()
        if position.number < first or not all(file is None or file.path.exists() for file in files):
            return Position(
                number=first - 1, schemas={}
            )  # the first entry of each database replaces its file
        name = entry_document(self._log.pool, position.number)
        found = self._retry.send(lambda: self._store.get(name))
        if found is None or parse_entry(found.body).writer != position.writer:
            raise StateError(
                f"{self._folder} is a copy of shared state that the index no longer has: the index was deleted or restored "
                "from a backup; move this folder away to go on with what the index has"
            )
        return position

    def _add(self, entry: Entry) -> None:
        if self._partial and self._partial[0].writer != entry.writer:
            self._partial.clear()
        self._partial.append(entry)
        if entry.more:
            return
        if entry.database:
            self._add_transaction(entry.database, entry.schema)
        self._partial.clear()
        self._whole = Position(number=entry.number, writer=entry.writer, schemas=dict(self._log.schemas))

    def _add_transaction(self, database: str, schema: int) -> None:
        file = self._find(database)
        if file is None or schema > len(file.migrations):
            raise newer_version()
        if self._log.schemas.get(database) != schema:
            # Rows of the earlier schema come before the migration, and are not replayed after it.
            self._apply()
            self._write_position(self._whole)
            if database not in self._log.schemas:
                remove(file.path)
            self._log.schemas[database] = schema
        waiting = self._waiting.setdefault(database, {})
        for part in self._partial:
            waiting.update(by_key(self._open_changes(part.changes)))
        if sum(map(len, self._waiting.values())) > MAX_WAITING:
            self._apply()

    def _apply(self) -> None:
        for name, changes in self._waiting.items():
            file = self._find(name)
            if file is None:
                raise newer_version()
            migrations = file.migrations[: self._log.schemas[name]]
            opened = Database(file.path, migrations, temporary=self._temporary)
            with closing(opened) as database, database.transaction() as connection:
                apply(connection, changes.values())
        self._waiting.clear()

    def _read_position(self) -> Position:
        with closing(Database(self._folder / POSITION_DATABASE, _MIGRATIONS)) as database:
            row = database.fetch_one(_SELECT)
        if row is None:
            return Position(schemas={})
        return Position(number=row[0], writer=row[1], schemas=orjson.loads(row[2]))

    def _write_position(self, position: Position) -> None:
        if self._temporary:
            return
        with (
            closing(Database(self._folder / POSITION_DATABASE, _MIGRATIONS)) as database,
            database.transaction() as connection,
        ):
            connection.execute(_DELETE)
            connection.execute(
                _INSERT, (position.number, position.writer, orjson.dumps(position.schemas).decode())
            )


def remove(path: Path) -> None:
    """Remove a database and what belongs to it."""
    for suffix in ("", "-wal", "-shm", ".unfinished"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
