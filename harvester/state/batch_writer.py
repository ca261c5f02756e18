"""Writes to a database in batches: one thread commits the changes of all others, a few times a second.

A read through the writer includes every change that was put before. Changes that name their row are grouped by statement.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import Condition, Thread
from typing import Any

from connectors.errors import HarvestError
from harvester.state.database import Database
from harvester.state.grouped_changes import GroupedChanges

COMMIT_SECONDS = 0.5
"""How long a change may wait for others to share a commit with. A kill costs at most this much work."""


class BatchWriter:
    """Commits changes before anything is read: those to one row in the order in which they were put, and none without all
    that were put before it. Safe for threads.

    After a failed commit nothing is written any more, and each further call raises the same error.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._queue = GroupedChanges()
        self._queued = self._committed = 0
        self._changed = Condition()
        self._closed = False
        self._failed: HarvestError | None = None
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Commit everything and close the database. Raises OutputError if the commit fails."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        try:
            self._commit()
        finally:
            self._database.close()

    def put(self, statement: str, *values: Any, row: str | None = None) -> int:
        """Queue a change. Returns its number, for `flush_to`.

        `row`: the key of the only row that it changes; without it, no change is moved past this one.
        """
        self._raise_failure()
        with self._changed:
            if not self._queue:
                self._changed.notify()
            self._queue.add(statement, values, row)
            self._queued += 1
            return self._queued

    def write_now(self, statement: str, *values: Any) -> None:
        """Commit a change at once, after those that are queued."""
        with self.transaction() as connection:
            connection.execute(statement, values)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction of the database, which begins with everything that was put before."""
        self.flush()
        with self._database.transaction() as connection:
            yield connection

    def fetch_one(self, statement: str, *values: Any) -> Any:
        """The first row; `None` if there is none."""
        self.flush()
        return self._database.fetch_one(statement, *values)

    def fetch_all(self, statement: str, *values: Any) -> list[Any]:
        self.flush()
        return self._database.fetch_all(statement, *values)

    def fetch_rows(self, statement: str, keys: Sequence[str]) -> list[Any]:
        """The rows with these keys. Only changes that may concern them are committed: this is called for every meeting of a
        listing."""
        if self._queue.may_change(keys):
            self.flush()
        return self._database.fetch_all(statement, *keys)

    def parsing(self) -> AbstractContextManager[None]:
        return self._database.parsing()

    def flush(self) -> None:
        """Commit everything so far. Raises OutputError if that fails."""
        self.flush_to(self._queued)

    def flush_to(self, sequence: int) -> None:
        """Commit everything so far, unless the change with this number is committed already."""
        if sequence > self._committed:
            self._commit()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if self._closed:
                    return
                self._changed.wait_for(lambda: self._closed, COMMIT_SECONDS)  # for more changes
            with suppress(HarvestError):  # the next call raises it
                self._commit()

    def _commit(self) -> None:
        # The transaction comes first: two commits must not overtake each other with what they took from the queue.
        # And after a failure nothing is written any more: a listing must not be there without its meetings.
        try:
            with self._database.transaction() as connection:
                self._raise_failure()
                with self._changed:
                    batch, self._queue = self._queue, GroupedChanges()
                    queued = self._queued
                for statement, rows in batch.groups():
                    connection.executemany(statement, rows)
            self._committed = max(self._committed, queued)
        except HarvestError as error:
            self._failed = error
            raise

    def _raise_failure(self) -> None:
        if self._failed is not None:
            raise self._failed from None


class DiscardingWriter:
    """Takes the place of a BatchWriter in a dry run: changes are discarded."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def close(self) -> None:
        self._database.close()

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        return self._database.transaction()

    def put(self, _statement: str, *_values: Any, row: str | None = None) -> int:
        del row
        return 0

    def write_now(self, _statement: str, *_values: Any) -> None:
        pass

    def flush(self) -> None:
        pass

    def flush_to(self, _sequence: int) -> None:
        pass
