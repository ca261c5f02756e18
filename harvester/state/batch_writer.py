"""A database with one writer thread: what is said is committed in company, a few times a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from operator import itemgetter
from threading import Condition, Thread
from typing import Any

from connectors.errors import HarvestError, OutputError
from harvester.state.database import Database

COMMIT_SECONDS = 0.5
"""How long a result may wait for others to share a commit with; a kill costs so much work at most."""


class BatchWriter:
    """Safe for threads. A kill loses what was said last, and never a part of what was said before something that is
    there. Over a read-only database whoever writes gets an OutputError."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._queue: list[tuple[str, Sequence[Any]]] = []
        self._queued = self._committed = 0
        self._changed = Condition()
        self._closed = False
        self._failed: HarvestError | None = (
            OutputError(f"{database.path} was opened to be read") if database.read_only else None
        )
        self._writer = Thread(target=self._run, name=name, daemon=True)
        if not database.read_only:
            self._writer.start()

    def close(self) -> None:
        """Everything is committed when this returns, or OutputError says that it is not."""
        if self._database.read_only:
            self._database.close()
            return
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._writer.join()
        try:
            self._commit()
        finally:
            self._database.close()

    def flush(self) -> None:
        """Commit what is waiting. Raises OutputError when it cannot be."""
        self._commit()

    def flush_to(self, sequence: int) -> None:
        """What `record` returned this for is safely on the disk when this returns."""
        if sequence > self._committed:
            self._commit()

    def _put(self, statement: str, *values: Any) -> int:
        self._raise_failure()
        with self._changed:
            self._queue.append((statement, values))
            self._queued += 1
            if len(self._queue) == 1:
                self._changed.notify()
            return self._queued

    def _write_now(self, statement: str, *values: Any) -> None:
        with self._database.transaction() as connection:
            connection.execute(statement, values)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if self._closed:
                    return
                self._changed.wait(COMMIT_SECONDS)  # for company; the end of the run cuts it short
            with suppress(HarvestError):  # raised in whichever thread writes next
                self._commit()

    def _commit(self) -> None:
        # The transaction comes first: two commits must not overtake each other with what they took from the queue.
        # And after a failure nothing is written any more: an interval must not be there without its meetings.
        try:
            with self._database.transaction() as connection:
                self._raise_failure()
                with self._changed:
                    batch, self._queue = self._queue, []
                    queued = self._queued
                for statement, alike in groupby(batch, key=itemgetter(0)):
                    connection.executemany(statement, map(itemgetter(1), alike))
            self._committed = max(self._committed, queued)
        except HarvestError as error:
            self._failed = error
            raise

    def _raise_failure(self) -> None:
        if self._failed is not None:
            raise self._failed from None

    @contextmanager
    def _parsing(self) -> Iterator[None]:
        """StateError for a row that says what no journal ever wrote."""
        try:
            yield
        except (ValueError, TypeError, OverflowError):
            raise self._database.damaged() from None

    def _one(self, statement: str, *values: Any) -> Any:
        with self._database.reading() as connection:
            return connection.execute(statement, values).fetchone()

    def _all(self, statement: str, *values: Any) -> list[Any]:
        with self._database.reading() as connection:
            return connection.execute(statement, values).fetchall()
