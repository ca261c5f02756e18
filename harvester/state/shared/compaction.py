"""Keeps the log of a pool from growing for ever: all rows of its databases become new entries, and the old ones are deleted.

Two steps keep a worker that has lost its lease without knowing from deleting what its successor reads. The run that appends
the rows only notes where they begin, and a later run, which begins to read there as every run from then on, deletes what is before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from connectors.errors import HarvestError
from harvester.state.database import Database
from harvester.state.shared.entries import entry_document
from harvester.state.shared.log import PoolLog
from harvester.state.shared.retry import StoreRetry
from harvester.state.shared.row_changes import all_rows, count_rows
from harvester.state.shared.store import Store, Version

LEAST_ENTRIES = 2_000
ROWS_PER_ENTRY = 20
"""How many further rows in the databases pay for one more entry in the log."""
REMOVED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A database of a pool."""

    path: Path
    migrations: Sequence[str]


FindFile = Callable[[str], File | None]
"""The file of the database with this name; `None` for a name that this version does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """Where the log of a pool begins."""

    first: int = 1
    """The number of the first entry that is read."""
    kept: int = 1
    """The number of the first entry that has not been deleted."""
    version: Version | None = None


def read_base(store: Store, retry: StoreRetry, pool: str) -> Base:
    found = retry.send(partial(store.get, _document(pool)))
    if found is None:
        return Base()
    return Base(first=int(found.body["first"]), kept=int(found.body["kept"]), version=found.version)


class Compaction:
    """Shortens the log of a pool, if it is long, when a run begins."""

    def __init__(self, store: Store, log: PoolLog, retry: StoreRetry, find: FindFile) -> None:
        self._store = store
        self._log = log
        self._retry = retry
        self._find = find

    def run(self) -> None:
        """Called when the files are at the end of the log, and no earlier writer can append. What cannot be deleted now is
        deleted by a later run."""
        base = read_base(self._store, self._retry, self._log.pool)
        if base.kept < base.first:
            with suppress(HarvestError):
                self._delete(base)
        elif self._is_long(base):
            self._begin_again(base)

    def begin_again(self) -> None:
        """Append all rows, however short the log is. What was changed or deleted is in earlier entries only, which a later
        run deletes."""
        self._begin_again(read_base(self._store, self._retry, self._log.pool))

    def _begin_again(self, base: Base) -> None:
        first = self._log.head + 1
        for name, schema in tuple(self._log.schemas.items()):
            self._append_rows(name, schema)
        self._write(base, first=first, kept=base.kept)

    def _is_long(self, base: Base) -> bool:
        entries = self._log.head - base.first
        if entries < LEAST_ENTRIES:
            return False
        rows = 0
        for name, schema in self._log.schemas.items():
            with closing(self._open(name, schema)) as database, database.reading() as connection:
                rows += count_rows(connection)
        return entries >= LEAST_ENTRIES + rows // ROWS_PER_ENTRY

    def _append_rows(self, name: str, schema: int) -> None:
        with closing(self._open(name, schema)) as database, database.reading() as connection:
            self._log.append(name, schema, all_rows(connection))

    def _open(self, name: str, schema: int) -> Database:
        file = self._find(name)
        if file is None:
            raise ValueError(name)
        return Database(file.path, file.migrations[:schema])

    def _delete(self, base: Base) -> None:
        numbers = iter(range(base.kept, base.first))
        while part := list(islice(numbers, REMOVED_AT_ONCE)):
            self._retry.require()
            self._store.remove(self._names(part))
        self._write(base, first=base.first, kept=base.first)

    def _names(self, numbers: Iterable[int]) -> list[str]:
        return [entry_document(self._log.pool, number) for number in numbers]

    def _write(self, base: Base, *, first: int, kept: int) -> None:
        """Not written if another worker has written it meanwhile: the longer log is right, too."""
        name = _document(self._log.pool)
        body = {"kind": "base", "pool": self._log.pool, "first": first, "kept": kept}
        seen = base.version
        if seen is None:
            self._retry.send(lambda: self._store.create(name, body))
        else:
            self._retry.send(lambda: self._store.replace(name, body, seen))


def _document(pool: str) -> str:
    return f"base-{pool}"
