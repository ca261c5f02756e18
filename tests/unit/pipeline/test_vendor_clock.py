"""The time of a run, with a wrong clock, a clock that jumps, and a cache before the vendor."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConfigurationError
from harvester.pipeline.run_clock import Clock
from harvester.pipeline.vendor_clock import ASKING_ATTEMPTS, TOLERANCE, VendorClock

TRUE = datetime(2026, 11, 20, 3, 15, 7, 400_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Machine:
    """A machine with a clock that is wrong by `error`, and its vendor."""

    def __init__(self, error: timedelta) -> None:
        self.error = error
        self.passed = 0.0
        self.asleep = 0.0
        """Seconds in which the monotonic clock stood still."""

    @property
    def true(self) -> datetime:
        return TRUE + timedelta(seconds=self.passed + self.asleep)

    def clock(self) -> Clock:
        return Clock(wall=self.wall, monotonic=lambda: self.passed)

    def wall(self) -> float:
        return (self.true + self.error).timestamp()

    def wait(self, seconds: float) -> None:
        self.passed += seconds

    def responds(self, calendar: VendorClock, *, age: float = 0.0, seconds: float = 0.2) -> None:
        """A response that took so long, `age` seconds old."""
        date = (self.true - timedelta(seconds=age)).replace(microsecond=0)
        self.passed += seconds
        calendar.observe(date, seconds=seconds)

    def asks(self, calendar: VendorClock, **how: float) -> None:
        calendar.ask(lambda: self.responds(calendar, **how), self.wait)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    with caplog.at_level(logging.INFO):
        yield lambda: [record.getMessage() for record in caplog.records]


def calendar_of(machine: Machine, *, stops: bool = True) -> VendorClock:
    return VendorClock("zoom", machine.clock(), stops=stops)


def error_of(calendar: VendorClock, machine: Machine) -> timedelta:
    return calendar.now() - machine.true


def test_the_machines_clock_counts_until_the_vendor_has_shown_its_time() -> None:
    machine = Machine(3 * MINUTE)
    calendar = calendar_of(machine)
    assert (calendar.is_known, error_of(calendar, machine)) == (False, 3 * MINUTE)


@pytest.mark.parametrize("error", [0 * SECOND, SECOND, -2 * SECOND])
def test_a_clock_within_the_tolerance_is_left_alone(error: timedelta, said: Callable[[], list[str]]) -> None:
    machine = Machine(error)
    calendar = calendar_of(machine)
    machine.asks(calendar)
    assert (calendar.is_known, error_of(calendar, machine), said()) == (True, error, [])


@pytest.mark.parametrize("error", [10 * SECOND, 5 * MINUTE, -59 * MINUTE, 59 * MINUTE])
def test_a_difference_of_minutes_is_corrected_and_said_once(
    error: timedelta, said: Callable[[], list[str]]
) -> None:
    machine = Machine(error)
    calendar = calendar_of(machine)
    machine.asks(calendar)
    for _ in range(5):
        machine.wait(90)
        machine.responds(calendar)
        assert abs(error_of(calendar, machine)) <= TOLERANCE
    assert len(said()) == (abs(error) > MINUTE)
    assert all("the vendor's time is used" in text for text in said())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (10 * DAY, "10 days ahead of the vendor's: 2026-11-30 03:15 UTC here, 2026-11-20 03:15 UTC there"),
        (-2 * HOUR, "2 hours behind the vendor's: 2026-11-20 01:15 UTC here, 2026-11-20 03:15 UTC there"),
        (300 * DAY, "300 days ahead"),
        (61 * MINUTE, "61 minutes ahead"),
    ],
)
def test_more_than_an_hour_stops_a_run_that_writes_and_names_both_times(error: timedelta, words: str) -> None:
    machine = Machine(error)
    with pytest.raises(ConfigurationError, match=words) as raised:
        machine.asks(calendar_of(machine))
    assert "timedatectl" in str(raised.value)


def test_other_runs_only_warn_and_use_the_vendors_time(said: Callable[[], list[str]]) -> None:
    machine = Machine(10 * DAY)
    calendar = calendar_of(machine, stops=False)
    machine.asks(calendar)
    machine.wait(90)
    machine.responds(calendar)
    assert abs(error_of(calendar, machine)) <= TOLERANCE
    (text,) = said()
    assert "10 days ahead" in text


def test_a_response_out_of_a_cache_does_not_stop_a_run() -> None:
    """The cache sends the same `Date` with every response."""
    machine = Machine(timedelta())
    calendar = calendar_of(machine)
    cached = (machine.true - 5 * DAY).replace(microsecond=0)
    asked = []

    def request() -> None:
        asked.append(1)
        calendar.observe(cached, seconds=0.1)

    calendar.ask(request, machine.wait)
    assert (len(asked), calendar.is_known, error_of(calendar, machine)) == (
        ASKING_ATTEMPTS,
        False,
        timedelta(),
    )
    machine.responds(calendar)
    assert calendar.is_known


def test_without_any_date_the_first_one_decides_later() -> None:
    machine = Machine(5 * DAY)
    calendar = calendar_of(machine)
    calendar.ask(lambda: None, machine.wait)
    assert not calendar.is_known
    with pytest.raises(ConfigurationError):
        machine.responds(calendar)


def test_a_clock_that_is_set_during_a_run_changes_nothing() -> None:
    machine = Machine(timedelta())
    calendar = calendar_of(machine)
    machine.asks(calendar)
    machine.error = 30 * DAY
    assert abs(error_of(calendar, machine)) <= TOLERANCE
    machine.wait(30)
    machine.responds(calendar)
    assert abs(error_of(calendar, machine)) <= TOLERANCE


def test_a_machine_that_slept_catches_up() -> None:
    machine = Machine(4 * MINUTE)
    calendar = calendar_of(machine)
    machine.asks(calendar)
    machine.asleep = 8 * 3600
    assert error_of(calendar, machine) < -7 * HOUR
    machine.responds(calendar)
    assert abs(error_of(calendar, machine)) <= TOLERANCE


def test_a_stray_response_with_another_time_changes_nothing() -> None:
    machine = Machine(timedelta())
    calendar = calendar_of(machine)
    machine.asks(calendar)
    calendar.observe(machine.true + 400 * DAY, seconds=0.1)
    machine.responds(calendar, age=3 * 3600)
    machine.wait(5)
    machine.responds(calendar)
    assert abs(error_of(calendar, machine)) <= TOLERANCE


@given(
    st.timedeltas(-30 * DAY, 30 * DAY),
    st.lists(st.tuples(st.floats(0, 7200), st.floats(0, 120), st.floats(0, 0.999)), max_size=8),
)
def test_after_a_response_the_time_is_never_ahead_of_the_vendors(
    error: timedelta, responses: list[tuple[float, float, float]]
) -> None:
    """By more than the tolerance, the cut second and the time that the response took."""
    machine = Machine(error)
    calendar = calendar_of(machine, stops=False)
    for pause, seconds, fraction in responses:
        machine.wait(pause + fraction)
        machine.responds(calendar, seconds=seconds)
        assert error_of(calendar, machine) <= TOLERANCE + SECOND + timedelta(seconds=seconds)
