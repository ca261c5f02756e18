"""Any sequence of clock errors, runs and repairs ends with the index of one late, full harvest by a clock that is right.

The world is that of `test_convergence`; the machine's clock is wrong in some of its runs. In most the vendor shows its time.
Where it does not, a run records a time that has not come, as every run of earlier versions did.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConfigurationError, NotReady
from connectors.models import Detail, MeetingRecord, MeetingRef, SkippedPartition, Window
from connectors.parsing import format_milliseconds
from harvester.documents import version
from harvester.pipeline import runner
from harvester.pipeline.report import Report
from harvester.pipeline.run_clock import Clock
from harvester.pipeline.vendor_clock import LIMIT, VendorClock
from tests.unit.pipeline.test_convergence import (
    BASES,
    CLUSTER,
    DAY,
    HOUR,
    SCOPES,
    Account,
    Context,
    Fate,
    Run,
    Scope,
    Story,
    Vendor,
    World,
    a_story,
    bases,
    common,
    instant_of,
    is_the_truth,
    many_runs,
    many_stories,
    meeting_of,
    options,
    troubled,
    world,
)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
RIGHT = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class ClockRun:
    """A run by a clock that is wrong by `error`. `shows_time`: the vendor's responses have a `Date`."""

    run: Run
    error: timedelta
    shows_time: bool


class Repair:
    """`harvester verify --repair` of every account."""


@dataclass(kw_only=True)
class ClockedContext(Context):
    calendar: VendorClock

    def now(self) -> datetime:
        return self.calendar.now()

    @property
    def knows_vendor_time(self) -> bool:  # type: ignore[override]  # a field of the other one
        return self.calendar.is_known

    @knows_vendor_time.setter
    def knows_vendor_time(self, _value: bool) -> None:
        pass


