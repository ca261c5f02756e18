"""The journal of one account and one index: which time was listed, every meeting with its outcome, and the runs.

It is in the account's folder, in one folder for each Elasticsearch and index prefix, so the journal of a demo,
a test or another cluster is never taken for the production one. Results are written after the sink's acknowledgement. Intents (`record_intent`,
`add_target`, `begin_forced_run`) are written before the act.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from connectors.models import MeetingRef, Reason, Window
from harvester.state import journal_schema as sql
from harvester.state.batch_writer import BatchWriter, DiscardingWriter
from harvester.state.database import Recorder
from harvester.state.intervals import intersection, union
from harvester.state.journal_reader import (
    CHECKED_RUNS,
    FIRST_NIGHTLY,
    TARGETS,
    WHOLE_TARGETS,
    JournalReader,
    open_journal_database,
)
from harvester.state.journal_rows import (
    FailedPartition,
    Outcome,
    from_microseconds,
    join_extras,
    key_of,
    to_microseconds,
)
from harvester.state.layout import JournalLocation, not_writable, run_lock_file
from harvester.state.locks import run_lock
from harvester.state.session_digest import Doubt, SessionSummary
from harvester.state.wrong_times import TOLERANCE, WrongTimes

RUNS_KEPT = 400
FIRST_INSTANT = datetime.min.replace(tzinfo=UTC)
LONGEST_DAY = timedelta(hours=48)
"""The present day, in any time zone, ends within this time."""


class Journal(JournalReader):
    """A journal that is written. Safe for threads; one process writes at a time (see `lock`).

    Methods return before their change is on the disk, unless they say otherwise. A kill may lose the latest changes, but
    never one that came before a change that is kept. Every question is answered with all changes before it, which are then on
    the disk, too.

    With `dry_run`, the journal must exist; it is read, and changes are discarded.
    """

    def __init__(self, folder: Path, *, dry_run: bool = False, recorder: Recorder | None = None) -> None:
        """`recorder`: gets every change before it is committed."""
        database = open_journal_database(folder, read_only=dry_run, recorder=recorder)
        self._writer = DiscardingWriter(database) if dry_run else BatchWriter(database, "journal")
        super().__init__(database if isinstance(self._writer, DiscardingWriter) else self._writer)
        self._database = database
        self._folder = folder

    def close(self) -> None:
        """Commit everything. Raises OutputError if that fails."""
        self._writer.close()

    def flush(self) -> None:
        """Commit everything so far. Raises OutputError if that fails."""
        self._writer.flush()

    def flush_to(self, sequence: int) -> None:
        """Commit at least up to the change for which `record_intent` returned this number."""
        self._writer.flush_to(sequence)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held by one indexing run of this account and index at a time. Raises AlreadyRunning at once if it is held."""
        with run_lock(run_lock_file(self._folder)):
            yield

    # Facts and targets

    def grouped(self) -> AbstractContextManager[None]:
        """What is on the disk when the methods of this class return is so only at the end of the block, as one transaction,
        however the block ends. Not for what the vendor is asked meanwhile."""
        return self._database.grouped()

    def set_fact(self, name: str, value: str) -> None:
        """On the disk when this returns."""
        self._writer.write_now(sql.SET_FACT, name, value)

    def set_first_nightly(self, day: datetime) -> datetime:
        """Store this day as the first of the nightly runs, unless one is stored already. Returns the stored one.

        On the disk when this returns.
        """
        found = self.first_nightly()
        if found is not None:
            return found
        self.set_fact(FIRST_NIGHTLY, str(to_microseconds(day)))
        return day

    def add_target(self, window: Window, *, is_whole: bool = True) -> None:
        """A run is to read this time. `is_whole`: all of it, not some users, groups or meetings only. On the disk when this
        returns."""
        for fact in (TARGETS, WHOLE_TARGETS) if is_whole else (TARGETS,):
            before = self._added_targets(fact)
            after = union([*before, window])
            if after != before:
                self.set_fact(fact, _encode(after))

    # Runs

    def begin_run(self, what: str, now: datetime) -> int:
        """Returns the number of the run. On the disk when this returns."""
        with self._writer.transaction() as connection:
            connection.execute(sql.DELETE_OLD_RUNS, (RUNS_KEPT,))
            return int(connection.execute(sql.BEGIN_RUN, (to_microseconds(now), what)).lastrowid or 0)

    def end_run(self, run: int, now: datetime, exit_code: int, summary: Mapping[str, Any]) -> None:
        text = orjson.dumps(summary, default=str).decode()
        self._writer.put(sql.END_RUN, to_microseconds(now), exit_code, text, run)

    def begin_forced_run(self, window: Window, extras: frozenset[str], now: datetime) -> datetime:
        """Start time of the unfinished forced run over this window. Starts one now if there is none.

        On the disk when this returns.
        """
        key = _key(window, extras)
        found = self._rows.fetch_one(sql.SELECT_UNFINISHED_FORCED_RUN, *key)
        if found is not None:
            return from_microseconds(found[0])
        self._writer.write_now(sql.BEGIN_FORCED_RUN, *key, to_microseconds(now))
        return now

    def finish_forced_run(self, window: Window, extras: frozenset[str], now: datetime) -> None:
        self._writer.put(sql.FINISH_FORCED_RUN, to_microseconds(now), *_key(window, extras))

    # Listings

    def add_listing(self, window: Window, extras: frozenset[str], at: datetime) -> None:
        """A listing that began at `at` reached its last page. Each of its refs has been recorded before."""
        start, stop, words = _key(window, extras)
        self._writer.put(sql.DELETE_OLDER_LISTINGS, words, start, stop, to_microseconds(at))
        self._writer.put(sql.ADD_LISTING, start, stop, to_microseconds(at), words)

    def add_failed(self, failed: FailedPartition) -> None:
        """This partition could not be listed. A later run asks for it again."""
        self._writer.put(sql.ADD_FAILED, *key_of(failed), failed.reason, to_microseconds(failed.tried_at))

    def clear_failed(self, failed: FailedPartition) -> None:
        """This partition has been listed since."""
        self._writer.put(sql.CLEAR_FAILED, *key_of(failed))

    def add_refused(self, partition: str, reason: Reason, at: datetime) -> None:
        """The vendor refuses this partition for good."""
        self._writer.put(sql.ADD_REFUSED, partition, str(reason), to_microseconds(at), to_microseconds(at))

    def clear_refused(self, partition: str) -> None:
        """The vendor no longer refuses this partition."""
        self._writer.put(sql.CLEAR_REFUSED, partition)

    # Meetings

    def record_intent(self, ref: MeetingRef, extras: frozenset[str], run: int) -> int:
        """Record that the meeting will be fetched; returns a number for `flush_to`. Earlier data is kept until then."""
        return self._writer.put(
            sql.RECORD_INTENT,
            ref.uuid,
            to_microseconds(ref.start_time) if ref.start_time else None,
            ref.digest,
            orjson.dumps(dict(ref.hint)).decode(),
            join_extras(extras),
            run,
            row=ref.uuid,
        )

    def mark_stored(
        self,
        ref: MeetingRef,
        *,
        rank: int,
        harvested_at: datetime,
        due: datetime | None,
        reason: Reason | None,
        sessions: SessionSummary | None = None,
        doubt: Doubt | None = None,
    ) -> None:
        """The sink has acknowledged the meeting: it is done, or pending if it is `due` again.

        `sessions`: what is stored; `doubt`: this reading is stored, but not believed.
        """
        if sessions is not None:
            self._writer.put(sql.SET_SESSIONS, ref.uuid, str(sessions), *_doubt(doubt), row=ref.uuid)
        self._writer.put(
            sql.MARK_STORED,
            "done" if due is None else "pending",
            ref.digest,
            rank,
            to_microseconds(harvested_at),
            to_microseconds(due) if due is not None else None,
            str(reason) if reason is not None else None,
            ref.uuid,
            row=ref.uuid,
        )

    def keep(
        self,
        ref: MeetingRef,
        *,
        due: datetime | None = None,
        reason: Reason | None = None,
        doubt: Doubt | None = None,
    ) -> None:
        """The meeting was read, but what is stored is richer and stays. It is done, or pending if it is `due` again.

        `doubt`: the reading, if it was not believed.
        """
        if doubt is not None:
            self._writer.put(sql.SET_DOUBT, ref.uuid, *_doubt(doubt), row=ref.uuid)
        self._writer.put(
            sql.KEEP,
            "done" if due is None else "pending",
            ref.digest,
            to_microseconds(due) if due is not None else None,
            str(reason) if reason is not None else None,
            ref.uuid,
            row=ref.uuid,
        )

    def set_outcome(
        self, ref: MeetingRef, outcome: Outcome, *, due: datetime | None = None, reason: str = ""
    ) -> None:
        """The meeting has nothing to store: it is gone, failed, or pending until `due`."""
        self._writer.put(
            sql.SET_OUTCOME,
            outcome,
            ref.digest,
            to_microseconds(due) if due is not None else None,
            reason,
            ref.uuid,
            row=ref.uuid,
        )

    def mark_replaced(self, uuid: str) -> None:
        """Another meeting has taken the place of this one, and its documents are deleted."""
        self._writer.put(sql.MARK_REPLACED, str(Reason.replaced), uuid, row=uuid)

    def undo_stored(self, window: Window | None) -> int:
        """What is stored of the meetings that started in the window, or at an unknown time, was lost with its index: they
        are read again. `None`: of all meetings. Returns how many there are. On the disk when this returns."""
        reason = "its index was deleted"
        with self._writer.transaction() as connection:
            if window is None:
                return int(connection.execute(sql.UNDO_STORED, (reason,)).rowcount)
            between = (to_microseconds(window.start), to_microseconds(window.end))
            return int(connection.execute(sql.UNDO_STORED_BETWEEN, (reason, *between)).rowcount)

    def expire(self, before: datetime) -> int:
        """Give up meetings that started before this instant and are neither done nor gone; `take_back` undoes it.

        Without a start, the run that first listed the meeting counts. Meetings that are stored are done; returns how
        many others there were.
        """
        instant = to_microseconds(before)
        with self._writer.transaction() as connection:
            connection.execute(sql.REMEMBER_GIVEN_UP, (instant,))
            connection.execute(sql.REMEMBER_GIVEN_UP_PARTITIONS, (instant,))
            connection.execute(sql.EXPIRE_STORED, (instant,))
            lost = connection.execute(sql.EXPIRE_REST, (str(Reason.expired), instant)).rowcount
            connection.execute(sql.EXPIRE_FAILED_PARTITIONS, (instant,))
        return int(lost)

    def take_back(self, before: datetime) -> int:
        """Take back meetings and partitions that `expire` gave up although they did not start before this instant: the
        clock was ahead then. Returns how many meetings there were."""
        instant = to_microseconds(before)
        with self._writer.transaction() as connection:
            taken = connection.execute(sql.TAKE_BACK_GIVEN_UP, (instant,)).rowcount
            connection.execute(sql.FORGET_TAKEN_BACK, (instant,))
            connection.execute(sql.TAKE_BACK_PARTITIONS, (instant,))
            connection.execute(sql.FORGET_TAKEN_BACK_PARTITIONS, (instant,))
        return int(taken)

    def forget(
        self, wrong: WrongTimes, now: datetime, *, retention: timedelta, first_nightly: datetime
    ) -> None:
        """Forget what was recorded with a clock that was ahead, so that it is listed and read again.

        `retention`: how long the vendor keeps its data: a run with that clock may have dropped what it took for older.
        `first_nightly`: replaces a first day of the nightly runs that lies in the future. On the disk when this returns.
        """
        dropped = to_microseconds(wrong.latest - retention)
        future, instant = to_microseconds(now + TOLERANCE), to_microseconds(now)
        facts = self._facts_without_future(now, first_nightly)
        with self._writer.transaction() as connection:
            connection.execute(sql.FORGET_FUTURE_LISTINGS, (future,))
            for begin, end in wrong.spans:
                connection.execute(
                    sql.FORGET_LISTINGS_BETWEEN, (to_microseconds(begin), to_microseconds(end))
                )
            connection.execute(sql.FORGET_LISTINGS_BEFORE, (dropped,))
            connection.execute(sql.SHORTEN_LISTINGS_BEFORE, (dropped, dropped))
            connection.execute(sql.FORGET_FUTURE_DUE, (instant,))
            since = to_microseconds(wrong.since) if wrong.since is not None else 0
            until = to_microseconds(max([wrong.latest, *(end for _, end in wrong.spans)]))
            connection.execute(sql.READ_AGAIN_BETWEEN, (since, until))
            connection.execute(sql.FORGET_FUTURE_TRIES, (instant,))
            connection.execute(sql.FORGET_FUTURE_FORCED_RUNS, (future,))
            for name, value in facts.items():
                connection.execute(sql.SET_FACT, (name, value))

    def _facts_without_future(self, now: datetime, first_nightly: datetime) -> dict[str, str]:
        past = Window(start=FIRST_INSTANT, end=now + LONGEST_DAY)
        facts = {
            TARGETS: _encode(intersection(self._added_targets(), past)),
            WHOLE_TARGETS: _encode(intersection(self.whole_targets(), past)),
            CHECKED_RUNS: str(max((run.id for run in self.runs(1)), default=0)),
        }
        found = self.first_nightly()
        if found is not None and found > now:
            facts[FIRST_NIGHTLY] = str(to_microseconds(first_nightly))
        return facts


def delete_journal(location: JournalLocation) -> None:
    """Delete a journal with its lock. Raises AlreadyRunning if a run is writing it, OutputError if it stays."""
    with run_lock(location.run_lock_file):
        try:
            for path in sorted(location.folder.glob(f"{location.database.name}*")):
                path.unlink()
        except OSError as error:
            raise not_writable(location.folder, error) from None
    with suppress(OSError):  # files of others may be in the folder
        location.run_lock_file.unlink()
        location.folder.rmdir()


def _doubt(doubt: Doubt | None) -> tuple[str | None, int | None]:
    return (str(doubt.sessions), to_microseconds(doubt.since)) if doubt is not None else (None, None)


def _key(window: Window, extras: frozenset[str]) -> tuple[int, int, str]:
    return to_microseconds(window.start), to_microseconds(window.end), join_extras(extras)


def _encode(windows: Iterable[Window]) -> str:
    spans = [[to_microseconds(each.start), to_microseconds(each.end)] for each in windows]
    return orjson.dumps(spans).decode()
