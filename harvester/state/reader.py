"""What journal and rejects know, for whoever only looks: nothing on the disk is touched, a run may go on beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import orjson

from connectors.models import Window
from connectors.parsing import parse_instant
from harvester.state import rejects
from harvester.state.database import Database, has_log
from harvester.state.intervals import union
from harvester.state.journal import Journal
from harvester.state.journal_rows import JournalEntry, to_microseconds

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
        bounds = [to_microseconds(instant) for instant in (window.start, window.end)]
        statement = (
            "SELECT uuid FROM meetings WHERE rank IS NOT NULL AND outcome <> 'gone' AND start >= ? AND start < ? "
            "ORDER BY uuid"
        )
        return (uuid for (uuid,) in self._all(statement, *bounds))


class Looked:
    """What the journal of one scope and the rejects of its index know (`harvester.verify.comparison.Memory`): opened without
    changing them, and both may be missing."""

    def __init__(self, journal: Path, rejected: Path, prefix: str) -> None:
        database = rejected / "rejects.db"
        self._prefix = prefix
        self._journal = _ReadOnly(journal / "journal.db", lambda: _Journal(journal, read_only=True))
        self._rejects = _ReadOnly(database, lambda: Database(database, rejects.MIGRATIONS, read_only=True))

    def close(self) -> None:
        self._journal.close()
        self._rejects.close()

    def wanted(self, end: datetime) -> list[Window] | None:
        """The time that runs were ever to read, or listed, nightly ones up to `end`; in order, without overlaps. `None`
        where no journal tells."""
        journal = self._journal()
        if journal is None:
            return None
        since = journal.first_nightly()
        nightly = [Window(start=since, end=end)] if since is not None and since < end else []
        found = union([*journal.targets(), *nightly])
        return found if found or since is not None else None

    def unfinished_run(self) -> bool:
        journal = self._journal()
        return journal is not None and any(run.ended is None for run in journal.runs(1))

    def meeting(self, uuid: str) -> JournalEntry | None:
        journal = self._journal()
        return journal.meeting(uuid) if journal is not None else None

    def stored_in(self, window: Window) -> Iterator[str]:
        journal = self._journal()
        return journal.stored_in(window) if journal is not None else iter(())

    def rejected_in(self, window: Window) -> set[str]:
        """One that does not tell its time is among them whatever the window."""
        database = self._rejects()
        if database is None:
            return set()
        after = self._prefix[:-1] + chr(ord(self._prefix[-1]) + 1)
        with database.reading() as connection:
            rows = connection.execute(
                "SELECT document_id, document FROM rejects WHERE document_id >= ? AND document_id < ?",
                (self._prefix, after),
            )
            return {name for name, document in rows if (at := _filed(document)) is None or at in window}

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


def rejected_apart(state: Path) -> int:
    """How many documents are among the rejects of indices that no journal of this state folder is about: of loads, not
    of harvests."""
    return sum(
        _count(path) for path in state.glob("elasticsearch-*/rejects.db") if not _has_journal(state, path)
    )


def _has_journal(state: Path, path: Path) -> bool:
    return next(state.glob(f"*/{path.parent.name}/journal.db"), None) is not None


def _count(path: Path) -> int:
    with (
        closing(Database(path, rejects.MIGRATIONS, read_only=True)) as database,
        database.reading() as opened,
    ):
        (count,) = opened.execute("SELECT count(*) FROM rejects").fetchone()
    return int(count)


def _stay(document: bytes) -> str | None:
    stay = _decoded(document).get("stay")
    return stay if isinstance(stay, str) else None


def _filed(document: bytes) -> datetime | None:
    """The meeting's `@timestamp`, of a meeting and of a session."""
    told = _decoded(document)
    at = told.get("meeting_timestamp", told.get("@timestamp"))
    return parse_instant(at) if isinstance(at, str) else None


def _decoded(document: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(document)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}
