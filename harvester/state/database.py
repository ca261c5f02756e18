"""One SQLite file: opened carefully, migrated, and refused if it is damaged, newer or of another program.

A state that cannot be read is never silently begun again: the error names the file, and what is lost by moving it away. An
empty file, or one without tables, is damaged like any other, unless the file beside it says that a process was killed while it
made the database.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Protocol

from connectors.errors import OutputError, StateError
from connectors.exhausted import exhausted
from harvester.state.database_file import (
    BUSY_SECONDS,
    MEMORY,
    connect,
    contents_of,
    copy_with_log,
    has_log,
    is_empty,
    move_into_memory,
    needs_copy,
    synchronize,
    tables_of,
)
from harvester.state.layout import not_writable, unfinished_marker
from harvester.state.losses import LOSSES
from harvester.write_errors import write_error

APPLICATION_ID = 0x4D54_4748
"""In the header of every state database, so that a file of another program is not taken for one."""

LEAST_SPACE = 64 * 1024
"""By how much SQLite lets the index of its log grow at once: 32 kB, and a few pages beside it."""

_DURABLE = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
"""A stored token or quota must survive a power cut, not only a kill."""
_TEMPORARY = "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;"

_NOT_WRITABLE = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
}
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Recorder(Protocol):
    """Keeps the changes of a database somewhere else, too, before they are committed."""

    def on_open(self, schema: int) -> None:
        """Called before the file is created or gets this schema."""
        ...

    def attach(self, connection: sqlite3.Connection) -> None:
        """Called once, when the tables are as the schema has them."""
        ...

    def before_commit(self, connection: sqlite3.Connection) -> None:
        """Called at the end of each transaction, which is rolled back if this raises."""
        ...

    def commit_failed(self) -> None:
        """Called if a transaction could not be committed after that."""
        ...


class Database:
    """A state database. Safe for threads.

    `migrations`: one script per schema version, oldest first; a released script never changes.
    `read_only`: the file must exist; neither it nor its folder is written, and an older schema is migrated in memory.
    Another process may be writing it meanwhile.
    `in_memory`: what the file holds, if there is one, is copied into memory; changes stay there and are forgotten.
    `recorder`: gets every change before it is committed.
    `temporary`: the file is deleted after its use, so nothing in it has to survive a power cut.
    """

    def __init__(
        self,
        path: Path,
        migrations: Sequence[str],
        *,
        read_only: bool = False,
        in_memory: bool = False,
        recorder: Recorder | None = None,
        temporary: bool = False,
    ) -> None:
        self.path = path
        self._is_temporary = temporary
        self._recorder: Recorder | None = None
        self._lock = RLock()
        self._is_grouped = False
        self.read_only = read_only or in_memory
        self._marker = unfinished_marker(path)
        # SQLite must not open an empty file: it deletes the log beside it. The size comes twice, since another process that
        # makes the database may have finished, and removed the marker, in between.
        if is_empty(path) and not self._is_unfinished() and is_empty(path):
            raise self.damaged("it is empty")
        if recorder is not None:
            recorder.on_open(len(migrations))
        if not self.read_only:
            self._make()
        with self._translate_errors():
            self._connection = connect(MEMORY) if in_memory and not path.exists() else self._connect()
            try:
                self._open(migrations, in_memory=in_memory)
                if recorder is not None:
                    recorder.attach(self._connection)
                    self._recorder = recorder
                if not self.read_only:
                    self._finish_making()
            except BaseException:
                self._connection.close()
                raise

    def _make(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self.path.exists():
                self._marker.touch(mode=0o600, exist_ok=True)
                if not self._is_temporary:
                    synchronize(self.path.parent)  # a power cut leaves no empty file without its marker
            self.path.touch(mode=0o600, exist_ok=True)
        except OSError as error:
            raise not_writable(self.path.parent, error) from None

    def _finish_making(self) -> None:
        """The tables are on the disk."""
        try:
            if self._is_unfinished():
                self._marker.unlink(missing_ok=True)
        except OSError as error:
            raise not_writable(self.path.parent, error) from None

    def _is_unfinished(self) -> bool:
        """Whether a process is making the file, or was killed while it did."""
        return self._marker.exists()

    def _connect(self) -> sqlite3.Connection:
        if self.read_only and needs_copy(self.path):
            return copy_with_log(self.path)
        return connect(f"{self.path.absolute().as_uri()}?{self._mode()}")

    def _mode(self) -> str:
        if not self.read_only:
            return "mode=rw"
        # Without a log beside the file, SQLite would create one even to read; `immutable` prevents that. A log that is
        # there belongs to a run that is under way or was killed, and holds its latest changes.
        return "mode=ro" if has_log(self.path) else "mode=ro&immutable=1"

    def _open(self, migrations: Sequence[str], *, in_memory: bool) -> None:
        version = self._require_own(migrations)
        connection = self._connection
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise self.damaged()
        if not self.read_only:
            connection.executescript(_TEMPORARY if self._is_temporary else _DURABLE)
        if self.read_only and (in_memory or version < len(migrations)):
            self._connection = move_into_memory(connection)
        if version < len(migrations):
            self._migrate(migrations)

    def _require_own(self, migrations: Sequence[str]) -> int:
        """The schema version of the file; 0 if it is being made. Raises StateError if it is not the database with these
        migrations."""
        tables, found, version = contents_of(self._connection)
        if not tables and migrations and self.path.exists() and not self._is_unfinished():
            # Another process that makes the database may have finished, and removed the marker, in between.
            self._connection.close()
            self._connection = self._connect()
            tables, found, version = contents_of(self._connection)
            if not tables and not found:
                raise self.damaged("it has no tables")
        if found != APPLICATION_ID and (tables or found):
            raise StateError(f"{self.path} is not a state database of the harvester; move it away")
        if version > len(migrations):
            raise StateError(
                f"{self.path} was written by a newer version of the harvester (schema {version}, this one knows "
                f"{len(migrations)}); use that version again"
            )
        if version < 0:
            raise self.damaged(f"its schema is {version}")
        if missing := tables_of(migrations[:version]) - tables:
            raise self.damaged(f"it lacks {', '.join(sorted(missing))}")
        return version

    def _migrate(self, migrations: Sequence[str]) -> None:
        # Another process may be migrating at the same moment: the version is read again under the write lock.
        with self.transaction() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            for script in migrations[version:]:
                for statement in script.split(";"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(migrations)}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection with the write lock held; committed at the end, rolled back on any exception.

        Raises OutputError when the disk is full or read-only, StateError when the file is damaged.
        """
        with self._lock, self._translate_errors():
            if self._is_grouped:
                with self._savepoint():
                    yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._commit()
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def grouped(self) -> Iterator[None]:
        """The transactions of the block are committed as one at its end, however it ends. Those of other threads wait."""
        with self._lock, self._translate_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            self._is_grouped = True
            try:
                yield
            finally:
                self._is_grouped = False
                try:
                    if self._connection.in_transaction:  # a full disk may have ended it
                        self._commit()
                finally:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO part")
                self._connection.execute("RELEASE part")
            raise
        self._connection.execute("RELEASE part")

    def _commit(self) -> None:
        if self._recorder is not None:
            self._recorder.before_commit(self._connection)
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._recorder is not None:
                self._recorder.commit_failed()
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for statements that only read."""
        with self._lock, self._translate_errors():
            yield self._connection

    def fetch_rows(self, statement: str, keys: Sequence[str]) -> list[Any]:
        """The rows with these keys."""
        return self.fetch_all(statement, *keys)

    def fetch_one(self, statement: str, *values: Any) -> Any:
        """The first row; `None` if there is none."""
        with self.reading() as connection:
            return connection.execute(statement, values).fetchone()

    def fetch_all(self, statement: str, *values: Any) -> list[Any]:
        with self.reading() as connection:
            return connection.execute(statement, values).fetchall()

    @contextmanager
    def parsing(self) -> Iterator[None]:
        """Raises StateError if the rows that are parsed hold what was never written."""
        try:
            yield
        except (ValueError, TypeError, OverflowError):
            raise self.damaged() from None

    def purge(self) -> None:
        """Leave no copy of what was deleted or changed, neither in free pages nor in the log."""
        with self._lock, self._translate_errors():
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        with self._lock, self._translate_errors():
            self._connection.close()

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError:
            raise self.damaged() from None
        except sqlite3.Error as error:
            code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
            if code in _CORRUPT:
                raise self.damaged() from None
            if code == sqlite3.SQLITE_CANTOPEN:
                _require_descriptors()
            if code in _NOT_WRITABLE and self.read_only:
                raise OutputError(
                    f"{self.path} cannot be read ({error}): check its owner and permissions, and the disk"
                ) from None
            if code in _NOT_WRITABLE:
                number = errno.ENOSPC if self._has_no_space() else _NOT_WRITABLE[code]
                raise write_error(self.path, OSError(number, str(error)), elsewhere="") from None
            if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise OutputError(
                    f"{self.path} has been locked by another process for over {BUSY_SECONDS:.0f} s; try again when it is done"
                ) from None
            raise

    def _has_no_space(self) -> bool:
        """SQLite calls it a disk I/O error if its log cannot grow."""
        try:
            return shutil.disk_usage(self.path.parent).free < LEAST_SPACE
        except OSError:
            return False

    def damaged(self, how: str = "") -> StateError:
        """The error to raise for contents that were never written."""
        cost = LOSSES.get(self.path.name, "What it holds is lost with it")
        fault = f"damaged: {how}" if how else "damaged"
        return StateError(f"{self.path} is {fault}. Restore it from a backup, or move it away. {cost}")


def _require_descriptors() -> None:
    """SQLite does not say that this process may open no more files. Raises Exhausted if that is so."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        if (lack := exhausted(error)) is not None:
            raise lack from None
