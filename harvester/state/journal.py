"""What was read of one account into one index: intervals listed, meetings and what became of them, runs.

Lies beside the account's own state, one folder per Elasticsearch and index prefix (the *scope*), so that a demo, a test
or another cluster never answers for the real one. Results are written only after the sink's acknowledgement, intents
(`begin_reading`, `want_since`) before the act, and safely on the disk when they return.

Instants are microseconds since 1970, UTC.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Condition, Thread
from typing import Any, Literal, get_args

import orjson

from connectors.errors import HarvestError, OutputError, ScopeBusy
from connectors.model import MeetingRef, Reason, Window
from harvester.state.coverage import Listed
from harvester.state.database import Database

COMMIT_SECONDS = 0.2
"""How long a result may wait for others to share a commit with; a kill costs so much work at most."""

LOCK = "run.lock"
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

Outcome = Literal["listed", "done", "pending", "gone", "failed"]
"""`listed`: to be read, and not read yet."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of one meeting. `rank`, `harvested_at`: of what is stored, `None` where nothing is; `due`: when a
    pending one is to be read again; `asked`: the options that its readings have."""

    uuid: str
    outcome: Outcome
    start: datetime | None
    digest: str
    hint: dict[str, Any]
    asked: frozenset[str]
    rank: int | None
    harvested_at: datetime | None
    due: datetime | None
    reason: str | None
    attempts: int
    first_run: int

    @property
    def ref(self) -> MeetingRef:
        """For `Connector.fetch`: without the listing row, which is never written down."""
        return MeetingRef(
            uuid=self.uuid, start_time=self.start, digest=self.digest, hint=self.hint, asked=self.asked
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisted:
    """A part of a listing that could not be had, to be asked for again. `asked`: the options that it was listed for."""

    subject: str
    window: Window
    asked: frozenset[str]
    reason: str
    tried_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """`what`: which time it was to read; `ended`, `exit_code` and `summary` are `None` for one that was killed."""

    id: int
    began: datetime
    ended: datetime | None
    what: str
    exit_code: int | None
    summary: dict[str, Any] | None


class Journal:
    """The journal of one scope. Safe for threads; one process writes at a time (see `only_run`).

    `read_only`: one that is there already, opened beside a run or after it; nothing on the disk is touched, and whoever
    writes gets an OutputError.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self._folder = folder
        self._read_only = read_only
        # Whoever holds the lock has made the database first: an empty one beside it is not a new one.
        made = (folder / LOCK).exists()
        self._database = Database(folder / "journal.db", MIGRATIONS, read_only=read_only, made=made)
        self._queue: list[tuple[str, Sequence[Any]]] = []
        self._queued = self._committed = 0
        self._changed = Condition()
        self._closed = False
        self._failed: HarvestError | None = (
            OutputError(f"the journal in {folder} was opened to be read") if read_only else None
        )
        self._writer = Thread(target=self._write_on, name="journal", daemon=True)
        if not read_only:
            self._writer.start()

    def close(self) -> None:
        """Everything is committed when this returns, or OutputError says that it is not."""
        if self._read_only:
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

    @contextmanager
    def only_run(self) -> Iterator[None]:
        """Held by one indexing run of this scope at a time; ScopeBusy at once for a second one."""
        path = self._folder / LOCK
        try:
            file = path.open("a")
        except OSError as error:
            raise OutputError(f"{path} cannot be written ({error.strerror})") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ScopeBusy(
                    "another run of this account into this index is under way; run the same command again when it is done"
                ) from None
            yield

    # Facts

    def fact(self, name: str) -> str | None:
        row = self._one("SELECT value FROM facts WHERE name = ?", name)
        return row[0] if row else None

    def note(self, name: str, value: str) -> None:
        """Safely on the disk when this returns."""
        self._now("INSERT OR REPLACE INTO facts VALUES (?, ?)", name, value)

    def want_since(self, day: datetime) -> datetime:
        """The beginning of the first day that a nightly run of this scope ever wanted: this one, where it is the first."""
        found = self.fact("wanted_since")
        if found is None:
            self.note("wanted_since", str(_us(day)))
            return day
        with self._sound():
            return _at(int(found))

    # Runs and forced readings

    def begin_run(self, what: str, now: datetime) -> int:
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM runs WHERE id <= (SELECT max(id) FROM runs) - ?", (RUNS_KEPT,))
            return int(
                connection.execute("INSERT INTO runs (began, what) VALUES (?, ?)", (_us(now), what)).lastrowid
                or 0
            )

    def end_run(self, run: int, now: datetime, exit_code: int, summary: dict[str, Any]) -> None:
        text = orjson.dumps(summary, default=str).decode()
        self._put(
            "UPDATE runs SET ended = ?, exit_code = ?, summary = ? WHERE id = ?",
            _us(now),
            exit_code,
            text,
            run,
        )

    def runs(self, most: int) -> list[Run]:
        """The last ones, newest first."""
        rows = self._all(
            "SELECT id, began, ended, what, exit_code, summary FROM runs ORDER BY id DESC LIMIT ?", most
        )
        with self._sound():
            return [
                Run(
                    id=number,
                    began=_at(began),
                    ended=_at(ended) if ended is not None else None,
                    what=what,
                    exit_code=code,
                    summary=orjson.loads(summary) if summary else None,
                )
                for number, began, ended, what, code, summary in rows
            ]

    def begin_reading(self, window: Window, asked: frozenset[str], now: datetime) -> datetime:
        """When the forced reading of this window that has not finished yet began: now, where there is none."""
        key = _us(window.start), _us(window.end), _words(asked)
        found = self._one(
            "SELECT began FROM readings WHERE start = ? AND stop = ? AND asked = ? AND finished IS NULL", *key
        )
        if found is None:
            self._now("INSERT INTO readings (start, stop, asked, began) VALUES (?, ?, ?, ?)", *key, _us(now))
            return now
        return _at(found[0])

    def finish_reading(self, window: Window, asked: frozenset[str], now: datetime) -> None:
        self._put(
            "UPDATE readings SET finished = ? WHERE start = ? AND stop = ? AND asked = ? AND finished IS NULL",
            _us(now),
            _us(window.start),
            _us(window.end),
            _words(asked),
        )

    # Intervals

    def listings(self, asked: frozenset[str]) -> list[Listed]:
        """The listings of readings that asked for at least this."""
        rows = self._all("SELECT start, stop, listed_at, asked FROM intervals")
        with self._sound():
            return [
                Listed(window=Window(start=_at(start), end=_at(stop)), at=_at(at))
                for start, stop, at, words in rows
                if asked <= _set(words)
            ]

    def listed(self, window: Window, asked: frozenset[str], at: datetime) -> None:
        """This listing, begun at `at`, reached its last page, with every ref recorded before."""
        start, stop, words = _us(window.start), _us(window.end), _words(asked)
        self._put(
            "DELETE FROM intervals WHERE asked = ? AND start >= ? AND stop <= ? AND listed_at <= ?",
            words,
            start,
            stop,
            _us(at),
        )
        self._put("INSERT INTO intervals VALUES (?, ?, ?, ?)", start, stop, _us(at), words)

    def skip(self, left: Unlisted) -> None:
        """This part of a listing could not be had: it is to be asked for again."""
        self._put(_SKIP, *_key(left), left.reason, _us(left.tried_at))

    def listed_after_all(self, left: Unlisted) -> None:
        """This part of a listing is missing no more."""
        self._put(_UNSKIP, *_key(left))

    def unlisted(self) -> list[Unlisted]:
        rows = self._all("SELECT * FROM left_out ORDER BY start, subject, asked")
        with self._sound():
            return [
                Unlisted(
                    subject=subject,
                    window=Window(start=_at(start), end=_at(stop)),
                    asked=_set(asked),
                    reason=reason,
                    tried_at=_at(tried),
                )
                for subject, start, stop, asked, reason, tried in rows
            ]

    # Meetings

    def meeting(self, uuid: str) -> Record | None:
        row = self._one(_MEETING, uuid)
        with self._sound():
            return _record(row) if row else None

    def open_meetings(self) -> Iterator[Record]:
        """Those that are listed, pending or failed, a page at a time: the journal may change meanwhile."""
        after = ""
        while True:
            rows = self._all(_OPEN, after, PAGE)
            with self._sound():
                records = [_record(row) for row in rows]
            yield from records
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def counts(self) -> dict[str, int]:
        """How many meetings there are of each outcome."""
        return dict(self._all("SELECT outcome, count(*) FROM meetings GROUP BY outcome"))

    def record(self, ref: MeetingRef, asked: frozenset[str], run: int) -> int:
        """This meeting is to be read. What is known of it stays until the result is there. Returns what `settle` takes."""
        return self._put(
            _RECORD,
            ref.uuid,
            _us(ref.start_time) if ref.start_time else None,
            ref.digest,
            orjson.dumps(dict(ref.hint)).decode(),
            _words(asked),
            run,
        )

    def stored(
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
            _us(harvested_at),
            _us(due) if due is not None else None,
            str(reason) if reason is not None else None,
            ref.uuid,
        )

    def kept(self, ref: MeetingRef, *, due: datetime | None = None, reason: Reason | None = None) -> None:
        """It was read, and what is stored is richer: done, as it is, or with `due` to be read again."""
        self._put(
            _KEPT,
            "done" if due is None else "pending",
            ref.digest,
            _us(due) if due is not None else None,
            str(reason) if reason is not None else None,
            ref.uuid,
        )

    def ended(
        self, ref: MeetingRef, outcome: Outcome, *, due: datetime | None = None, reason: str = ""
    ) -> None:
        """It has nothing to store: gone, failed, or pending until `due`."""
        self._put(_ENDED, outcome, ref.digest, _us(due) if due is not None else None, reason, ref.uuid)

    def expire(self, before: datetime) -> int:
        """Give up what the vendor no longer keeps: started before (where no start is known, first listed before), and
        neither done nor gone. Returns how many of them were never stored; those that were stay as they are stored."""
        with self._database.transaction() as connection:
            connection.execute(_EXPIRE_STORED, (_us(before),))
            lost = connection.execute(_EXPIRE_REST, (str(Reason.expired), _us(before))).rowcount
            connection.execute("DELETE FROM left_out WHERE stop < ?", (_us(before),))
        return int(lost)

    def gone(self) -> dict[str, int]:
        """How many meetings are gone, by reason."""
        return dict(self._all("SELECT reason, count(*) FROM meetings WHERE outcome = 'gone' GROUP BY reason"))

    def wanted_since(self) -> datetime | None:
        """What `want_since` once noted; `None` where no nightly run ever began."""
        found = self.fact("wanted_since")
        with self._sound():
            return _at(int(found)) if found is not None else None

    # One writer

    def flush(self) -> None:
        """Commit what is waiting. Raises OutputError when it cannot be."""
        self._commit()

    def settle(self, number: int) -> None:
        """What `record` returned this for is safely on the disk when this returns."""
        if number > self._committed:
            self._commit()

    def _put(self, statement: str, *values: Any) -> int:
        self._look_for_failure()
        with self._changed:
            self._queue.append((statement, values))
            self._queued += 1
            if len(self._queue) == 1:
                self._changed.notify()
            return self._queued

    def _now(self, statement: str, *values: Any) -> None:
        with self._database.transaction() as connection:
            connection.execute(statement, values)

    def _write_on(self) -> None:
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
                self._look_for_failure()
                with self._changed:
                    batch, self._queue = self._queue, []
                    queued = self._queued
                for statement, values in batch:
                    connection.execute(statement, values)
            self._committed = max(self._committed, queued)
        except HarvestError as error:
            self._failed = error
            raise

    def _look_for_failure(self) -> None:
        if self._failed is not None:
            raise self._failed from None

    @contextmanager
    def _sound(self) -> Iterator[None]:
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


def journal_folder(account: Path, index: Path) -> Path:
    """The folder of one scope: inside the account's, named as the rejects' folder of the cluster and prefix is."""
    return account / index.name


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _us(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _at(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _words(asked: frozenset[str]) -> str:
    return " ".join(sorted(asked))


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _key(left: Unlisted) -> tuple[str, int, int, str]:
    return left.subject, _us(left.window.start), _us(left.window.end), _words(left.asked)


def _record(row: Sequence[Any]) -> Record:
    uuid, outcome, start, digest, hint, asked, rank, harvested_at, due, reason, attempts, first_run = row
    if outcome not in get_args(Outcome):
        raise ValueError("no outcome of ours")
    return Record(
        uuid=uuid,
        outcome=outcome,
        start=_at(start) if start is not None else None,
        digest=digest,
        hint=orjson.loads(hint),
        asked=_set(asked),
        rank=rank,
        harvested_at=_at(harvested_at) if harvested_at is not None else None,
        due=_at(due) if due is not None else None,
        reason=reason,
        attempts=attempts,
        first_run=first_run,
    )