@dataclass(kw_only=True)
class ClockedVendor(Vendor):
    """Returns the present facts; the instants in its records are the run's, as in every connector."""

    retention: ClassVar[timedelta] = timedelta(days=200)

    calendar: VendorClock
    shows_time: bool

    def show_time(self) -> None:
        if self.shows_time:
            self.calendar.observe(self.clock().replace(microsecond=0), seconds=0)

    def meetings(
        self, window: Window, partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        self.show_time()
        yield from super().meetings(window, partitions)

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        try:
            record = super().fetch(ref)
        except NotReady as error:
            raise NotReady(str(error), reason=error.reason, until=error.until + self._shift) from None
        self.show_time()
        meeting = replace(record.meeting, harvested_at=record.meeting.harvested_at + self._shift)
        pending = record.pending
        if pending is not None:
            pending = replace(pending, until=pending.until + self._shift)
        return replace(record, meeting=meeting, pending=pending)

    @property
    def _shift(self) -> timedelta:
        return self.calendar.now() - self.clock()


@dataclass
class ClockedWorld:
    """The accounts of a world, read by a machine with a clock that may be wrong."""

    world: World

    def run(self, of: ClockRun) -> Report | None:
        """`None` if the run stopped because of the clock; then nothing was written."""
        clock, run = self.world.clock, of.run
        clock.now += run.after * HOUR + 5 * SECOND
        account = self._account(run.scope, of.error, shows_time=of.shows_time, asked=run.asked)
        calendar, vendor = account.context.calendar, account.connector
        report = Report(vendor=vendor.name, account=vendor.account)
        before = dict(self.world.index.documents)
        try:
            calendar.ask(vendor.show_time, self._wait)
        except ConfigurationError:
            assert abs(of.error) > LIMIT
            return None
        assert not of.shows_time or abs(of.error) <= LIMIT
        self.world._want_all(account)
        request = run.request(self.world.base_day, calendar.clock.now())
        try:
            self.world._harvest(account, request, run, report, Fate())
        except ConfigurationError:  # the journal is ahead of the clock; either may be right
            assert not of.shows_time
            assert self.world.index.documents == before
            return None
        return report

    def repair(self, scope: Scope) -> None:
        """What `verify --repair` does: the journal forgets, documents of the future get the present time, and their
        meetings are read again."""
        index, now = self.world.index, self.world.clock()
        account = self._account(scope, RIGHT, shows_time=True)
        account.connector.show_time()
        at = now - 5 * SECOND
        future = {
            key: document
            for key, (_, document) in index.documents.items()
            if meeting_of(document)[:2] == scope and instant_of(document) > now
        }
        for key, document in future.items():
            number = version(Detail[document["detail"]], at)
            index.documents[key] = number, {**document, "harvested_at": format_milliseconds(at)}
        present = version(Detail.full, now) % 10**13
        for key, newest in tuple(index.newest.items()):
            if newest % 10**13 > present:  # Elasticsearch forgets the versions of deleted documents then
                del index.newest[key]
        index.newest.update({key: index.documents[key][0] for key in future})
        with runner.open_journal(account, CLUSTER) as journal:
            runner.forget_wrong_times(account, journal, stops=False)
            for uuid in {meeting_of(document)[2] for document in future.values()}:
                entry = journal.meeting(uuid)
                assert entry is not None
                journal.record_intent(entry.ref, entry.extras, 0)

    def close(self, asked: frozenset[str], scopes: Collection[Scope]) -> None:
        """Once all data is available and nothing fails any more: a repair and one nightly run in each account."""
        self.world.clock.now = max(self.world.clock.now, self.world.base + 6 * DAY) + DAY
        for scope in scopes:
            self.repair(scope)
            report = self.run(ClockRun(run=Run(scope=scope, asked=asked), error=RIGHT, shows_time=True))
            assert report is not None
            assert report.exit_code == 0, report.failures

    def _wait(self, seconds: float) -> None:
        self.world.clock.now += seconds * SECOND

    def _account(
        self, scope: Scope, error: timedelta, *, shows_time: bool, asked: frozenset[str] = frozenset()
    ) -> Any:
        clock, base = self.world.clock, self.world.base

        def wall() -> float:
            return (clock() + error).timestamp()

        def monotonic() -> float:
            return (clock() - base).total_seconds()

        machine = Clock(wall=wall, monotonic=monotonic)
        calendar = VendorClock(scope[0], machine, stops=True)
        vendor = ClockedVendor(
            name=scope[0],
            account=scope[1],
            stories=[story for story in self.world.stories if story.scope == scope],
            base=base,
            troubles=self.world.troubles,
            clock=clock,
            options=asked,
            calendar=calendar,
            shows_time=shows_time,
        )
        plain = self.world._account(vendor)
        return Account(
            config=plain.config,
            folder=plain.folder,
            connector=vendor,
            context=ClockedContext(clock=clock, calendar=calendar),
        )


errors = st.sampled_from(
    [RIGHT, MINUTE, -5 * MINUTE, 59 * MINUTE, -59 * MINUTE, 2 * HOUR, -3 * DAY, 10 * DAY, 300 * DAY]
)
"""Of a clock, if the vendor shows its time."""
unseen = st.sampled_from([RIGHT, 20 * DAY, 45 * DAY, 300 * DAY])
"""If it does not: so far ahead that a later run shows it."""


def clock_runs(scopes: list[Scope]) -> st.SearchStrategy[list[ClockRun | Repair]]:
    times = st.tuples(errors, st.just(True)) | st.tuples(unseen, st.just(False))
    return many_runs(scopes, st.none(), options).flatmap(
        lambda runs: st.tuples(
            *[
                st.one_of(
                    times.map(lambda time, run=run: ClockRun(run=run, error=time[0], shows_time=time[1])),  # type: ignore[misc]  # bound to the value of this turn
                    times.map(lambda time, run=run: ClockRun(run=run, error=time[0], shows_time=time[1])),  # type: ignore[misc]  # bound to the value of this turn
                    st.builds(Repair),
                )
                for run in runs
            ]
        ).map(list)
    )


@pytest.mark.slow
@common(1.0)
@given(bases, many_stories(SCOPES[:2], expiring=False), troubled, clock_runs(SCOPES[:2]), options)
def test_any_clock_errors_end_in_the_same_index(
    base: date,
    stories: list[Story],
    troubles: dict[str, tuple[int, int]],
    runs: list[ClockRun | Repair],
    asked: frozenset[str],
) -> None:
    with world(base, stories, troubles) as made:
        clocked = ClockedWorld(made)
        for run in runs:
            if isinstance(run, Repair):
                for scope in SCOPES[:2]:
                    clocked.repair(scope)
            else:
                clocked.run(run)
        clocked.close(asked, SCOPES[:2])
        is_the_truth(made, asked)


def test_one_night_with_the_clock_ahead_hides_no_meeting() -> None:
    """Meetings of the days that such a run of an earlier version marked as listed and final."""
    stories = [a_story(uuid=f"m{number}", start=number * 20) for number in range(4)]
    with world(BASES[0], stories, {}) as made:
        clocked = ClockedWorld(made)
        clocked.run(ClockRun(run=Run(after=10), error=RIGHT, shows_time=True))
        clocked.run(ClockRun(run=Run(after=1), error=20 * DAY, shows_time=False))
        for _ in range(5):
            assert clocked.run(ClockRun(run=Run(after=24), error=RIGHT, shows_time=True)) is not None
        is_the_truth(made, frozenset())


def test_one_night_with_the_clock_ahead_gives_up_no_meeting() -> None:
    """Failed, and not ready yet."""
    stories = [a_story(fails=(0, 60)), a_story(uuid="m2", no_details=40)]
    with world(BASES[0], stories, {"anna": (0, 30)}) as made:
        clocked = ClockedWorld(made)
        clocked.run(ClockRun(run=Run(after=40), error=RIGHT, shows_time=True))
        clocked.run(ClockRun(run=Run(after=1), error=300 * DAY, shows_time=False))
        clocked.run(ClockRun(run=Run(after=24), error=RIGHT, shows_time=True))
        is_the_truth(made, frozenset())


def test_documents_of_the_future_are_replaced_after_a_repair() -> None:
    """The clock was ahead when the meeting was read; then it changes, and its harvest counts as older."""
    with world(BASES[0], [a_story(changes=((20, "renamed"),))], {}) as made:
        clocked = ClockedWorld(made)
        clocked.run(ClockRun(run=Run(kind="date", after=10), error=20 * DAY, shows_time=False))
        assert made.index.documents
        clocked.run(ClockRun(run=Run(after=24), error=RIGHT, shows_time=True))
        assert not any("renamed" in document["topic"] for _, document in made.index.documents.values())
        clocked.close(frozenset(), SCOPES[:1])
        is_the_truth(made, frozenset())


def test_a_stopped_run_creates_no_journal() -> None:
    with world(BASES[0], [a_story()], {}) as made:
        assert ClockedWorld(made).run(ClockRun(run=Run(after=24), error=2 * HOUR, shows_time=True)) is None
        assert list(made.folder.iterdir()) == []
