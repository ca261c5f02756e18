"""The file of a SQLite database: what it looks like from outside, connections to it, and copies of it in memory."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from harvester.state.layout import can_write

BUSY_SECONDS = 30.0
MEMORY = "file::memory:"
HEADER_BYTES = 100
"""Every SQLite database is at least this large."""
_TABLE_CHANGES = re.compile(r"\b(CREATE|DROP) TABLE (\w+)")


def has_log(path: Path) -> bool:
    """Whether this database has a write-ahead log that is not empty: a run is under way, or was killed."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size > 0
    except OSError:
        return False


def tables_of(migrations: Sequence[str]) -> set[str]:
    """The names of the tables that these scripts leave."""
    tables: set[str] = set()
    for change, name in _TABLE_CHANGES.findall(";".join(migrations)):
        (tables.add if change == "CREATE" else tables.discard)(name)
    return tables


def contents_of(connection: sqlite3.Connection) -> tuple[set[str], int, int]:
    """The names of the tables, the application and the schema version."""
    # In this order: another process may create the tables in between, and all three come with one commit.
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return tables, application, version


def is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size < HEADER_BYTES
    except OSError:  # what cannot be looked at cannot be opened either, which says why
        return False


def synchronize(folder: Path) -> None:
    """Write the names in the folder to the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = bytes.decode  # like the default, but its error differs from all others
    return connection


def needs_copy(path: Path) -> bool:
    """Whether there is a log that SQLite cannot read where it is: it makes an index beside it, in a folder that this process
    may not change. A process that writes the log has made the index, so none does."""
    return has_log(path) and not path.with_name(f"{path.name}-shm").exists() and not can_write(path.parent)


def copy_with_log(path: Path) -> sqlite3.Connection:
    """A copy in memory, with the changes in the log."""
    with TemporaryDirectory() as folder:
        for name in (path.name, f"{path.name}-wal"):
            shutil.copyfile(path.with_name(name), Path(folder) / name)
        return move_into_memory(connect((Path(folder) / path.name).as_uri()))


def move_into_memory(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Returns a connection to a copy in memory, and closes this one."""
    memory = connect(MEMORY)
    connection.backup(memory)
    connection.close()
    return memory
