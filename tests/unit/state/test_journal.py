"""The journal by itself: what it takes for read, what a kill leaves of it, and what is wrong with its file."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.errors import AlreadyRunning, HarvestError, OutputError, StateError, VendorError
from connectors.models import (
    Detail,
    Meeting,
    MeetingRecord,
    MeetingRef,
    Pending,
    Reason,
    SkippedPartition,
    Window,
)
from harvester.pipeline.planner import ASK_SKIPPED_AGAIN, RunPlan, Slice, backfill, nightly, with_backlog
from harvester.pipeline.planner import forced as forced_plan
from harvester.pipeline.tracker import Fetch, JournalTracker, KeepStored, LoadedMeeting
from harvester.state.batch_writer import BatchWriter
from harvester.state.journal import Journal
from harvester.state.journal_reader import JournalReader
from harvester.state.journal_rows import FailedPartition
from harvester.state.journal_schema import MIGRATIONS

ROOT = Path(__file__).parents[3]
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
FIRST = datetime(2026, 11, 16, tzinfo=UTC)
LOOKBACK = 3 * DAY
SPAN = 25 * DAY
NOTHING: frozenset[str] = frozenset()
QOS = frozenset({"qos"})
NOBODY = 65534


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "scope")
    yield opened
    with suppress(HarvestError, sqlite3.ProgrammingError):
        opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(FIRST + 4 * DAY + 2 * HOUR)


def days(first: int, last: int) -> Window:
    """From the start of one day to the start of another, counted from FIRST."""
    return Window(start=FIRST + first * DAY, end=FIRST + last * DAY)


def ref(uuid: str, start: datetime | None = FIRST + 9 * HOUR, digest: str = "d") -> MeetingRef:
    return MeetingRef(uuid=uuid, start_time=start, digest=digest, hint={"type": "past"})


@dataclass(frozen=True, slots=True)
class Run:
    """A plan, and the tracker of the run that carries it out."""

    plan: RunPlan
    tracker: JournalTracker

    def resume(self) -> list[MeetingRef]:
        return [self._fetch(fetch) for fetch in self.tracker.resume()]

    def fetch(self, ref: MeetingRef) -> MeetingRef | None:
        """The ref as it is fetched; `None` if its meeting is not."""
        answer = self.tracker.should_fetch(ref)
        return self._fetch(answer) if isinstance(answer, Fetch) else None

    def missing(self, part: Slice) -> list[MeetingRef]:
        return [self._fetch(fetch) for fetch in self.tracker.missing_from_listing(part)]

    def _fetch(self, fetch: Fetch) -> MeetingRef:
        self.tracker.on_fetching(fetch)
        return fetch.ref


def run_of(
    journal: Journal, clock: Clock, plan: RunPlan, extras: frozenset[str] = NOTHING, span: timedelta = SPAN
) -> Run:
    plan = with_backlog(plan, journal, max_window=span, now=clock())
    run = journal.begin_run("test", clock())
    return Run(plan, JournalTracker(journal, plan, extras=extras, run=run, now=clock, was_empty=False))


def list_all(
    run: Run, journal: Journal, *refs: MeetingRef, failing: tuple[str, ...] = ()
) -> list[MeetingRef]:
    """What is fetched of `refs` when every slice of this run is listed, except the `failing` partitions."""
    fetched = []
    for part in run.plan.slices:
        run.tracker.on_slice_started(part)
        for partition in failing:
            skipped = SkippedPartition(partition=partition, reason=Reason.error, permanent=False)
            run.tracker.on_partition_skipped(skipped, part)
        here = [each for each in refs if each.start_time is None or each.start_time in part.window]
        fetched += [found for each in here if (found := run.fetch(each)) is not None]
        run.tracker.on_slice_listed(part)
        journal.flush()
    return fetched


def store(run: Run, journal: Journal, clock: Clock, *refs: MeetingRef, rank: int = 2) -> None:
    for each in refs:
        run.tracker.on_acknowledged(LoadedMeeting(ref=each, rank=rank, harvested_at=clock(), pending=None))
    journal.flush()


def read_nightly(
    journal: Journal, clock: Clock, *refs: MeetingRef, asked: frozenset[str] = NOTHING
) -> list[str]:
    """One night over all days up to yesterday, everything wanted stored; the uuids that were."""
    yesterday = clock().replace(hour=0)
    wanted = Window(start=FIRST, end=yesterday)
    run = run_of(journal, clock, nightly(journal, wanted, asked, LOOKBACK, SPAN), asked)
    found = list_all(run, journal, *refs)
    store(run, journal, clock, *found)
    return [each.uuid for each in found]


def killed(journal: Journal) -> None:
    """What kill -9 leaves: nothing of what was not committed, and a file that nobody closed."""
    writer = journal._writer
    assert isinstance(writer, BatchWriter)
    with writer._changed:
        writer._queue = []
        writer._closed = True
        writer._changed.notify()
    writer._thread.join()
    journal._database._connection.close()


def resumed(run: Run) -> set[str]:
    """What this run reads out of the journal, though no listing shows it any more."""
    found = {each.uuid for each in run.resume()}
    for part in run.plan.slices:
        run.tracker.on_slice_started(part)
        found |= {each.uuid for each in run.missing(part)}
        run.tracker.on_slice_listed(part)
    return found


def forced(
    journal: Journal, window: Window, extras: frozenset[str], clock: Clock, named: Window | None = None
) -> RunPlan:
    """A forced run of these days; `named`: as they were given."""
    since = journal.begin_forced_run(named or window, extras, clock())
    return forced_plan(window, SPAN, since=since)


def spelled(parts: list[Slice]) -> list[tuple[float, float]]:
    """Windows as days counted from FIRST."""
    return [((each.window.start - FIRST) / DAY, (each.window.end - FIRST) / DAY) for each in parts]


# Which time is known


def test_a_listing_covers_nothing_later_than_its_own_beginning(journal: Journal) -> None:
    clock = Clock(FIRST + DAY + 6 * HOUR)
    list_all(run_of(journal, clock, backfill(journal, days(0, 3), NOTHING, SPAN)), journal)
    clock.now += 5 * DAY
    assert spelled([*backfill(journal, days(0, 3), NOTHING, SPAN).slices]) == [(1.25, 3)]


def test_a_listing_is_final_only_once_it_began_after_the_lookback(journal: Journal, clock: Clock) -> None:
    run = run_of(journal, clock, nightly(journal, days(0, 4), NOTHING, LOOKBACK, SPAN))
    assert spelled([*run.plan.slices]) == [(0, 4)]
    list_all(run, journal)
    final = (clock() - LOOKBACK - FIRST) / DAY
    assert spelled([*nightly(journal, days(0, 4), NOTHING, LOOKBACK, SPAN).slices]) == [(final, 4)]
    clock.now += LOOKBACK
    list_all(run_of(journal, clock, nightly(journal, days(0, 4), NOTHING, LOOKBACK, SPAN)), journal)
    assert not nightly(journal, days(0, 4), NOTHING, LOOKBACK, SPAN).slices


def test_a_listing_that_did_not_reach_its_end_covers_nothing(journal: Journal, clock: Clock) -> None:
    run = run_of(journal, clock, backfill(journal, days(0, 2), NOTHING, DAY), span=DAY)
    one, other = run.plan.slices
    run.tracker.on_slice_started(one)
    assert run.fetch(ref("m")) is not None
    run.tracker.on_slice_started(other)
    run.tracker.on_slice_listed(other)
    journal.flush()
    assert spelled([*backfill(journal, days(0, 2), NOTHING, DAY).slices]) == [(0, 1)]


def test_only_a_changed_row_is_read_again_within_the_lookback(journal: Journal, clock: Clock) -> None:
    rows = [ref("same", FIRST + 3 * DAY), ref("late", FIRST + 3 * DAY)]
    assert read_nightly(journal, clock, rows[0]) == ["same"]
    clock.now += DAY
    assert read_nightly(journal, clock, *rows) == ["late"]
    clock.now += HOUR
    assert read_nightly(journal, clock, *rows) == []
    assert read_nightly(journal, clock, ref("same", FIRST + 3 * DAY, "other"), rows[1]) == ["same"]


def test_a_run_that_asks_for_more_does_not_take_an_earlier_word(journal: Journal, clock: Clock) -> None:
    assert read_nightly(journal, clock, ref("m")) == ["m"]
    clock.now += 4 * DAY
    assert read_nightly(journal, clock, ref("m")) == []
    assert spelled([*backfill(journal, days(0, 1), QOS, SPAN).slices]) == [(0, 1)]
    assert read_nightly(journal, clock, ref("m"), asked=QOS) == ["m"]
    assert read_nightly(journal, clock, ref("m"), asked=QOS) == []
    assert not backfill(journal, days(0, 1), NOTHING, SPAN).slices
    assert spelled([*backfill(journal, days(0, 1), QOS | {"raw"}, SPAN).slices]) == [(0, 1)]


def test_a_meeting_is_read_again_for_all_that_was_ever_asked_of_it(journal: Journal, clock: Clock) -> None:
    read_nightly(journal, clock, ref("m", FIRST + 3 * DAY), asked=QOS)
    clock.now += HOUR
    run = run_of(journal, clock, forced(journal, days(3, 4), frozenset({"raw"}), clock), frozenset({"raw"}))
    (wanted,) = list_all(run, journal, ref("m", FIRST + 3 * DAY, "changed"))
    assert wanted.extras == {"qos", "raw"}
    (first,) = run_of(journal, clock, RunPlan()).resume()
    assert first.extras == {"qos", "raw"}


def test_the_first_day_wanted_is_the_first_that_was_ever_named(journal: Journal) -> None:
    assert journal.set_first_nightly(FIRST + DAY) == FIRST + DAY
    assert journal.set_first_nightly(FIRST) == FIRST + DAY
    assert journal.set_first_nightly(FIRST + 9 * DAY) == FIRST + DAY


# Forced readings


def test_what_runs_wanted_and_what_they_listed_is_remembered_together(tmp_path: Path) -> None:
    with closing(Journal(tmp_path)) as journal:
        assert journal.targets() == []
        for window in (days(8, 9), days(0, 2), days(1, 3)):
            journal.add_target(window)
        journal.add_listing(days(5, 6), QOS, FIRST)
    with closing(JournalReader.open(tmp_path)) as reader:
        assert reader.targets() == [days(0, 3), days(5, 6), days(8, 9)]


def test_wishes_that_no_journal_ever_wrote_are_damage(journal: Journal) -> None:
    journal.set_fact("wanted", "[[1]]")
    with pytest.raises(StateError, match="damaged"):
        journal.targets()


def test_a_forced_reading_resumes_where_it_was_killed_and_begins_anew_once_finished(
    journal: Journal, clock: Clock
) -> None:
    rows = [ref("a"), ref("b")]
    read_nightly(journal, clock, *rows)
    clock.now += HOUR
    run = run_of(journal, clock, forced(journal, days(0, 1), NOTHING, clock))
    assert [each.uuid for each in list_all(run, journal, *rows)] == ["a", "b"]
    store(run, journal, clock, rows[0])
    clock.now += DAY
    run = run_of(journal, clock, forced(journal, days(0, 1), NOTHING, clock))
    assert [each.uuid for each in list_all(run, journal, *rows)] == ["b"]
    store(run, journal, clock, rows[1])
    journal.finish_forced_run(days(0, 1), NOTHING, clock())
    journal.flush()
    clock.now += HOUR
    run = run_of(journal, clock, forced(journal, days(0, 1), NOTHING, clock))
    assert [each.uuid for each in list_all(run, journal, *rows)] == ["a", "b"]


def test_forced_readings_of_other_days_or_options_know_nothing_of_each_other(journal: Journal) -> None:
    began = journal.begin_forced_run(days(0, 1), NOTHING, FIRST + DAY)
    assert journal.begin_forced_run(days(0, 1), NOTHING, FIRST + 2 * DAY) == began
    assert journal.begin_forced_run(days(0, 1), QOS, FIRST + 2 * DAY) == FIRST + 2 * DAY
    assert journal.begin_forced_run(days(0, 2), NOTHING, FIRST + 3 * DAY) == FIRST + 3 * DAY


def test_the_start_of_a_forced_reading_survives_a_kill(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.begin_forced_run(days(0, 1), QOS, FIRST + DAY)
    killed(first)
    second = Journal(tmp_path)
    assert second.begin_forced_run(days(0, 1), QOS, FIRST + 5 * DAY) == FIRST + DAY
    second.close()


def test_a_forced_reading_that_asks_for_more_takes_no_word_of_a_run_in_between(
    journal: Journal, clock: Clock
) -> None:
    forced(journal, days(0, 1), QOS, clock)  # killed before its first request
    clock.now += HOUR
    assert read_nightly(journal, clock, ref("m")) == ["m"]
    clock.now += HOUR
    run = run_of(journal, clock, forced(journal, days(0, 1), QOS, clock), QOS)
    assert [each.extras for each in list_all(run, journal, ref("m"))] == [QOS]


def test_a_forced_reading_that_resumes_reads_rows_that_have_changed_since(
    journal: Journal, clock: Clock
) -> None:
    run = run_of(journal, clock, forced(journal, days(0, 1), NOTHING, clock))
    store(run, journal, clock, *list_all(run, journal, ref("m")))  # and killed before its end
    clock.now += 2 * LOOKBACK  # what is listed now is final: nobody looks again
    run = run_of(journal, clock, forced(journal, days(0, 1), NOTHING, clock))
    assert [each.uuid for each in list_all(run, journal, ref("m", digest="changed"))] == ["m"]


def test_a_forced_reading_resumes_though_the_vendor_keeps_less_of_its_days_by_now(
    journal: Journal, clock: Clock
) -> None:
    began = forced(journal, days(1, 3), NOTHING, clock, named=days(0, 3)).forced_since
    clock.now += HOUR
    later = Window(start=days(1, 3).start + HOUR, end=days(1, 3).end)
    assert forced(journal, later, NOTHING, clock, named=days(0, 3)).forced_since == began
    assert forced(journal, later, NOTHING, clock).forced_since == clock()


# Which meetings come first


def test_failed_and_due_meetings_are_resumed_and_done_ones_never(journal: Journal, clock: Clock) -> None:
    run = run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 1))]))
    list_all(run, journal, *(ref(name) for name in ("done", "failed", "due", "later", "gone")))
    store(run, journal, clock, ref("done"))
    run.tracker.on_failed(ref("failed"), VendorError("no"))
    journal.set_outcome(ref("due"), "pending", due=clock() + HOUR, reason="live")
    journal.set_outcome(ref("later"), "pending", due=clock() + DAY, reason="live")
    journal.set_outcome(ref("gone"), "gone", reason="deleted")
    journal.flush()
    clock.now += 2 * HOUR
    assert resumed(run_of(journal, clock, RunPlan())) == {"due", "failed"}
    assert resumed(run_of(journal, clock, RunPlan(slices=(), within=days(1, 2)))) == set()


def test_meetings_that_a_killed_run_listed_are_resumed_unless_they_are_listed_anyway(
    journal: Journal, clock: Clock
) -> None:
    list_all(run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 1))])), journal, ref("m"))
    again = RunPlan(slices=[Slice(window=days(0, 2))])
    assert [*run_of(journal, clock, again).resume()] == []
    assert resumed(run_of(journal, clock, RunPlan())) == {"m"}


def test_open_meetings_are_read_page_by_page_while_they_change(journal: Journal, clock: Clock) -> None:
    rows = [ref(f"m{number:04}") for number in range(1_100)]
    list_all(run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 1))])), journal, *rows)
    seen = []
    for record in journal.open_meetings():
        seen.append(record.uuid)
        journal.mark_stored(record.ref, rank=2, harvested_at=clock(), due=None, reason=None)
    assert seen == [each.uuid for each in rows]
    journal.flush()
    assert journal.counts() == {"done": 1_100}


def test_what_is_stored_is_remembered_while_it_is_read_again(journal: Journal, clock: Clock) -> None:
    read_nightly(journal, clock, ref("m"))
    clock.now += HOUR
    run = run_of(journal, clock, forced(journal, days(0, 1), NOTHING, clock))
    list_all(run, journal, ref("m"))
    record = journal.meeting("m")
    assert record is not None
    assert (record.outcome, record.rank) == ("listed", 2)
    run.tracker.on_failed(ref("m"), VendorError("no"))
    run.tracker.on_failed(ref("m"), VendorError("no, again"))
    journal.flush()
    record = journal.meeting("m")
    assert record is not None
    assert (record.outcome, record.rank, record.attempts, record.reason) == ("failed", 2, 2, "no, again")
    assert record.harvested_at == clock() - HOUR


def test_a_poorer_harvest_of_which_more_is_to_come_stays_pending(journal: Journal, clock: Clock) -> None:
    run = run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 1))]), QOS)
    list_all(run, journal, ref("m"))
    store(run, journal, clock, ref("m"), rank=Detail.full)
    changed = ref("m", digest="changed")
    list_all(run, journal, changed)
    pending = Pending(until=clock() + HOUR, reason=Reason.quality)
    meeting = Meeting(vendor="v", account="a", uuid="m", detail=Detail.basic, harvested_at=clock())
    record = MeetingRecord(meeting=meeting, pending=pending)
    assert isinstance(run.tracker.decide(changed, record), KeepStored)
    run.tracker.on_kept(changed, pending)
    journal.flush()
    record = journal.meeting("m")
    assert record is not None
    assert (record.outcome, record.due) == ("pending", pending.until)


# Parts of a listing that could not be had


def test_a_part_left_out_is_asked_for_again_once_a_day(journal: Journal, clock: Clock) -> None:
    scheme = backfill(journal, days(0, 1), NOTHING, SPAN)
    list_all(run_of(journal, clock, scheme), journal, failing=("user 1",))
    clock.now += ASK_SKIPPED_AGAIN - timedelta(seconds=1)
    assert not run_of(journal, clock, backfill(journal, days(0, 1), NOTHING, SPAN)).plan.slices
    clock.now += timedelta(seconds=1)
    run = run_of(journal, clock, RunPlan())
    assert [*run.plan.slices] == [Slice(window=days(0, 1), partitions=frozenset({"user 1"}))]
    list_all(run, journal, failing=("user 1",))
    assert not run_of(journal, clock, RunPlan()).plan.slices
    clock.now += DAY
    list_all(run_of(journal, clock, RunPlan()), journal)
    assert journal.failed_partitions() == []


def test_a_later_listing_trims_what_was_left_out(journal: Journal, clock: Clock) -> None:
    list_all(run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 4))])), journal, failing=("a", "b"))
    clock.now += HOUR
    list_all(run_of(journal, clock, RunPlan(slices=[Slice(window=days(1, 2))])), journal, failing=("b",))
    left = {(each.partition, each.window, each.tried_at) for each in journal.failed_partitions()}
    before = clock() - HOUR
    assert left == {
        ("a", days(0, 1), before),
        ("a", days(2, 4), before),
        ("b", days(0, 1), before),
        ("b", days(1, 2), clock()),
        ("b", days(2, 4), before),
    }


def test_a_part_left_out_is_no_more_when_two_listings_in_a_row_have_it(
    journal: Journal, clock: Clock
) -> None:
    list_all(run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 4))])), journal, failing=("a",))
    clock.now += DAY
    run = run_of(journal, clock, RunPlan(), span=2 * DAY)
    for part in run.plan.slices:  # faster than the journal commits
        run.tracker.on_slice_started(part)
        run.tracker.on_slice_listed(part)
    journal.flush()
    assert journal.failed_partitions() == []


def test_a_kill_while_a_skipped_part_is_trimmed_loses_nothing_of_it(tmp_path: Path, clock: Clock) -> None:
    for after in range(5):
        journal = Journal(tmp_path / str(after))
        list_all(run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 4))])), journal, failing=("a",))
        run = run_of(journal, Clock(clock() + HOUR), RunPlan(slices=[Slice(window=days(0, 1))]))
        _cut_off(journal, after)
        with suppress(KeyboardInterrupt):
            list_all(run, journal)
        killed(journal)
        again = Journal(tmp_path / str(after))
        left = [each.window for each in again.failed_partitions()]
        assert all(any(FIRST + day * DAY in window for window in left) for day in (1, 2, 3)), after
        again.close()


def test_what_is_left_out_of_a_richer_listing_is_not_settled_by_a_plainer_one(
    journal: Journal, clock: Clock
) -> None:
    run = run_of(journal, clock, backfill(journal, days(0, 1), QOS, SPAN), QOS)
    list_all(run, journal, failing=("a",))
    clock.now += DAY
    plain = run_of(journal, clock, RunPlan())
    store(plain, journal, clock, *list_all(plain, journal, ref("m")))
    clock.now += DAY
    run = run_of(journal, clock, backfill(journal, days(0, 1), QOS, SPAN), QOS)
    asked = [each.extras for each in [*run.resume(), *list_all(run, journal, ref("m"))]]
    record = journal.meeting("m")
    assert record is not None
    assert QOS in [*asked, record.extras]


# Expiry, counts, runs


def test_what_never_had_a_start_is_given_up_by_when_it_was_first_listed(
    journal: Journal, clock: Clock
) -> None:
    run = journal.begin_run("nightly", clock())
    timeless = MeetingRef(uuid="timeless", start_time=None, digest="d")
    journal.record_intent(timeless, NOTHING, run)
    journal.set_outcome(timeless, "failed", reason="no")
    journal.flush()
    assert journal.expire(clock() - HOUR) == 0
    assert journal.expire(clock() + HOUR) == 1


def test_what_the_vendor_no_longer_keeps_is_given_up_and_what_is_stored_stays(
    journal: Journal, clock: Clock
) -> None:
    old, young = FIRST, FIRST + 2 * DAY
    run = run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 3))]))
    rows = [ref("never", old), ref("once", old), ref("young", young), ref("waiting", old)]
    list_all(run, journal, *rows, failing=("a",))
    store(run, journal, clock, rows[1])
    for each in rows[:3]:
        run.tracker.on_failed(each, VendorError("no"))
    journal.set_outcome(rows[3], "pending", due=clock() + 9 * DAY, reason="live")
    journal.add_failed(
        FailedPartition(
            partition="old", window=days(0, 1), extras=frozenset(), reason="error", tried_at=clock()
        )
    )
    journal.flush()
    assert journal.expire(FIRST + DAY + HOUR) == 2
    outcomes = {name: journal.meeting(name) for name in ("never", "once", "young", "waiting")}
    assert {name: record.outcome for name, record in outcomes.items() if record} == {
        "never": "gone",
        "once": "done",
        "young": "failed",
        "waiting": "gone",
    }
    assert outcomes["never"] is not None
    assert outcomes["never"].reason == "expired"
    assert [each.partition for each in journal.failed_partitions()] == ["a"]
    assert journal.counts() == {"gone": 2, "done": 1, "failed": 1}
    assert journal.expire(FIRST + DAY + HOUR) == 0


def test_runs_are_kept_newest_first_and_a_killed_one_has_no_end(journal: Journal) -> None:
    first = journal.begin_run("nightly", FIRST)
    journal.end_run(first, FIRST + HOUR, 75, {"listed": 3, "until": None})
    second = journal.begin_run("2026-11-16", FIRST + DAY)
    journal.flush()
    newest, oldest = journal.runs(5)
    assert (newest.id, newest.what, newest.ended, newest.exit_code, newest.summary) == (
        second,
        "2026-11-16",
        None,
        None,
        None,
    )
    assert (oldest.began, oldest.ended, oldest.exit_code) == (FIRST, FIRST + HOUR, 75)
    assert oldest.summary == {"listed": 3, "until": None}
    assert [run.id for run in journal.runs(1)] == [second]


def test_the_oldest_runs_are_forgotten_and_their_numbers_not_used_again(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harvester.state.journal.RUNS_KEPT", 5)
    numbers = [journal.begin_run("nightly", FIRST) for _ in range(12)]
    assert len(set(numbers)) == 12
    kept = [run.id for run in journal.runs(1_000)]
    assert len(kept) <= 7
    assert kept[0] == numbers[-1]


# Kills


def test_results_survive_a_kill_exactly_as_far_as_they_were_committed(tmp_path: Path, clock: Clock) -> None:
    first = Journal(tmp_path)
    run = run_of(first, clock, RunPlan(slices=[Slice(window=days(0, 1))]))
    list_all(run, first, ref("a"), ref("b"))
    store(run, first, clock, ref("a"))
    with first._writer._changed:  # the writer sleeps
        run.tracker.on_acknowledged(LoadedMeeting(ref=ref("b"), rank=2, harvested_at=clock(), pending=None))
        first._writer._queue.clear()
    killed(first)
    second = Journal(tmp_path)
    assert second.counts() == {"done": 1, "listed": 1}
    assert not backfill(second, days(0, 1), NOTHING, SPAN).slices
    second.close()


def test_an_interval_is_never_there_without_its_meetings(tmp_path: Path, clock: Clock) -> None:
    """A kill after each word: what is committed is always a beginning of what was said."""
    for after in range(5):
        folder = tmp_path / str(after)
        journal = Journal(folder)
        run = run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 1))]))
        said = _cut_off(journal, after)
        with suppress(KeyboardInterrupt):
            list_all(run, journal, *(ref(f"m{number}") for number in range(8)))
        killed(journal)
        again = Journal(folder)
        covered = not backfill(again, days(0, 1), NOTHING, SPAN).slices
        there = sum(again.meeting(f"m{number}") is not None for number in range(3))
        assert there == min(after, 3)
        assert not covered or there == 3, said
        again.close()


def _cut_off(journal: Journal, after: int) -> list[str]:
    """After so many words, committed, comes the kill."""
    put, said = journal._writer.put, list[str]()

    def counted(statement: str, *values: object) -> int:
        if len(said) == after:
            raise KeyboardInterrupt
        said.append(statement)
        number = put(statement, *values)
        journal.flush()
        return number

    journal._writer.put = counted  # type: ignore[method-assign]  # the kill between two words
    return said


_VICTIM = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from connectors.models import MeetingRef, Window
from harvester.state.batch_writer import BatchWriter
from harvester.state.journal import Journal
from harvester.state.journal_reader import JournalReader
at = datetime(2026, 11, 16, tzinfo=UTC)
journal = Journal(Path(sys.argv[1]))
def said(*names):
    for name in names:
        journal.record_intent(MeetingRef(uuid=name, start_time=at, digest="d"), frozenset(), 1)
journal.begin_run("nightly", at)
said("a", "b")
journal.flush()
with journal._writer._changed:
    said("c")
    journal.add_listing(Window(start=at, end=at + timedelta(days=1)), frozenset(), at + timedelta(days=9))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_was_killed_leaves_a_journal_that_opens(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", _VICTIM, str(tmp_path)], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    journal = Journal(tmp_path)
    assert journal.counts() == {"listed": 2}
    assert journal.listings(NOTHING) == []
    (run,) = journal.runs(9)
    assert run.ended is None
    journal.close()


def test_close_commits_what_was_said_and_a_second_journal_reads_it(tmp_path: Path, clock: Clock) -> None:
    first = Journal(tmp_path)
    for number in range(50):
        first.record_intent(ref(f"m{number}"), QOS, 1)
    first.close()
    second = Journal(tmp_path)
    assert second.counts() == {"listed": 50}
    record = second.meeting("m7")
    assert record is not None
    assert record.ref == MeetingRef(
        uuid="m7", start_time=FIRST + 9 * HOUR, digest="d", hint={"type": "past"}, extras=QOS
    )
    second.close()


# One run at a time


def test_the_same_scope_is_refused_within_one_process_and_another_scope_is_not(tmp_path: Path) -> None:
    one, same, other = Journal(tmp_path / "a"), Journal(tmp_path / "a"), Journal(tmp_path / "b")
    with (
        one.lock(),
        other.lock(),
        pytest.raises(AlreadyRunning, match="run the same command again"),
        same.lock(),
    ):
        pass
    with suppress(RuntimeError), one.lock():
        raise RuntimeError
    with same.lock():
        pass
    for each in (one, same, other):
        each.close()


# The journal's own faults


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a journal with a few hundred meetings."""
    folder = tmp_path_factory.mktemp("whole")
    journal = Journal(folder)
    run = journal.begin_run("nightly", FIRST)
    for number in range(200):
        journal.record_intent(ref(f"m{number}"), QOS, run)
    journal.add_listing(days(0, 1), QOS, FIRST + 2 * DAY)
    journal.close()
    return (folder / "journal.db").read_bytes()


