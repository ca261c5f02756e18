"""The engine with a connector and a sink that do what each test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from connectors.attendance import to_record
from connectors.errors import (
    CredentialsError,
    Exhausted,
    Gone,
    HarvestError,
    Interrupted,
    NotReady,
    OutputError,
    QuotaExhausted,
    Unreachable,
    VendorError,
)
from connectors.json_body import parse_body
from connectors.models import (
    Detail,
    Meeting,
    MeetingRecord,
    MeetingRef,
    Pending,
    Reason,
    Session,
    SkippedPartition,
    Window,
)
from harvester.pipeline import engine
from harvester.pipeline.connector_context import RunContext
from harvester.pipeline.planner import RunPlan, Slice
from harvester.pipeline.report import Report
from harvester.pipeline.run_clock import Clock
from harvester.pipeline.stop_signal import StopSignal
from harvester.pipeline.tracker import NullTracker
from harvester.pipeline.vendor_clock import VendorClock
from harvester.sinks.base import Ack, Load
from harvester.state.quotas_and_tokens import AccountState

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = Window(start=datetime(2026, 11, 19, tzinfo=UTC), end=datetime(2026, 11, 20, tzinfo=UTC))
NEXT = Window(start=DAY.end, end=DAY.end + timedelta(days=1))
AT = datetime(2026, 11, 19, 9, tzinfo=UTC)


class FakeConnector:
    """Lists the refs that `listing` returns for a window, and fetches by calling the function in `answers`."""

    concurrency = 4

    def __init__(
        self,
        listing: Callable[[Window], Iterable[MeetingRef | SkippedPartition]],
        answers: dict[str, Callable[[], MeetingRecord]] | None = None,
    ) -> None:
        self.listing = listing
        self.answers = answers or {}
        self.asked: list[str] = []

    def meetings(
        self, window: Window, _partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        yield from self.listing(window)

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        self.asked.append(ref.uuid)
        return self.answers.get(ref.uuid, lambda: harvested(ref.uuid))()


class FakeSink:
    def __init__(self) -> None:
        self.records: list[MeetingRecord] = []

    def load(self, loads: Iterable[Load]) -> Iterator[Ack]:
        for load in loads:
            self.records.append(load.record)
            yield Ack(uuid=load.record.meeting.uuid, ok=1 + len(load.record.sessions))

    @property
    def uuids(self) -> set[str]:
        return {record.meeting.uuid for record in self.records}


def ref(uuid: str, start: datetime | None = AT) -> MeetingRef:
    return MeetingRef(uuid=uuid, start_time=start, digest="d")


def harvested(uuid: str, *, start: datetime | None = AT, pending: Pending | None = None) -> MeetingRecord:
    meeting = Meeting(
        vendor="fake", account="main", uuid=uuid, detail=Detail.basic, harvested_at=NOW, start_time=start
    )
    return to_record(meeting, [Session(key="k", join_time=AT)] if start else [], pending=pending)


def raising(error: Exception) -> Callable[[], MeetingRecord]:
    def answer() -> MeetingRecord:
        raise error

    return answer


class Run:
    """One run and what came of it."""

    def __init__(self, state: AccountState, connector: FakeConnector, *windows: Window) -> None:
        self.connector = connector
        self.plan = RunPlan(slices=[Slice(window=window) for window in windows or [DAY]])
        self.sink = FakeSink()
        self.stop = StopSignal()
        self.report = Report(vendor="fake", account="main")
        clock = Clock(wall=NOW.timestamp, monotonic=lambda: 0.0)
        self.context = RunContext(VendorClock("fake", clock), state, self.stop, "fake")

    def go(self, concurrency: int | None = None) -> Report:
        return engine.harvest(
            self.connector,  # type: ignore[arg-type]  # the part of a connector that the engine uses
            self.plan.slices,
            NullTracker(self.plan),
            self.sink,
            self.context,
            stop=self.stop,
            report=self.report,
            concurrency=concurrency,
        )


@pytest.fixture
def state(tmp_path: Path) -> Iterator[AccountState]:
    opened = AccountState(tmp_path, lambda: NOW)
    yield opened
    opened.close()


def test_every_listed_meeting_is_loaded_once(state: AccountState) -> None:
    run = Run(state, FakeConnector(lambda _: [ref(f"m{n}") for n in range(50)]))
    report = run.go()
    assert sorted(record.meeting.uuid for record in run.sink.records) == sorted(f"m{n}" for n in range(50))
    assert (report.listed, report.done, report.documents, report.exit_code) == (50, 50, 100, 0)
    assert report.listing_complete


def test_an_empty_listing_is_a_complete_run(state: AccountState) -> None:
    report = Run(state, FakeConnector(lambda _: [])).go()
    assert (report.listed, report.exit_code, report.listing_complete) == (0, 0, True)


def test_a_meeting_listed_in_two_windows_is_fetched_once(state: AccountState) -> None:
    timeless = MeetingRef(uuid="m", start_time=None, digest="d")
    run = Run(state, FakeConnector(lambda _: [timeless]), DAY, NEXT)
    assert run.go().listed == 1
    assert run.connector.asked == ["m"]


def test_a_meeting_listed_twice_is_fetched_with_its_first_row(state: AccountState) -> None:
    live, past = (replace(ref("m"), hint={"type": which}) for which in ("live", "past"))
    run = Run(state, FakeConnector(lambda _: [live, past]))
    assert run.go().listed == 1
    assert run.connector.asked == ["m"]


def test_one_failing_meeting_stops_no_other_and_decides_the_exit_code(state: AccountState) -> None:
    answers = {"bad": raising(VendorError("zoom: no"))}
    run = Run(state, FakeConnector(lambda _: [ref("bad"), ref("good")], answers))
    report = run.go()
    assert run.sink.uuids == {"good"}
    assert (report.failed, report.done, report.exit_code) == (1, 1, 75)
    assert [(f.what, f.why) for f in report.failures] == [("bad", "zoom: no")]


def test_gone_and_not_ready_are_counted_and_are_no_failures(state: AccountState) -> None:
    answers = {
        "gone": raising(Gone("deleted", reason=Reason.deleted)),
        "soon": raising(NotReady("no time yet", reason=Reason.no_time, until=NOW)),
        "live": lambda: harvested("live", pending=Pending(until=NOW, reason=Reason.live)),
    }
    report = Run(state, FakeConnector(lambda _: [ref("gone"), ref("soon"), ref("live")], answers)).go()
    assert (report.gone, report.pending, report.done, report.failed, report.exit_code) == (1, 2, 0, 0, 0)
    assert report.pending_by_reason == {"no start time": 1, "live": 1}
    assert report.gone_by_reason == {"deleted": 1}
    assert report.summary()["next_due"] == NOW.isoformat().replace("+00:00", "Z")


def test_a_meeting_known_only_from_the_listing_is_stored_and_counted(state: AccountState) -> None:
    listed_only = replace(harvested("row"), listed_only=True)
    run = Run(state, FakeConnector(lambda _: [ref("row")], {"row": lambda: listed_only}))
    report = run.go()
    assert run.sink.uuids == {"row"}
    assert (report.listed_only, report.done, report.gone, report.exit_code) == (1, 1, 0, 0)
    assert report.summary()["listed_only"] == 1


def test_a_meeting_with_details_to_come_is_pending() -> None:
    report = Report(vendor="fake", account="main")
    report.meeting_kept(None)
    report.meeting_kept(Pending(until=NOW, reason=Reason.quality))
    assert (report.kept_richer, report.pending, report.pending_by_reason) == (1, 1, {"quality not ready": 1})


def test_a_bug_fails_one_meeting_and_its_traceback_is_reported(state: AccountState) -> None:
    run = Run(state, FakeConnector(lambda _: [ref("odd"), ref("good")], {"odd": raising(KeyError("x"))}))
    report = run.go()
    assert run.sink.uuids == {"good"}
    assert report.exit_code == 70
    assert "KeyError" in report.tracebacks[0]


def test_a_bug_in_the_listing_is_raised(state: AccountState) -> None:
    def listing(_: Window) -> Iterator[MeetingRef]:
        yield ref("m")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Run(state, FakeConnector(listing)).go()


@pytest.mark.parametrize("error", [VendorError("page 2 is missing"), Unreachable("no answer")])
def test_a_failed_listing_of_one_window_does_not_stop_the_others(
    state: AccountState, error: HarvestError
) -> None:
    def listing(window: Window) -> Iterator[MeetingRef]:
        if window == DAY:
            yield ref("before")
            raise error
        yield ref("later", NEXT.start)

    run = Run(state, FakeConnector(listing), DAY, NEXT)
    report = run.go()
    assert run.sink.uuids == {"before", "later"}
    assert not report.listing_complete
    assert report.exit_code == error.exit_code
    assert report.failures[0].what == "listing 2026-11-19 to 2026-11-20"


@pytest.mark.parametrize(
    "error",
    [CredentialsError("scope missing"), QuotaExhausted("spent", until=NOW), OutputError("disk full")],
)
def test_an_error_common_to_all_meetings_ends_the_run_after_loading(
    state: AccountState, error: HarvestError
) -> None:
    def listing(_: Window) -> Iterator[MeetingRef]:
        yield ref("first")
        yield ref("refused")
        yield from (ref(f"m{n}") for n in range(10_000))

    run = Run(state, FakeConnector(listing, {"refused": raising(error)}))
    with pytest.raises(type(error)):
        run.go(concurrency=1)
    assert "first" in run.sink.uuids
    assert len(run.connector.asked) < 10_000
    if isinstance(error, QuotaExhausted):
        assert run.report.until == NOW


def test_a_refused_listing_ends_the_run(state: AccountState) -> None:
    def listing(_: Window) -> Iterator[MeetingRef]:
        yield ref("m")
        raise CredentialsError("no")

    run = Run(state, FakeConnector(listing))
    with pytest.raises(CredentialsError):
        run.go()
    assert run.sink.uuids == {"m"}


def test_an_unreachable_vendor_ends_the_run(state: AccountState) -> None:
    refs = [ref(f"m{n}") for n in range(5_000)]
    answers = {r.uuid: raising(Unreachable("no connection")) for r in refs}
    run = Run(state, FakeConnector(lambda _: refs, answers))
    with pytest.raises(Unreachable):
        run.go(concurrency=2)
    assert len(run.connector.asked) < 1_000
    assert run.report.exit_code == 69


def test_only_temporarily_skipped_partitions_count_as_failures(state: AccountState) -> None:
    gone = SkippedPartition(partition="user 1", reason=Reason.unknown_user, permanent=True)
    refused = SkippedPartition(partition="user 2", reason=Reason.refused, permanent=False)
    assert Run(state, FakeConnector(lambda _: [gone])).go().exit_code == 0
    report = Run(state, FakeConnector(lambda _: [gone, refused])).go()
    assert (report.skipped, report.exit_code) == (2, 75)


def test_a_meeting_listed_without_a_start_is_kept_only_if_its_first_join_is_in_the_windows(
    state: AccountState,
) -> None:
    answers = {
        "inside": lambda: harvested("inside", start=AT),
        "outside": lambda: harvested("outside", start=NEXT.end),
    }
    run = Run(state, FakeConnector(lambda _: [ref("inside", None), ref("outside", None)], answers))
    report = run.go()
    assert run.sink.uuids == {"inside"}
    assert report.out_of_range == 1


def test_a_signal_stops_requests_and_loads_fetched_meetings(state: AccountState) -> None:
    def listing(_: Window) -> Iterator[MeetingRef]:
        yield from (ref(f"m{n}") for n in range(100_000))

    connector = FakeConnector(listing)
    run = Run(state, connector)
    connector.answers["m20"] = lambda: (run.stop.set(143), harvested("m20"))[1]
    with pytest.raises(Interrupted) as stopped:
        run.go(concurrency=2)
    assert stopped.value.exit_code == 143
    assert "m0" in run.sink.uuids
    assert len(connector.asked) < 1_000


def test_a_slow_sink_slows_the_requests_down(state: AccountState) -> None:
    connector = FakeConnector(lambda _: (ref(f"m{n}") for n in range(1_000)))
    run = Run(state, connector)
    most_ahead = 0

    class SlowSink(FakeSink):
        def load(self, loads: Iterable[Load]) -> Iterator[Ack]:
            nonlocal most_ahead
            for loaded, acknowledged in enumerate(super().load(loads)):
                most_ahead = max(most_ahead, len(connector.asked) - loaded)
                yield acknowledged

    run.sink = SlowSink()
    run.go(concurrency=4)
    assert most_ahead <= 2 * 4 + 1


def test_a_page_is_listed_before_its_meetings_are_fetched_and_no_more(state: AccountState) -> None:
    listed = most_ahead = 0
    page_is_listed = threading.Event()

    def listing(_: Window) -> Iterator[MeetingRef]:
        nonlocal listed, most_ahead
        for number in range(2_000):
            yield ref(f"m{number}")
            listed += 1
            most_ahead = max(most_ahead, listed - len(connector.asked))
            if listed > engine.AHEAD - engine.BATCH:
                page_is_listed.set()

    def fetched_first() -> MeetingRecord:
        assert page_is_listed.wait(60), "the listing does not wait for the first meeting"
        return harvested("m0")

    connector = FakeConnector(listing, {"m0": fetched_first})
    run = Run(state, connector)
    run.go(concurrency=1)
    assert len(run.sink.uuids) == 2_000
    assert most_ahead <= engine.AHEAD + 2 * engine.BATCH


def test_meetings_of_a_listing_that_fails_later_are_stored(state: AccountState) -> None:
    def listing(_: Window) -> Iterator[MeetingRef]:
        yield from (ref(f"m{number}") for number in range(50))
        raise VendorError("the next page is missing")

    run = Run(state, FakeConnector(listing))
    report = run.go()
    assert run.sink.uuids == {f"m{number}" for number in range(50)}
    assert not report.listing_complete


def test_listing_and_fetching_overlap(state: AccountState) -> None:
    fetched = threading.Event()

    def listing(_: Window) -> Iterator[MeetingRef]:
        yield ref("first")
        assert fetched.wait(60), "the first page's meetings are fetched while the second is listed"
        yield ref("second")

    def answer() -> MeetingRecord:
        fetched.set()
        return harvested("first")

    assert Run(state, FakeConnector(listing, {"first": answer})).go().done == 2


def test_an_error_of_the_sink_is_raised_and_every_thread_ends(state: AccountState) -> None:
    class FullSink(FakeSink):
        def load(self, loads: Iterable[Load]) -> Iterator[Ack]:
            for _ in loads:
                raise OutputError("no space left")
            yield from ()

    before = threading.active_count()
    run = Run(state, FakeConnector(lambda _: (ref(f"m{n}") for n in range(100_000))))
    run.sink = FullSink()
    with pytest.raises(OutputError):
        run.go()
    for thread in threading.enumerate():
        if thread.name.startswith(("fetch", "list")):
            thread.join(60)
    assert threading.active_count() <= before


def test_a_row_that_is_nested_too_deeply_fails_one_meeting(state: AccountState) -> None:
    row = parse_body(b'{"odd":' + b"[" * 255 + b"]" * 255 + b"}")
    shallow = harvested("bad")
    deep = replace(shallow, meeting=replace(shallow.meeting, vendor_data=row.value))
    run = Run(state, FakeConnector(lambda _: [ref("bad"), ref("good")], {"bad": lambda: deep}))
    run.context.request_stats.count(too_deep=int(row.too_deep))
    report = run.go()
    assert run.sink.uuids == {"good"}
    assert (report.failed, report.done, report.exit_code) == (1, 1, 75)
    assert "100 levels" in report.failures[0].why


def test_the_newest_stored_meeting_that_has_begun_is_known(state: AccountState) -> None:
    answers = {
        "old": lambda: harvested("old", start=AT - timedelta(hours=5)),
        "planned": lambda: harvested("planned", start=NOW + timedelta(days=1)),
    }
    run = Run(state, FakeConnector(lambda _: [ref("new"), ref("old"), ref("planned")], answers))
    assert run.go().newest == AT


def test_too_little_memory_fails_the_meeting_that_needs_it_and_is_no_bug(state: AccountState) -> None:
    run = Run(state, FakeConnector(lambda _: [ref("large"), ref("good")], {"large": raising(MemoryError())}))
    report = run.go()
    assert run.sink.uuids == {"good"}
    assert (report.exit_code, report.tracebacks) == (75, [])
    assert "no more memory" in (report.reason or "")


def test_a_listing_that_gets_no_thread_ends_the_run_after_loading(
    state: AccountState, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, calls = ThreadPoolExecutor.submit, count()

    def limited(pool: ThreadPoolExecutor, *words: Any) -> Any:
        if next(calls) == 2:  # after the listing itself and the first meeting
            raise RuntimeError("can't start new thread")
        return submit(pool, *words)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", limited)
    run = Run(state, FakeConnector(lambda _: [ref("first"), ref("second")]))
    with pytest.raises(Exhausted, match="no more memory or threads"):
        run.go()
    assert run.report.exit_code == 75


def test_a_sink_that_forgets_a_meeting_does_not_end_with_0(state: AccountState) -> None:
    run = Run(state, FakeConnector(lambda _: [ref("a"), ref("b")]))

    def load(loads: Iterable[Load]) -> Iterator[Ack]:
        for load in loads:
            if load.record.meeting.uuid == "a":
                yield Ack(uuid="a", ok=1)

    run.sink.load = load  # type: ignore[method-assign]  # a fault that no sink has
    with pytest.raises(RuntimeError, match="has not acknowledged every meeting"):
        run.go()
