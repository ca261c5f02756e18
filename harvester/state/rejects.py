"""Documents that Elasticsearch refused, kept until a later load stores them or they are dropped.

There is one database for each cluster and index prefix, with one row for each document, or for each line that could not
be read as a document.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from connectors.parsing import format_milliseconds
from harvester.state.database import Database, Recorder
from harvester.state.layout import can_write, rejects_database

REASON_LENGTH = 2_000
LINE = "sha256:"
"""The prefix of the keys of lines without a usable `document_id`."""
PAGE = 50
"""Rows read at once: a row may hold megabytes."""

MIGRATIONS = (
    """
    CREATE TABLE rejects (
        document_id TEXT PRIMARY KEY,
        index_name TEXT NOT NULL,
        version INTEGER NOT NULL,
        reason TEXT NOT NULL,
        document BLOB NOT NULL,
        first TEXT NOT NULL,
        last TEXT NOT NULL,
        attempts INTEGER NOT NULL
    )
    """,
    "ALTER TABLE rejects ADD COLUMN origin TEXT NOT NULL DEFAULT ''",
)

# If an older version is refused again, the newer one that is kept stays as it is. A replayed reject has no origin of its
# own, so the first one is kept.
_ADD = """
    INSERT INTO rejects VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)
    ON CONFLICT DO UPDATE SET
        origin = iif(excluded.version >= version AND excluded.origin <> '', excluded.origin, origin),
        index_name = iif(excluded.version >= version, excluded.index_name, index_name),
        reason = iif(excluded.version >= version, excluded.reason, reason),
        document = iif(excluded.version >= version, excluded.document, document),
        version = max(version, excluded.version),
        last = excluded.last,
        attempts = attempts + 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A document as it was refused, or a line that is not a document."""

    document_id: str
    """`line_key` for a line without a usable one."""
    index: str
    version: int
    """0 for a line without a usable `document_id`."""
    reason: str
    """May quote the document."""
    document: bytes
    """Without a newline; empty for a line that is too long to keep."""
    origin: str = ""
    """File and line; empty for a harvested document and for a replayed one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A reject without its document."""

    document_id: str
    index: str
    version: int
    reason: str
    first: str
    """When it was first refused: ISO 8601, UTC."""
    last: str
    attempts: int
    size: int
    origin: str

    @property
    def is_line(self) -> bool:
        """Whether it has no usable `document_id`: then it cannot be matched to a document that is stored later."""
        return self.document_id.startswith(LINE)


def open_existing_rejects(folder: Path, now: Callable[[], datetime]) -> Rejects:
    """Rejects to be read: a database that this process may not write is enough. If it may, it sees what a load stores
    meanwhile."""
    is_writable = can_write(folder, rejects_database(folder))
    return Rejects(folder, now, read_only=not is_writable)


def line_key(sha256: str) -> str:
    """The key of a line without a usable `document_id`: its digest, in hex."""
    return f"{LINE}{sha256}"


class Rejects:
    """The rejects of one cluster and prefix. Safe for threads and for several processes."""

    def __init__(
        self,
        folder: Path,
        now: Callable[[], datetime],
        *,
        read_only: bool = False,
        in_memory: bool = False,
        recorder: Recorder | None = None,
    ) -> None:
        """`read_only`, `in_memory`, `recorder`: as of `Database`."""
        self._database = Database(
            rejects_database(folder),
            MIGRATIONS,
            read_only=read_only,
            in_memory=in_memory,
            recorder=recorder,
        )
        self._now = now
        self._any = len(self) > 0

    def close(self) -> None:
        self._database.close()

    def __len__(self) -> int:
        with self._database.reading() as connection:
            (count,) = connection.execute("SELECT count(*) FROM rejects").fetchone()
        return int(count)

    @property
    def any(self) -> bool:
        """False if there was no reject at the start and none was added since: then nothing has to be looked up."""
        return self._any

    def add(self, rejects: Sequence[Reject]) -> None:
        """Committed when this returns. Raises OutputError when the disk is full."""
        if not rejects:
            return
        self._any = True
        now = format_milliseconds(self._now())
        rows = [
            (
                *(_text(r.document_id), r.index, r.version, _text(r.reason[:REASON_LENGTH]), r.document),
                *(now, now, _text(r.origin)),
            )
            for r in rejects
        ]
        with self._database.transaction() as connection:
            connection.executemany(_ADD, rows)

    def remove_loaded(self, versions: Iterable[tuple[str, int]]) -> int:
        """Delete the rejects whose document the cluster now holds in this version or a later one. Returns how many."""
        with self._database.transaction() as connection:
            # Not `total_changes`, which counts the rows that triggers of a recorder insert, too.
            cursor = connection.executemany(
                "DELETE FROM rejects WHERE document_id = ? AND version <= ?", versions
            )
            return max(0, cursor.rowcount)

    def rows(self) -> Iterator[Kept]:
        """All rejects, in the order of their ids."""
        columns = "document_id, index_name, version, reason, first, last, attempts, length(document), origin"
        for row in self._pages(columns):
            yield Kept(
                document_id=row[0],
                index=row[1],
                version=row[2],
                reason=row[3],
                first=row[4],
                last=row[5],
                attempts=row[6],
                size=row[7],
                origin=row[8],
            )

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """Id and bytes of each reject, except lines that were too long to keep. Rejects may be deleted meanwhile."""
        return ((row[0], row[1]) for row in self._pages("document_id, document") if row[1])

    def has(self, document_id: str) -> bool:
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT 1 FROM rejects WHERE document_id = ?", (document_id,)
            ).fetchone()
        return found is not None

    def export(self, stream: BinaryIO) -> int:
        """Write the documents, one per line. Returns how many."""
        count = 0
        with closing(self._pages("document_id, document")) as rows:
            for _, document in rows:
                if document:
                    stream.write(document + b"\n")
                    count += 1
        return count

    def rewrite(self, documents: Iterable[tuple[str, bytes | None]]) -> None:
        """Replace the documents of these rejects, and what was said of them, by others; `None` deletes the reject. No copy
        stays behind."""
        with self._database.transaction() as connection:
            for document_id, document in documents:
                if document is None:
                    connection.execute("DELETE FROM rejects WHERE document_id = ?", (document_id,))
                else:
                    connection.execute(
                        "UPDATE rejects SET document = ?, reason = substr(reason, 1, instr(reason || ':', ':') - 1)"
                        " WHERE document_id = ?",
                        (document, document_id),
                    )
        self._database.purge()

    def drop(self, document_ids: Sequence[str] | None = None) -> int:
        """Delete these rejects, or all. Returns how many there were."""
        with self._database.transaction() as connection:
            if document_ids is None:
                return connection.execute("DELETE FROM rejects").rowcount
            ids = ((each,) for each in document_ids)
            return max(0, connection.executemany("DELETE FROM rejects WHERE document_id = ?", ids).rowcount)

    def _pages(self, columns: str) -> Generator[tuple[Any, ...], None, None]:
        after = ""
        while True:
            with self._database.reading() as connection:
                page = connection.execute(
                    f"SELECT {columns} FROM rejects WHERE document_id > ? ORDER BY document_id LIMIT ?",  # noqa: S608  # the columns are constants of this module
                    (after, PAGE),
                ).fetchall()
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1][0]


def _text(text: str) -> str:
    # SQLite refuses lone surrogates; Elasticsearch accepts them.
    return text.encode("utf-8", "replace").decode("utf-8")