def everything(journal: Journal) -> tuple[object, ...]:
    """All that a run or `harvester status` reads."""
    return (
        journal.counts(),
        [*journal.open_meetings()],
        journal.listings(NOTHING),
        journal.failed_partitions(),
        journal.runs(9),
    )


def refused(folder: Path, contents: bytes) -> HarvestError:
    """What is raised when a journal of these contents is opened and read; the file is left as it is."""
    folder.mkdir()
    path = folder / "journal.db"
    path.write_bytes(contents)
    with pytest.raises(HarvestError) as raised:
        opened = Journal(folder)
        try:
            everything(opened)
        finally:
            opened.close()
    assert path.read_bytes() == contents
    assert str(path) in str(raised.value)
    return raised.value


def test_a_truncated_journal_is_refused_and_left_as_it_is(whole: bytes, tmp_path: Path) -> None:
    lengths = [16, 100, 511, 4095, 4096, 4097, len(whole) // 2, len(whole) - 4096]
    for length in lengths:
        error = refused(tmp_path / str(length), whole[:length])
        assert isinstance(error, StateError)
        assert error.exit_code == 78
        assert "damaged" in str(error)
        assert "move it away" in str(error)


@pytest.mark.parametrize("length", [0, 1])
def test_a_journal_truncated_to_nothing_is_no_fresh_start(whole: bytes, tmp_path: Path, length: int) -> None:
    folder = tmp_path / "scope"
    opened = Journal(folder)
    with opened.lock():
        opened.close()
    shutil.copy(folder / "run.lock", tmp_path / "run.lock")
    (folder / "journal.db").write_bytes(whole[:length])
    with pytest.raises(StateError):
        Journal(folder).close()


def test_pages_of_rubbish_are_refused(whole: bytes, tmp_path: Path) -> None:
    for page in range(len(whole) // 4096):
        start = page * 4096
        spoiled = whole[:start] + bytes([0xA5]) * 4096 + whole[start + 4096 :]
        assert refused(tmp_path / str(page), spoiled).exit_code == 78


@pytest.mark.parametrize(
    ("written", "over"),
    [
        (b'{"type"', b'{"ty\xff\xfe"'),
        (b'{"type"', b'{"type!'),
        (b"listed", b"li\xff\xffed"),
        (b"listed", b"lisYed"),
    ],
)
def test_bytes_overwritten_inside_a_row_are_told_as_damage_and_not_as_a_bug(
    whole: bytes, tmp_path: Path, written: bytes, over: bytes
) -> None:
    place = whole.rindex(written)
    spoiled = whole[:place] + over + whole[place + len(over) :]
    assert refused(tmp_path / "scope", spoiled).exit_code == 78


def test_a_journal_of_a_newer_version_is_refused_with_what_to_do(whole: bytes, tmp_path: Path) -> None:
    version = (len(MIGRATIONS) + 1).to_bytes(4, "big")
    error = refused(tmp_path / "scope", whole[:60] + version + whole[64:])
    assert isinstance(error, StateError)
    assert f"schema {len(MIGRATIONS) + 1}" in str(error)
    assert "newer version" in str(error)


def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.db"
    with sqlite3.connect(theirs) as connection:
        connection.execute("CREATE TABLE meetings (x)")
    connection.close()
    error = refused(tmp_path / "scope", theirs.read_bytes())
    assert isinstance(error, StateError)
    assert "not a state database of the harvester" in str(error)


@contextmanager
def unprivileged() -> Iterator[Path]:
    """A folder of somebody whom rights hold back: root would write anyway."""
    root = os.geteuid() == 0
    folder = Path(tempfile.mkdtemp(prefix="journal-"))
    if root:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)
        shutil.rmtree(folder)


def _opened_and_written(folder: Path) -> None:
    journal = Journal(folder)
    try:
        journal.set_fact("written", "yes")
    finally:
        journal.close()


def test_a_read_only_file_is_an_output_error_that_names_it() -> None:
    with unprivileged() as folder:
        _opened_and_written(folder)
        path = folder / "journal.db"
        path.chmod(0o400)
        with pytest.raises(OutputError, match=r"journal\.db cannot be written") as raised:
            _opened_and_written(folder)
        assert raised.value.exit_code == 74


def test_a_read_only_folder_is_an_output_error_that_names_it() -> None:
    with unprivileged() as folder:
        _opened_and_written(folder)
        folder.chmod(0o500)
        with pytest.raises(OutputError, match="cannot be written") as raised:
            _opened_and_written(folder)
        assert str(folder) in str(raised.value)
        with pytest.raises(OutputError, match="HARVESTER_STATE_DIR"):
            Journal(folder / "scope")


def _full(journal: Journal) -> None:
    """From now on the disk has no room for another page."""
    with journal._database.reading() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_ends_with_74_and_no_interval_without_its_meetings(tmp_path: Path, clock: Clock) -> None:
    journal = Journal(tmp_path)
    run = run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 1))]))
    _full(journal)
    with pytest.raises(OutputError, match="free some space") as raised:
        list_all(run, journal, *(ref(f"m{number}" + "x" * 200) for number in range(300)))
    assert raised.value.exit_code == 74
    with pytest.raises(OutputError):
        journal.record_intent(ref("later"), NOTHING, 1)
    with pytest.raises(OutputError):
        journal.close()
    again = Journal(tmp_path)
    assert again.counts() == {}
    assert spelled([*backfill(again, days(0, 1), NOTHING, SPAN).slices]) == [(0, 1)]
    again.close()


