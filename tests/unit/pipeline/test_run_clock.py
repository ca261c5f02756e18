"""The clock of this machine, and one that runs faster or ahead."""

from __future__ import annotations

from datetime import timedelta

from harvester.pipeline.run_clock import Clock
from tests.unit.fake_context import NOW


def clock(**changes: object) -> Clock:
    return Clock(**{"wall": NOW.timestamp, "monotonic": lambda: 8.0, **changes})  # type: ignore[arg-type]  # the values are those of a keyword


def test_the_calendar_is_utc_and_may_be_ahead() -> None:
    assert clock().now() == NOW
    assert clock(shift=timedelta(days=-3)).now() == NOW - timedelta(days=3)


def test_seconds_pass_faster_with_a_speed() -> None:
    assert (clock().elapsed(), clock(speed=25.0).elapsed()) == (8.0, 200.0)


def test_the_machines_own_clock_has_neither() -> None:
    machine = clock(shift=timedelta(days=1), speed=25.0).machine
    assert (machine.now(), machine.elapsed()) == (NOW, 8.0)
