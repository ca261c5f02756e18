"""What was read of one account into one index: intervals listed, meetings and what became of them, runs.

Lies beside the account's own state, one folder per Elasticsearch and index prefix (the *scope*), so that a demo, a test
or another cluster never answers for the real one. Results are written only after the sink's acknowledgement, intents
(`record_intent`, `add_target`, `begin_forced_run`) before the act, and safely on the disk when they return.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from connectors.models import MeetingRef, Reason, Window
from harvester.state.batch_writer import BatchWriter
from harvester.state.database import Database
from harvester.state.intervals import Listing, union
from harvester.state.journal_rows import (
    FailedPartition,
    JournalEntry,
    Outcome,
    Run,
    from_microseconds,
    join_extras,
    key_of,
    parse_entry,
    split_extras,
    to_microseconds,
)
from harvester.state.layout import journal_database, run_lock_file
from harvester.state.locks import run_lock

PAGE = 500
RUNS_KEPT = 400

MIGRATIONS = (
    """
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE intervals (
        start INTEGER NOT NULL, stop INTEGER NOT NULL, listed_at INTEGER NOT NULL, asked TEXT NOT NULL
    );
    CREATE TABLE meetings (
        uuid TEXT PRIMARY KEY,
        outcome TEXT NOT NULL,
        start INTEGER,
        digest TEXT NOT NULL,
        hint TEXT NOT NULL,
        asked TEXT NOT NULL,
        rank INTEGER,
        harvested_at INTEGER,
        due INTEGER,
        reason TEXT,
        attempts INTEGER NOT NULL,
        first_run INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX meetings_open ON meetings (uuid) WHERE outcome IN ('listed', 'pending', 'failed');
    CREATE TABLE skipped (
        subject TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, reason TEXT NOT NULL,
        tried_at INTEGER NOT NULL, PRIMARY KEY (subject, start, stop)
    );
    CREATE TABLE readings (
        id INTEGER PRIMARY KEY, start INTEGER NOT NULL, stop INTEGER NOT NULL, asked TEXT NOT NULL,
        began INTEGER NOT NULL, finished INTEGER
    );
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY, began INTEGER NOT NULL, ended INTEGER, what TEXT NOT NULL,
        exit_code INTEGER, summary TEXT
    )
    """,
    """
    CREATE TABLE left_out (
        subject TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, asked TEXT NOT NULL,
        reason TEXT NOT NULL, tried_at INTEGER NOT NULL, PRIMARY KEY (subject, start, stop, asked)
    );
    INSERT INTO left_out SELECT subject, start, stop, '', reason, tried_at FROM skipped;
    DROP TABLE skipped
    """,
)

_MEETING = "SELECT * FROM meetings WHERE uuid = ?"
_OPEN = """
    SELECT * FROM meetings WHERE outcome IN ('listed', 'pending', 'failed') AND uuid > ? ORDER BY uuid LIMIT ?
"""
_RECORD = """
    INSERT INTO meetings VALUES (?, 'listed', ?, ?, ?, ?, NULL, NULL, NULL, NULL, 0, ?)
    ON CONFLICT DO UPDATE SET outcome = 'listed', start = excluded.start, hint = excluded.hint, asked = excluded.asked
"""
_STORED = """
    UPDATE meetings SET outcome = ?, digest = ?, rank = ?, harvested_at = ?, due = ?, reason = ?, attempts = 0
    WHERE uuid = ?
"""
_KEPT = "UPDATE meetings SET outcome = ?, digest = ?, due = ?, reason = ?, attempts = 0 WHERE uuid = ?"
_ENDED = """
    UPDATE meetings SET outcome = ?, digest = ?, due = ?, reason = ?, attempts = attempts + 1 WHERE uuid = ?
"""
_SKIP = """
    INSERT INTO left_out VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET tried_at = excluded.tried_at, reason = excluded.reason
