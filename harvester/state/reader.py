"""Read-only questions about the state folder, for `status`, `plan` and `verify`.

Nothing in the folder is changed, and a run may be writing it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import orjson

from connectors.errors import StateError
from connectors.models import Window
from connectors.parsing import parse_instant
from harvester.state import quotas_and_tokens, rejects
from harvester.state.database import Database
from harvester.state.database_file import has_log
from harvester.state.intervals import union
from harvester.state.journal_reader import JournalReader
from harvester.state.journal_rows import JournalEntry
from harvester.state.layout import (
    JournalLocation,
    find_journals,
    find_rejects_without_journal,
    is_there,
    journal_database,
    journal_folder,
    rejects_database,
    rejects_folder,
)
from harvester.state.locks import is_locked
from harvester.state.wrong_times import WrongTimes

Answer = TypeVar("Answer")
Opened = TypeVar("Opened", bound=JournalReader | Database)

_COUNT_REJECTS = "SELECT count(*) FROM rejects"
_QUOTA_FOLDER = "SELECT value FROM facts WHERE name = ?"
_QUOTAS = "SELECT name, spent FROM budgets WHERE day = ? ORDER BY name"
_REJECTS_BETWEEN = "SELECT document_id, document FROM rejects WHERE document_id >= ? AND document_id < ?"
_REJECTS_OF_MEETING = (
    "SELECT document_id, document FROM rejects WHERE document_id = ? OR (document_id > ? AND document_id < ?)"
)


class StateReader:
    """What a state folder holds. The folder may be missing."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def journals(self) -> list[JournalLocation]:
        """Every account and index that was harvested."""
        return find_journals(self._state)

    def find_journal(self, account_folder: Path, host: str, prefix: str) -> Path | None:
        """The folder of the journal of this account and index; `None` if there is no journal."""
        folder = journal_folder(account_folder, rejects_folder(self._state, host, prefix))
        return folder if is_there(journal_database(folder)) else None

    def known_state(self, account_folder: Path, host: str, prefix: str, *, id_prefix: str) -> KnownState:
        """What journal and rejects of this account and index know; `id_prefix`: how its document ids begin."""
        index = rejects_folder(self._state, host, prefix)
        return KnownState(journal_folder(account_folder, index), index, id_prefix)

    def ask_journal(self, location: JournalLocation, question: Callable[[JournalReader], Answer]) -> Answer:
        """The answer of a journal. A journal without a log is read as a file that does not change, so the question is
        asked again if a run began meanwhile."""
        quiet = not has_log(location.database)
        try:
            answer = _ask(location, question)
        except StateError:
            if not (quiet and has_log(location.database)):
                raise
        else:
            if not (quiet and has_log(location.database)):
                return answer
        return _ask(location, question)

    def run_is_active(self, location: JournalLocation) -> bool | None:
        """Whether a run is writing this journal; `None` if this system does not tell."""
        return is_locked(location.run_lock_file)

    def quotas_used(self, location: JournalLocation, now: datetime) -> dict[str, int]:
        """Calls counted against each of today's quotas of the account."""
        day = now.date().isoformat()
        folder = named_quota_folder(location.account_database)
        path = location.quota_database(folder)
        migrations = quotas_and_tokens.MIGRATIONS if folder is None else quotas_and_tokens.QUOTA_MIGRATIONS
        return dict(_fetch_all(path, migrations, _QUOTAS, day))

    def count_rejects(self, location: JournalLocation) -> int:
        """How many documents of the index are among its rejects."""
        return _count_rejects(location.rejects_database)

    def count_rejects_of_loads(self) -> int:
        """How many documents are among the rejects of indices that no journal is about."""
        return sum(map(_count_rejects, find_rejects_without_journal(self._state)))


def named_quota_folder(account: Path) -> str | None:
    """The name of the folder of the quotas that the account with this database shares; `None` if it has its own."""
    facts = _fetch_all(account, quotas_and_tokens.MIGRATIONS, _QUOTA_FOLDER, quotas_and_tokens.QUOTA_FOLDER)
    return facts[0][0] if facts else None


def _ask(location: JournalLocation, question: Callable[[JournalReader], Answer]) -> Answer:
    with closing(JournalReader.open(location.folder)) as journal:
        return question(journal)


def _count_rejects(path: Path) -> int:
    return sum(count for (count,) in _fetch_all(path, rejects.MIGRATIONS, _COUNT_REJECTS))


