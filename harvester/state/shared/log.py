"""The log of one quota pool: every change to its databases, appended before it is committed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from threading import Lock

from connectors.errors import HarvestError, LeaseLost, OutputError
from harvester.state.shared.entries import Entry, entry_document, parse_entry, split
from harvester.state.shared.retry import StoreRetry
from harvester.state.shared.row_changes import Change, Table, take, watch
from harvester.state.shared.store import Store
from harvester.state.shared.token_sealing import TokenSealer

PAGE = 200
"""Entries read at once."""


def read_log(store: Store, retry: StoreRetry, pool: str, after: int) -> Iterator[Entry]:
    """The entries after this number, in order."""
    number = after
    while True:
        names = [entry_document(pool, number + 1 + each) for each in range(PAGE)]
        found = retry.send(partial(store.get_many, names))
        for body in found:
            if body is None:
                return
            yield parse_entry(body)
        number += PAGE


class PoolLog:
    """The end of the log, for one worker. Safe for threads.

    After a failed append nothing is appended any more, and each further call raises the same error.
    """

    def __init__(
        self,
        store: Store,
        pool: str,
        writer: str,
        retry: StoreRetry,
        sealer: TokenSealer,
    ) -> None:
        """`writer`: a token of this opening of the log and no other."""
        self.pool = pool
        self.writer = writer
        self.head = 0
        """The number of the last entry."""
        self.schemas: dict[str, int] = {}
        """The schema of each database that the log knows."""
        self._store = store
        self._retry = retry
        self._sealer = sealer
        self._lock = Lock()
        self._failed: HarvestError | None = None

    def begin(self) -> bool:
        """Append an entry after which no earlier writer can append. False if another entry was there: read on."""
        return self._create(self._entry("", 0, [], more=False))

    def append(self, database: str, schema: int, changes: Iterable[Change]) -> None:
        """Append one transaction, unless nothing of it may be shared.

        Raises LeaseLost if another worker goes on, ConfigurationError for a token that cannot be sealed.
        """
        with self._lock:
            if self._failed is not None:
                raise self._failed from None
            try:
                for part, more in split(self._sealer.seal(changes)):
                    if not part and self.schemas.get(database) == schema:
                        return
                    if not self._create(self._entry(database, schema, part, more=more)):
                        raise LeaseLost(
                            "another worker goes on with this account; what this one had not stored yet is harvested there"
                        )
            except HarvestError as error:
                self._failed = error
                raise
            self.schemas[database] = schema

    def recorder(self, database: str) -> DatabaseRecorder:
        return DatabaseRecorder(self, database)

    @property
    def is_whole(self) -> bool:
        """Whether everything that was appended is in the files, too."""
        return self._failed is None

    def fail(self) -> None:
        """Append nothing more: what was appended last could not be committed, so the files are behind."""
        with self._lock:
            self._failed = self._failed or OutputError(
                "a database of the state folder could not be written; the next run goes on from the shared state"
            )

    def _entry(self, database: str, schema: int, changes: Sequence[Change], *, more: bool) -> Entry:
        return Entry(
            number=self.head + 1,
            writer=self.writer,
            database=database,
            schema=schema,
            changes=changes,
            more=more,
        )

    def _create(self, entry: Entry) -> bool:
        """Whether the entry is in the log: made now, or earlier by a request whose answer was lost."""
        name = entry_document(self.pool, entry.number)
        made = self._retry.send(
            lambda: self._store.create(name, entry.body(self.pool)) is not None or self._is_own(name)
        )
        if made:
            self.head = entry.number
        return made

    def _is_own(self, name: str) -> bool:
        found = self._store.get(name)
        return found is not None and found.body.get("writer") == self.writer


class DatabaseRecorder:
    """`harvester.state.database.Recorder` that appends to a log."""

    def __init__(self, log: PoolLog, name: str) -> None:
        self._log = log
        self._name = name
        self._schema = 0
        self._tables: Mapping[str, Table] = {}

    def on_open(self, schema: int) -> None:
        """A worker of an earlier version must not go on with files that this one migrates. A database that the log does not
        know comes into it with its first row."""
        self._schema = schema
        if self._log.schemas.get(self._name, schema) != schema:
            self._log.append(self._name, schema, [])

    def attach(self, connection: sqlite3.Connection) -> None:
        self._tables = watch(connection)

    def before_commit(self, connection: sqlite3.Connection) -> None:
        changes = take(connection, self._tables)
        if changes:
            self._log.append(self._name, self._schema, changes)

    def commit_failed(self) -> None:
        self._log.fail()
