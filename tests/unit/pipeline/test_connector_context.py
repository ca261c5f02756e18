"""The services of a run for its connector."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.errors import Interrupted
from harvester.pipeline.connector_context import RunContext
from harvester.pipeline.run_clock import Clock
from harvester.pipeline.stop_signal import StopSignal
from harvester.pipeline.vendor_clock import VendorClock
from harvester.state.quotas_and_tokens import AccountState
from tests.unit.fake_context import NOW
from tests.unit.journal_builders import days

Build = Callable[..., RunContext]


class CountingStop(StopSignal):
    """Records the waits instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
def stop() -> CountingStop:
    return CountingStop()


@pytest.fixture
def build(tmp_path: Path, stop: CountingStop) -> Iterator[Build]:
    states: list[AccountState] = []

    def built(*, speed: float = 1.0) -> RunContext:
        clock = Clock(wall=NOW.timestamp, monotonic=lambda: 8.0, speed=speed)
        states.append(AccountState(tmp_path / str(len(states)), clock.now))
        return RunContext(VendorClock("zoom", clock), states[-1], stop, "zoom")

    yield built
    for state in states:
        state.close()


@pytest.mark.parametrize(
    ("speed", "waited", "timeout"), [(1.0, 50.0, (10.0, 60.0)), (25.0, 2.0, (10.0, 5.0))]
)
def test_waits_and_timeouts_are_divided_by_the_speed(
    speed: float, waited: float, timeout: tuple[float, float], build: Build, stop: CountingStop
) -> None:
    context = build(speed=speed)
    context.wait(50.0)
    assert stop.waits == [waited]
    assert context.timeout == timeout
    assert context.elapsed() == 8.0 * speed
    assert context.stopwatch() == 8.0


def test_a_stopped_run_uses_no_more_of_a_quota(build: Build, stop: CountingStop) -> None:
    context = build()
    context.consume_quota("heavy", 2, limit=10)
    stop.set(130)
    with pytest.raises(Interrupted):
        context.consume_quota("heavy", 3, limit=10)
    assert context._state.quota_used("heavy") == 2


def test_a_notice_names_the_vendor_once(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    build().notify_once("Zoom: reading the Dashboard")
    assert caplog.messages == ["zoom: reading the Dashboard"]


def test_without_a_journal_nothing_is_stored_or_refused(build: Build) -> None:
    context = build()
    assert list(context.stored_refs(days(0, 9))) == []
    assert context.refused_partitions() == {}
    assert not context.knows_vendor_time