"""
_UNSKIP = "DELETE FROM left_out WHERE subject = ? AND start = ? AND stop = ? AND asked = ?"
_REPLACED = "UPDATE meetings SET outcome = 'gone', due = NULL, rank = NULL, reason = ? WHERE uuid = ?"
_HINTS = "SELECT uuid, hint FROM meetings WHERE rank IS NOT NULL AND start >= ? AND start < ?"
_EXPIRE_STORED = """
    UPDATE meetings SET outcome = 'done', due = NULL
    WHERE rank IS NOT NULL AND outcome IN ('listed', 'pending', 'failed')
    AND coalesce(start, (SELECT began FROM runs WHERE id = first_run), 0) < ?
"""
_EXPIRE_REST = """
    UPDATE meetings SET outcome = 'gone', due = NULL, reason = ?
    WHERE outcome IN ('listed', 'pending', 'failed')
    AND coalesce(start, (SELECT began FROM runs WHERE id = first_run), 0) < ?
"""


class Journal(BatchWriter):
    """The journal of one scope. Safe for threads; one process writes at a time (see `lock`).

    `read_only`: one that is there already, opened beside a run or after it; nothing on the disk is touched, and whoever
    writes gets an OutputError.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        # Whoever holds the lock has made the database first: an empty one beside it is not a new one.
        made = run_lock_file(folder).exists()
        super().__init__(
            Database(journal_database(folder), MIGRATIONS, read_only=read_only, made=made), "journal"
        )
        self._folder = folder

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held by one indexing run of this scope at a time; AlreadyRunning at once for a second one."""
        with run_lock(run_lock_file(self._folder)):
            yield

    # Facts

    def fact(self, name: str) -> str | None:
        row = self._one("SELECT value FROM facts WHERE name = ?", name)
        return row[0] if row else None

    def set_fact(self, name: str, value: str) -> None:
        """Safely on the disk when this returns."""
        self._write_now("INSERT OR REPLACE INTO facts VALUES (?, ?)", name, value)

    def set_first_nightly(self, day: datetime) -> datetime:
        """The beginning of the first day that a nightly run of this scope ever wanted: this one, where it is the first."""
        found = self.fact("wanted_since")
        if found is None:
            self.set_fact("wanted_since", str(to_microseconds(day)))
            return day
        with self._parsing():
            return from_microseconds(int(found))

    def add_target(self, window: Window) -> None:
        """A run is to read this time. Safely on the disk when this returns."""
        before = self._added_targets()
        after = union([*before, window])
        if after != before:
            spans = [[to_microseconds(each.start), to_microseconds(each.end)] for each in after]
            self.set_fact("wanted", orjson.dumps(spans).decode())

    def targets(self) -> list[Window]:
        """The time that any run was ever to read, or listed; in order, without overlaps. Nightly runs want all of it
        since their first."""
        listed = (listing.window for listing in self.listings(frozenset()))
        return union([*self._added_targets(), *listed])

    def _added_targets(self) -> list[Window]:
        found = self.fact("wanted")
        with self._parsing():
            spans = orjson.loads(found) if found is not None else []
            return [
                Window(start=from_microseconds(start), end=from_microseconds(stop)) for start, stop in spans
            ]

    # Runs and forced readings

    def begin_run(self, what: str, now: datetime) -> int:
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM runs WHERE id <= (SELECT max(id) FROM runs) - ?", (RUNS_KEPT,))
            return int(
                connection.execute(
                    "INSERT INTO runs (began, what) VALUES (?, ?)", (to_microseconds(now), what)
                ).lastrowid
                or 0
            )

    def end_run(self, run: int, now: datetime, exit_code: int, summary: dict[str, Any]) -> None:
        text = orjson.dumps(summary, default=str).decode()
        self._put(
            "UPDATE runs SET ended = ?, exit_code = ?, summary = ? WHERE id = ?",
            to_microseconds(now),
            exit_code,
            text,
            run,
        )

    def runs(self, limit: int) -> list[Run]:
        """The last ones, newest first."""
        rows = self._all(
            "SELECT id, began, ended, what, exit_code, summary FROM runs ORDER BY id DESC LIMIT ?", limit
        )
        with self._parsing():
            return [
                Run(
                    id=number,
                    began=from_microseconds(began),
                    ended=from_microseconds(ended) if ended is not None else None,
                    what=what,
                    exit_code=code,
                    summary=orjson.loads(summary) if summary else None,
                )
                for number, began, ended, what, code, summary in rows
            ]

    def begin_forced_run(self, window: Window, extras: frozenset[str], now: datetime) -> datetime:
        """When the forced reading of this window that has not finished yet began: now, where there is none."""
        key = to_microseconds(window.start), to_microseconds(window.end), join_extras(extras)
        found = self._one(
            "SELECT began FROM readings WHERE start = ? AND stop = ? AND asked = ? AND finished IS NULL", *key
        )
        if found is None:
            self._write_now(
                "INSERT INTO readings (start, stop, asked, began) VALUES (?, ?, ?, ?)",
                *key,
                to_microseconds(now),
            )
            return now
        return from_microseconds(found[0])

    def finish_forced_run(self, window: Window, extras: frozenset[str], now: datetime) -> None:
        self._put(
            "UPDATE readings SET finished = ? WHERE start = ? AND stop = ? AND asked = ? AND finished IS NULL",
            to_microseconds(now),
            to_microseconds(window.start),
            to_microseconds(window.end),
            join_extras(extras),
        )

    # Intervals

    def listings(self, extras: frozenset[str]) -> list[Listing]:
        """The listings of readings that asked for at least this."""
        rows = self._all("SELECT start, stop, listed_at, asked FROM intervals")
        with self._parsing():
            return [
                Listing(
                    window=Window(start=from_microseconds(start), end=from_microseconds(stop)),
                    at=from_microseconds(at),
                )
                for start, stop, at, words in rows
                if extras <= split_extras(words)
            ]

    def add_listing(self, window: Window, extras: frozenset[str], at: datetime) -> None:
        """This listing, begun at `at`, reached its last page, with every ref recorded before."""
        start, stop, words = to_microseconds(window.start), to_microseconds(window.end), join_extras(extras)
        self._put(
            "DELETE FROM intervals WHERE asked = ? AND start >= ? AND stop <= ? AND listed_at <= ?",
            words,
            start,
            stop,
            to_microseconds(at),
        )
        self._put("INSERT INTO intervals VALUES (?, ?, ?, ?)", start, stop, to_microseconds(at), words)

    def add_failed(self, failed: FailedPartition) -> None:
        """This part of a listing could not be had: it is to be asked for again."""
        self._put(_SKIP, *key_of(failed), failed.reason, to_microseconds(failed.tried_at))

    def clear_failed(self, failed: FailedPartition) -> None:
        """This part of a listing is missing no more."""
        self._put(_UNSKIP, *key_of(failed))

    def failed_partitions(self) -> list[FailedPartition]:
        rows = self._all("SELECT * FROM left_out ORDER BY start, subject, asked")
        with self._parsing():
            return [
                FailedPartition(
                    partition=subject,
                    window=Window(start=from_microseconds(start), end=from_microseconds(stop)),
                    extras=split_extras(asked),
                    reason=reason,
                    tried_at=from_microseconds(tried),
                )
                for subject, start, stop, asked, reason, tried in rows
            ]

    # Meetings

    def meeting(self, uuid: str) -> JournalEntry | None:
        row = self._one(_MEETING, uuid)
        with self._parsing():
            return parse_entry(row) if row else None

    def open_meetings(self) -> Iterator[JournalEntry]:
        """Those that are listed, pending or failed, a page at a time: the journal may change meanwhile."""
        after = ""
        while True:
            rows = self._all(_OPEN, after, PAGE)
            with self._parsing():
                records = [parse_entry(row) for row in rows]
            yield from records
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def counts(self) -> dict[str, int]:
        """How many meetings there are of each outcome."""
        return dict(self._all("SELECT outcome, count(*) FROM meetings GROUP BY outcome"))

    def record_intent(self, ref: MeetingRef, extras: frozenset[str], run: int) -> int:
        """This meeting is to be read. What is known of it stays until the result is there. Returns what `flush_to` takes."""
        return self._put(
            _RECORD,
            ref.uuid,
            to_microseconds(ref.start_time) if ref.start_time else None,
            ref.digest,
            orjson.dumps(dict(ref.hint)).decode(),
            join_extras(extras),
            run,
        )

    def mark_stored(
        self,
        ref: MeetingRef,
        *,
        rank: int,
        harvested_at: datetime,
        due: datetime | None,
        reason: Reason | None,
    ) -> None:
        """The sink has acknowledged it: done, or, with `due`, pending."""
        self._put(
            _STORED,
            "done" if due is None else "pending",
            ref.digest,
            rank,
            to_microseconds(harvested_at),
            to_microseconds(due) if due is not None else None,
            str(reason) if reason is not None else None,
            ref.uuid,
        )

    def keep(self, ref: MeetingRef, *, due: datetime | None = None, reason: Reason | None = None) -> None:
        """It was read, and what is stored is richer: done, as it is, or with `due` to be read again."""
        self._put(
            _KEPT,
            "done" if due is None else "pending",
            ref.digest,
            to_microseconds(due) if due is not None else None,
            str(reason) if reason is not None else None,
            ref.uuid,
        )

    def set_outcome(
        self, ref: MeetingRef, outcome: Outcome, *, due: datetime | None = None, reason: str = ""
    ) -> None:
        """It has nothing to store: gone, failed, or pending until `due`."""
        self._put(
            _ENDED, outcome, ref.digest, to_microseconds(due) if due is not None else None, reason, ref.uuid
        )

    def mark_replaced(self, uuid: str) -> None:
        """Another meeting has taken its place, and its documents are gone: nothing is stored of it any more."""
        self._put(_REPLACED, str(Reason.replaced), uuid)

    def stored_refs(self, window: Window) -> Iterator[tuple[str, dict[str, Any]]]:
        """Of everything stored that started there, the uuid and the hint."""
        rows = self._all(_HINTS, to_microseconds(window.start), to_microseconds(window.end))
        with self._parsing():
            return iter([(uuid, orjson.loads(hint)) for uuid, hint in rows])

    def expire(self, before: datetime) -> int:
        """Give up what the vendor no longer keeps: started before (where no start is known, first listed before), and
        neither done nor gone. Returns how many of them were never stored; those that were stay as they are stored."""
        with self._database.transaction() as connection:
            connection.execute(_EXPIRE_STORED, (to_microseconds(before),))
            lost = connection.execute(_EXPIRE_REST, (str(Reason.expired), to_microseconds(before))).rowcount
            connection.execute("DELETE FROM left_out WHERE stop < ?", (to_microseconds(before),))
        return int(lost)

    def gone_by_reason(self) -> dict[str, int]:
        """How many meetings are gone, by reason."""
        return dict(self._all("SELECT reason, count(*) FROM meetings WHERE outcome = 'gone' GROUP BY reason"))

    def gone_meetings(self, limit: int) -> list[JournalEntry]:
        """Some that are gone, the newest first."""
        rows = self._all("SELECT * FROM meetings WHERE outcome = 'gone' ORDER BY start DESC LIMIT ?", limit)
        with self._parsing():
            return [parse_entry(row) for row in rows]

    def first_nightly(self) -> datetime | None:
        """What `set_first_nightly` stored; `None` where no nightly run ever began."""
        found = self.fact("wanted_since")
        with self._parsing():
            return from_microseconds(int(found)) if found is not None else None
