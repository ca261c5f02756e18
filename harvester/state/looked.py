"""What journal and rejects know, for whoever only looks: nothing on the disk is touched, a run may go on beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

import orjson

from connectors.model import Window
from harvester.state import rejects
from harvester.state.database import Database, has_log
from harvester.state.journal import Journal
from harvester.state.records import Record, microseconds

Opened = TypeVar("Opened", bound=Journal | Database)


class _ReadOnly(Generic[Opened]):
    """A database opened to be read, and opened again once somebody began to write it: one without a log beside it is
    read as a file that does not change."""

    def __init__(self, path: Path, open_: Callable[[], Opened]) -> None:
        self._path = path
        self._open = open_
        self._opened: Opened | None = None
        self._seen: tuple[bool, int, int] | None = None

    def __call__(self) -> Opened | None:
        """`None` where there is none."""
        if (
            self._opened is not None
            and self._seen is not None
            and (self._seen[0] or self._look() == self._seen)
        ):
            return self._opened
        self.close()
        self._seen = self._look()
        self._opened = self._open() if self._seen is not None else None
        return self._opened

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _look(self) -> tuple[bool, int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return has_log(self._path), found.st_mtime_ns, found.st_size


class _Journal(Journal):
    def stored_in(self, window: Window) -> Iterator[str]:
        bounds = [microseconds(instant) for instant in (window.start, window.end)]
        statement = (
            "SELECT uuid FROM meetings WHERE rank IS NOT NULL AND outcome <> 'gone' AND start >= ? AND start < ? "
            "ORDER BY uuid"
        )
        return (uuid for (uuid,) in self._all(statement, *bounds))


class Looked:
    """What the journal of one scope and the rejects of its index know (`harvester.verify.Memory`): opened without
    changing them, and both may be missing."""

    def __init__(self, journal: Path, rejected: Path, prefix: str) -> None:
        database = rejected / "rejects.db"
        self._prefix = prefix
        self._journal = _ReadOnly(journal / "journal.db", lambda: _Journal(journal, read_only=True))
        self._rejects = _ReadOnly(database, lambda: Database(database, rejects.MIGRATIONS, read_only=True))

    def close(self) -> None:
        self._journal.close()
        self._rejects.close()

    def first_day(self) -> datetime | None:
        """The first day that a nightly run ever wanted, else the first that was listed."""
        journal = self._journal()
        if journal is None:
            return None
        listed = (listing.window.start for listing in journal.listings(frozenset()))
        return journal.wanted_since() or min(listed, default=None)

    def unfinished_run(self) -> bool:
        journal = self._journal()
        return journal is not None and any(run.ended is None for run in journal.runs(1))

    def meeting(self, uuid: str) -> Record | None:
        journal = self._journal()
        return journal.meeting(uuid) if journal is not None else None

    def stored_in(self, window: Window) -> Iterator[str]:
        journal = self._journal()
        return journal.stored_in(window) if journal is not None else iter(())

    def rejected(self, uuid: str) -> Mapping[str, str | None]:
        database, name = self._rejects(), self._prefix + uuid
        if database is None:
            return {}
        with database.reading() as connection:
            rows = connection.execute(
                "SELECT document_id, document FROM rejects WHERE document_id = ? OR "
                "(document_id > ? AND document_id < ?)",
                (name, f"{name}:", f"{name};"),
            ).fetchall()
        return {document_id: _stay(document) for document_id, document in rows}


def _stay(document: bytes) -> str | None:
    try:
        told = orjson.loads(document)
    except orjson.JSONDecodeError:
        return None
    stay = told.get("stay") if isinstance(told, dict) else None
    return stay if isinstance(stay, str) else None