def test_after_a_failed_commit_nothing_is_written_even_if_there_is_room_again(
    tmp_path: Path, clock: Clock
) -> None:
    journal = Journal(tmp_path)
    _full(journal)
    for number in range(300):
        with suppress(OutputError):
            journal.record_intent(ref(f"m{number}" + "x" * 200), NOTHING, 1)
    with pytest.raises(OutputError):
        journal.flush()
    with journal._database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    with pytest.raises(OutputError):
        journal.add_listing(days(0, 1), NOTHING, clock())
    with pytest.raises(OutputError):
        journal.close()
    again = Journal(tmp_path)
    assert again.listings(NOTHING) == []
    again.close()


# Every schema that was ever committed


def test_the_first_schema_opens_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as connection:
        connection.executescript((ROOT / "tests" / "data" / "state" / "journal-1.sql").read_text("utf-8"))
    connection.close()
    journal = Journal(tmp_path)
    day, at = (
        Window(start=datetime(2026, 11, 19, tzinfo=UTC), end=datetime(2026, 11, 20, tzinfo=UTC)),
        26 * HOUR,
    )
    both = frozenset({"qos", "raw"})
    assert journal.set_first_nightly(day.end) == day.start
    assert [(each.window, each.at) for each in journal.listings(both)] == [(day, day.start + at)]
    assert [each.partition for each in journal.failed_partitions()] == ["user abc"]
    assert {each.uuid: each.outcome for each in journal.open_meetings()} == {
        "/listed//==": "listed",
        "failed": "failed",
        "pending": "pending",
        "timeless": "listed",
    }
    done = journal.meeting("done")
    assert done is not None
    assert (done.outcome, done.rank, done.harvested_at, done.extras) == ("done", 3, day.start + at, both)
    assert done.ref.hint["type"] == "past"
    assert journal.begin_forced_run(day, both, day.end + DAY) == day.start + at
    assert [(run.what, run.exit_code) for run in journal.runs(9)] == [("2026-11-19", None), ("nightly", 75)]
    assert journal.fact("index_was_empty") == "yes"
    journal.record_intent(ref("new"), NOTHING, 3)
    journal.flush()
    assert journal.counts() == {"listed": 3, "done": 1, "pending": 1, "failed": 1, "gone": 1}
    journal.close()