def _fetch_all(path: Path, migrations: tuple[str, ...], statement: str, *values: Any) -> list[Any]:
    if not is_there(path):
        return []
    with closing(Database(path, migrations, read_only=True)) as database:
        return database.fetch_all(statement, *values)


class KnownState:
    """What the journal of one account and index, and the rejects of the index, know (`verify.comparison.Memory`).

    Both may be missing. Each answer is up to date, even if a run began or ended since the last one.
    """

    def __init__(self, journal: Path, index: Path, id_prefix: str) -> None:
        database = rejects_database(index)
        self._prefix = id_prefix
        self._journal = _Reopened(journal_database(journal), lambda: JournalReader.open(journal))
        self._rejects = _Reopened(database, lambda: Database(database, rejects.MIGRATIONS, read_only=True))

    def close(self) -> None:
        self._journal.close()
        self._rejects.close()

    def has_targets(self) -> bool:
        """Whether any run was to read anything; `False` if there is no journal."""
        journal = self._journal.get()
        return journal is not None and bool(journal.first_nightly() is not None or journal.targets())

    def targets(self, end: datetime) -> list[Window] | None:
        """The time that runs were to read, and all listed time, in order and without overlaps; nightly runs were to
        read until `end`. `None` if there is no journal, or no run in it."""
        journal = self._journal.get()
        if journal is None:
            return None
        first = journal.first_nightly()
        nightly = [Window(start=first, end=end)] if first is not None and first < end else []
        targets = union([*journal.targets(), *nightly])
        return targets if targets or first is not None else None

    def wrong_times(self, now: datetime) -> WrongTimes | None:
        """What runs whose clock was ahead have recorded; `None` if nothing."""
        journal = self._journal.get()
        return journal.wrong_times(now) if journal is not None else None

    def has_unfinished_run(self) -> bool:
        """Whether the last run was killed or is under way."""
        journal = self._journal.get()
        return journal is not None and any(run.ended is None for run in journal.runs(1))

    def meeting(self, uuid: str) -> JournalEntry | None:
        journal = self._journal.get()
        return journal.meeting(uuid) if journal is not None else None

    def stored_in(self, window: Window) -> Iterator[str]:
        """Uuids of the stored meetings that started in the window, in order."""
        journal = self._journal.get()
        return journal.stored_uuids(window) if journal is not None else iter(())

    def rejected_in(self, window: Window) -> set[str]:
        """Ids of the rejected documents whose meeting is in the window, or that do not say when it was."""
        database = self._rejects.get()
        if database is None:
            return set()
        after = self._prefix[:-1] + chr(ord(self._prefix[-1]) + 1)
        rows = database.fetch_all(_REJECTS_BETWEEN, self._prefix, after)
        return {name for name, document in rows if (at := _meeting_time(document)) is None or at in window}

    def rejected(self, uuid: str) -> Mapping[str, str | None]:
        """The rejected documents of one meeting: id and `stay`, which a meeting document lacks."""
        database, name = self._rejects.get(), self._prefix + uuid
        if database is None:
            return {}
        rows = database.fetch_all(_REJECTS_OF_MEETING, name, f"{name}:", f"{name};")
        return {document_id: _stay(document) for document_id, document in rows}


class _Reopened(Generic[Opened]):
    """A database that is read, and reopened if it was read as a file that does not change, and has changed since."""

    def __init__(self, path: Path, open_: Callable[[], Opened]) -> None:
        self._path = path
        self._open = open_
        self._opened: Opened | None = None
        self._state: tuple[bool, int, int] | None = None

    def get(self) -> Opened | None:
        """`None` if the file is missing."""
        if self._opened is not None and self._state is not None:
            has_log_since_opened = self._state[0]
            if has_log_since_opened or self._look() == self._state:
                return self._opened
        self.close()
        self._state = self._look()
        self._opened = self._open() if self._state is not None else None
        return self._opened

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _look(self) -> tuple[bool, int, int] | None:
        """Whether the database has a log, and time and size of its file."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return None
        return has_log(self._path), stat.st_mtime_ns, stat.st_size


def _stay(document: bytes) -> str | None:
    stay = _fields(document).get("stay")
    return stay if isinstance(stay, str) else None


def _meeting_time(document: bytes) -> datetime | None:
    """The meeting's `@timestamp`, of a meeting document or a session document."""
    fields = _fields(document)
    at = fields.get("meeting_timestamp", fields.get("@timestamp"))
    return parse_instant(at) if isinstance(at, str) else None


def _fields(document: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(document)
    except orjson.JSONDecodeError:
        return {}
    return fields if isinstance(fields, dict) else {}
