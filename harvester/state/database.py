"""One SQLite file: opened carefully, migrated, and refused if it is damaged, newer or of another program.

A state that cannot be read is never silently begun again: the error names the file, and what is lost by moving it away.
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
from harvester.state.layout import (
    ACCOUNT_DATABASE,
    JOURNAL_DATABASE,
    POSITION_DATABASE,
    PRIVACY_DATABASE,
    REJECTS_DATABASE,
    WRITES_DATABASE,
    not_writable,
)
from harvester.write_errors import write_error

APPLICATION_ID = 0x4D54_4748
"""In the header of every state database, so that a file of another program is not taken for one."""

BUSY_SECONDS = 30.0
LOSSES = {
    JOURNAL_DATABASE: "It holds what was listed and read. The index is the same without it; a run with --from and --to reads "
    "again what the vendor still keeps, including what had failed or was pending",
    REJECTS_DATABASE: "It holds the documents that Elasticsearch refused. They are lost with it, unless they were exported "
    "or the vendor still keeps their meetings: then `harvester verify --repair` reads those again",
    ACCOUNT_DATABASE: "It holds today's quotas, when calls were made, and tokens. Without it, calls made today are not counted, "
    "and a vendor that needs a login needs a new one; no meeting and no document is lost",
    POSITION_DATABASE: "It holds how far the copies beside it have followed the shared state. Without the whole folder, the next "
    "run makes the copies again",
    WRITES_DATABASE: "It holds what was written to the vendor. Without it, a room whose replacement was interrupted has to be "
    "deleted by hand, and lists of slide decks are sent once more",
    PRIVACY_DATABASE: "It holds whom to forget. Without it, the next harvest that reads a meeting of a forgotten person again "
    "stores that person again; run `harvester forget` once more for each",
}
"""What is lost by moving a file away, by its name."""
LEAST_SPACE = 64 * 1024
"""By how much SQLite lets the index of its log grow at once: 32 kB, and a few pages beside it."""
HEADER_BYTES = 100
"""Every SQLite database is at least this large."""

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
    `made`: the file was written before, so an empty file is damaged. `recorder`: gets every change before it is committed.
    `temporary`: the file is deleted after its use, so nothing in it has to survive a power cut.
    """

    def __init__(
        self,
        path: Path,
        migrations: Sequence[str],
        *,
        read_only: bool = False,
        made: bool = False,
        recorder: Recorder | None = None,
        temporary: bool = False,
    ) -> None:
        self.path = path
        self._pragmas = _TEMPORARY if temporary else _DURABLE
        self._recorder: Recorder | None = None
        self._lock = RLock()
        self._is_grouped = False
        self.read_only = read_only
        if made and _is_empty(path):
            raise self.damaged()
        if recorder is not None:
            recorder.on_open(len(migrations))
        if not read_only:
            self._make()
        with self._translate_errors():
            self._connection = _connect(f"{path.absolute().as_uri()}?{self._mode()}")
            self._open(migrations)
            if recorder is not None:
                recorder.attach(self._connection)
                self._recorder = recorder

    def _make(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.touch(mode=0o600, exist_ok=True)
        except OSError as error:
            raise not_writable(self.path.parent, error) from None

    def _mode(self) -> str:
        if not self.read_only:
            return "mode=rw"
        # Without a log beside the file, SQLite would create one even to read; `immutable` prevents that. A log that is
        # there belongs to a run that is under way or was killed, and holds its latest changes.
        return "mode=ro" if has_log(self.path) else "mode=ro&immutable=1"

    def _open(self, migrations: Sequence[str]) -> None:
        connection = self._connection
        # In this order: another process may create the tables in between, and both come with one commit.
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (found,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if tables and found != APPLICATION_ID:
            raise StateError(f"{self.path} is not a state database of the harvester; move it away")
        if version > len(migrations):
            raise StateError(
                f"{self.path} was written by a newer version of the harvester (schema {version}, this one knows "
                f"{len(migrations)}); use that version again"
            )
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise self.damaged()
        if not self.read_only:
            connection.executescript(self._pragmas)
        if version < len(migrations):
            if self.read_only:
                self._move_into_memory()
            self._migrate(migrations)

    def _move_into_memory(self) -> None:
        memory = _connect("file::memory:")
        self._connection.backup(memory)
        self._connection.close()
        self._connection = memory

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

    def damaged(self) -> StateError:
        """The error to raise for contents that were never written."""
        cost = LOSSES.get(self.path.name, "What it holds is lost with it")
        return StateError(f"{self.path} is damaged. Restore it from a backup, or move it away. {cost}")


def has_log(path: Path) -> bool:
    """Whether this database has a write-ahead log that is not empty: a run is under way, or was killed."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size > 0
    except OSError:
        return False


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size < HEADER_BYTES
    except FileNotFoundError:
        return False


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = bytes.decode  # like the default, but its error differs from all others
    return connection


def _require_descriptors() -> None:
    """SQLite does not say that this process may open no more files. Raises Exhausted if that is so."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        if (lack := exhausted(error)) is not None:
            raise lack from None
