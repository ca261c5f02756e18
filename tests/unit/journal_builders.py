"""Builders for the tests of the journal, the planner and the tracker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.models import MeetingRef, Reason, SkippedPartition, Window
from harvester.pipeline.journal_tracker import JournalTracker
from harvester.pipeline.planner import RunPlan, Slice, forced, nightly, with_backlog
from harvester.pipeline.tracker import Fetch, LoadedMeeting
from harvester.state.batch_writer import BatchWriter
from harvester.state.grouped_changes import GroupedChanges
from harvester.state.journal import Journal

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
FIRST = datetime(2026, 11, 16, tzinfo=UTC)
NOW = FIRST + 4 * DAY + 2 * HOUR
LOOKBACK = 3 * DAY
SPAN = 25 * DAY
NOTHING: frozenset[str] = frozenset()
QOS = frozenset({"qos"})


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def days(first: int, last: int) -> Window:
    """The window from the start of one day to the start of another; days are counted from FIRST."""
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
        """The ref as it is fetched; `None` if its meeting is unchanged."""
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


def run_listings(
    run: Run, journal: Journal, *refs: MeetingRef, failing: tuple[str, ...] = ()
) -> list[MeetingRef]:
    """List every slice of the run, except the `failing` partitions, and return the refs that are fetched."""
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


def mark_stored(run: Run, journal: Journal, clock: Clock, *refs: MeetingRef, rank: int = 2) -> None:
    for each in refs:
        run.tracker.on_acknowledged(LoadedMeeting(ref=each, rank=rank, harvested_at=clock(), pending=None))
    journal.flush()


def run_nightly(
    journal: Journal, clock: Clock, *refs: MeetingRef, extras: frozenset[str] = NOTHING
) -> list[str]:
    """Make a nightly run over all days up to yesterday, store all that it fetches, and return the uuids."""
    window = Window(start=FIRST, end=clock().replace(hour=0))
    run = run_of(journal, clock, nightly(journal, window, extras, LOOKBACK, SPAN), extras)
    found = run_listings(run, journal, *refs)
    mark_stored(run, journal, clock, *found)
    return [each.uuid for each in found]


def kill(journal: Journal) -> None:
    """Leave the journal as `kill -9` does: uncommitted changes are lost and the file is not closed."""
    writer = journal._writer
    assert isinstance(writer, BatchWriter)
    with writer._changed:
        writer._queue = GroupedChanges()
        writer._closed = True
        writer._changed.notify()
    writer._thread.join()
    journal._database._connection.close()


def kill_after(journal: Journal, after: int) -> list[str]:
    """Commit this many statements one by one, then raise. Returns the list that records them."""
    put, statements = journal._writer.put, list[str]()

    def counted(statement: str, *values: object, row: str | None = None) -> int:
        if len(statements) == after:
            raise KeyboardInterrupt
        statements.append(statement)
        number = put(statement, *values, row=row)
        journal.flush()
        return number

    journal._writer.put = counted  # type: ignore[method-assign]  # the kill between two statements
    return statements


def fetched_again(run: Run) -> set[str]:
    """The meetings that the run fetches because of the journal, although no listing shows them."""
    found = {each.uuid for each in run.resume()}
    for part in run.plan.slices:
        run.tracker.on_slice_started(part)
        found |= {each.uuid for each in run.missing(part)}
        run.tracker.on_slice_listed(part)
    return found


def begin_forced(
    journal: Journal, window: Window, extras: frozenset[str], clock: Clock, named: Window | None = None
) -> RunPlan:
    """Begin a forced run of the window. `named`: the days as the command line has them, before clipping."""
    since = journal.begin_forced_run(named or window, extras, clock())
    return forced(window, SPAN, since=since)


def in_days(parts: list[Slice]) -> list[tuple[float, float]]:
    """The windows of the slices, in days counted from FIRST."""
    return [((each.window.start - FIRST) / DAY, (each.window.end - FIRST) / DAY) for each in parts]
