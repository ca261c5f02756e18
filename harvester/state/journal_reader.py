"""Every question about a journal. Nothing here writes, so a run may be writing the same journal meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import orjson

from connectors.models import RefusedPartition, Window
from harvester.state import journal_schema as sql
from harvester.state.database import Database, Recorder
from harvester.state.intervals import Listing, union
from harvester.state.journal_rows import (
    FailedPartition,
    JournalEntry,
    Run,
    from_microseconds,
    parse_entry,
    parse_failed_partition,
    parse_listing,
    parse_refused_partition,
    parse_run,
    split_extras,
    to_microseconds,
)
from harvester.state.layout import journal_database
from harvester.state.wrong_times import TOLERANCE, RunTimes, WrongTimes, find_wrong_times

PAGE = 500

TARGETS = "wanted"
WHOLE_TARGETS = "wanted_whole"
"""The fact that holds the targets of runs that were not narrowed to some users, groups or meetings. Journals of earlier
versions lack it."""
FIRST_NIGHTLY = "wanted_since"
CHECKED_RUNS = "clock_checked"
"""The fact that holds the number of the last run whose wrong times are forgotten."""


def open_journal_database(folder: Path, *, read_only: bool, recorder: Recorder | None = None) -> Database:
    return Database(journal_database(folder), sql.MIGRATIONS, read_only=read_only, recorder=recorder)


class Rows(Protocol):
    """What a journal is read from: its database, or the writer of a journal that is being written, so that no question is
    answered without the latest changes."""

    def fetch_one(self, statement: str, *values: Any) -> Any: ...

    def fetch_rows(self, statement: str, keys: Sequence[str]) -> list[Any]: ...

    def fetch_all(self, statement: str, *values: Any) -> list[Any]: ...

    def parsing(self) -> AbstractContextManager[None]: ...

    def close(self) -> None: ...


class JournalReader:
    """The questions about one journal. Safe for threads.

    Raises StateError for rows that no journal ever wrote.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    @classmethod
    def open(cls, folder: Path) -> JournalReader:
        """The journal in this folder, which must exist. Neither it nor its folder is changed."""
        return JournalReader(open_journal_database(folder, read_only=True))

    def close(self) -> None:
        self._rows.close()

    # Facts and targets

    def fact(self, name: str) -> str | None:
        row = self._rows.fetch_one(sql.SELECT_FACT, name)
        return row[0] if row else None

    def first_nightly(self) -> datetime | None:
        """The beginning of the first day that a nightly run was to read; `None` if there was no nightly run."""
        found = self.fact(FIRST_NIGHTLY)
        with self._rows.parsing():
            return from_microseconds(int(found)) if found is not None else None

    def targets(self) -> list[Window]:
        """The time that any run was to read, and all listed time, in order and without overlaps.

        Nightly runs are to read everything since the first one; see `first_nightly`.
        """
        listed = (listing.window for listing in self.listings(frozenset()))
        return union([*self._added_targets(), *listed])

    def whole_targets(self) -> list[Window]:
        """The time that runs were to list as a whole, in order and without overlaps."""
        return self._added_targets(WHOLE_TARGETS)

    def _added_targets(self, fact: str = TARGETS) -> list[Window]:
        found = self.fact(fact)
        with self._rows.parsing():
            spans = orjson.loads(found) if found is not None else []
            return [
                Window(start=from_microseconds(start), end=from_microseconds(stop)) for start, stop in spans
            ]

    # Runs and listings

    def runs(self, limit: int) -> list[Run]:
        """The last runs, newest first."""
        rows = self._rows.fetch_all(sql.SELECT_RUNS, limit)
        with self._rows.parsing():
            return [parse_run(row) for row in rows]

    def listings(self, extras: frozenset[str], now: datetime | None = None) -> list[Listing]:
        """The listings of runs that asked for at least these extras, without those of the future of `now`."""
        rows = self._rows.fetch_all(sql.SELECT_LISTINGS)
        latest = to_microseconds(now + TOLERANCE) if now is not None else None
        with self._rows.parsing():
            return [
                parse_listing(row)
                for row in rows
                if extras <= split_extras(row[3]) and (latest is None or row[2] <= latest)
            ]

    def wrong_times(self, now: datetime) -> WrongTimes | None:
        """What was recorded with a clock that was ahead, and is not forgotten yet; `None` if nothing was."""
        checked = int(self.fact(CHECKED_RUNS) or 0)
        with self._rows.parsing():
            runs = [
                RunTimes(id=number, began=from_microseconds(began), ended=from_microseconds(ended))
                for number, began, ended in self._rows.fetch_all(sql.SELECT_RUN_TIMES, checked)
            ]
        return find_wrong_times(runs, self.listings(frozenset()), self.first_nightly(), now)

    def failed_partitions(self) -> list[FailedPartition]:
        rows = self._rows.fetch_all(sql.SELECT_FAILED_PARTITIONS)
        with self._rows.parsing():
            return [parse_failed_partition(row) for row in rows]

    def refused_partitions(self) -> dict[str, RefusedPartition]:
        """The partitions that the vendor refused for good, by name."""
        rows = self._rows.fetch_all(sql.SELECT_REFUSED_PARTITIONS)
        with self._rows.parsing():
            return {row[0]: parse_refused_partition(row) for row in rows}

    # Meetings

    def meeting(self, uuid: str) -> JournalEntry | None:
        return self.meetings([uuid]).get(uuid)

    def meetings(self, uuids: Sequence[str]) -> dict[str, JournalEntry]:
        """Those of these meetings that the journal knows, by uuid."""
        rows = self._rows.fetch_rows(sql.select_meetings(len(uuids)), uuids)
        with self._rows.parsing():
            return {row[0]: parse_entry(row) for row in rows}

    def open_meetings(self) -> Iterator[JournalEntry]:
        """Meetings that are listed, pending or failed. They are read page by page: the journal may change meanwhile."""
        after = ""
        while True:
            rows = self._rows.fetch_all(sql.SELECT_OPEN_PAGE, after, PAGE)
            with self._rows.parsing():
                entries = [parse_entry(row) for row in rows]
            yield from entries
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def gone_meetings(self, limit: int) -> list[JournalEntry]:
        """The newest meetings that are gone."""
        rows = self._rows.fetch_all(sql.SELECT_GONE, limit)
        with self._rows.parsing():
            return [parse_entry(row) for row in rows]

    def stored_refs(self, window: Window) -> Iterator[tuple[str, dict[str, Any]]]:
        """Uuid and hint of every stored meeting that started in the window."""
        rows = self._rows.fetch_all(sql.SELECT_STORED_REFS, *_bounds(window))
        with self._rows.parsing():
            return iter([(uuid, orjson.loads(hint)) for uuid, hint in rows])

    def stored_uuids(self, window: Window) -> Iterator[str]:
        """Uuids of the stored meetings that started in the window and are not gone, in order."""
        return (uuid for (uuid,) in self._rows.fetch_all(sql.SELECT_STORED_UUIDS, *_bounds(window)))

    def counts(self) -> dict[str, int]:
        """How many meetings have each outcome."""
        return dict(self._rows.fetch_all(sql.COUNT_OUTCOMES))

    def count_unfinished(self) -> dict[str, int]:
        """How many meetings are to be read again, by outcome. Reads no others, however many there are."""
        return dict(self._rows.fetch_all(sql.COUNT_UNFINISHED))

    def next_due(self, now: datetime) -> datetime | None:
        """When the first of the meetings that are pending until later is due; `None` if there is none."""
        (due,) = self._rows.fetch_one(sql.SELECT_NEXT_DUE, to_microseconds(now))
        return None if due is None else from_microseconds(due)

    def gone_by_reason(self) -> dict[str, int]:
        return dict(self._rows.fetch_all(sql.COUNT_GONE))

    def count_finished(self, window: Window) -> int:
        """How many meetings that started in the window a backfill would not read again: done, pending or gone."""
        (count,) = self._rows.fetch_one(sql.COUNT_FINISHED, *_bounds(window))
        return int(count)


def _bounds(window: Window) -> tuple[int, int]:
    return to_microseconds(window.start), to_microseconds(window.end)
