"""Tests the clock that the simulator and its clients share."""

from __future__ import annotations

from datetime import timedelta

from harvester.simulator.clock import SimulatedClock
from tests.unit.simulator.clients import NOW, ManualClock


def test_the_calendar_runs_in_real_time_at_any_speed() -> None:
    clock = ManualClock(1000.0)
    simulated_clock = SimulatedClock(NOW, speed=25, monotonic=clock)
    assert simulated_clock.now() == NOW
    clock.seconds += 90.5
    assert simulated_clock.now() == NOW + timedelta(seconds=90.5)
    assert simulated_clock.milliseconds() == int(NOW.timestamp() * 1000) + 90_500


def test_the_vendors_seconds_are_multiplied_by_the_speed() -> None:
    clock = ManualClock()
    simulated_clock = SimulatedClock(NOW, speed=25, monotonic=clock)
    clock.seconds += 4
    assert simulated_clock.elapsed() == 100


def test_the_date_header_changes_every_second() -> None:
    clock = ManualClock()
    simulated_clock = SimulatedClock(NOW, monotonic=clock)
    assert simulated_clock.date_header() == b"Fri, 20 Nov 2026 12:00:00 GMT"
    clock.seconds += 0.9
    assert simulated_clock.date_header() == b"Fri, 20 Nov 2026 12:00:00 GMT"
    clock.seconds += 60.1
    assert simulated_clock.date_header() == b"Fri, 20 Nov 2026 12:01:01 GMT"


def test_the_setting_has_simulated_and_real_start() -> None:
    shown, _, real = SimulatedClock(NOW).as_setting.partition("@")
    assert shown == "2026-11-20T12:00:00Z"
    assert real.endswith("Z")


def test_the_calendar_can_jump_ahead_while_waits_do_not_notice() -> None:
    real = ManualClock()
    clock = SimulatedClock(NOW, speed=2.0, monotonic=real)
    real.seconds = 3
    before = clock.date_header()
    clock.advance(timedelta(hours=13))
    assert clock.now() == NOW + timedelta(hours=13, seconds=3)
    assert clock.elapsed() == 6.0
    assert clock.date_header() != before
    assert clock.date_header() == b"Sat, 21 Nov 2026 01:00:03 GMT"
    assert clock.as_setting.startswith("2026-11-21T01:00:00Z@")
