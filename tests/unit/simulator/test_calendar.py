"""One calendar for the simulator and everybody who asks it."""

from __future__ import annotations

from datetime import timedelta

from harvester.simulator.calendar import Calendar
from tests.unit.simulator.client import NOW, Clock


def test_the_calendar_runs_on_at_the_pace_of_the_world_whatever_the_speed() -> None:
    clock = Clock(1000.0)
    calendar = Calendar(NOW, speed=25, seconds=clock)
    assert calendar.now() == NOW
    clock.seconds += 90.5
    assert calendar.now() == NOW + timedelta(seconds=90.5)
    assert calendar.milliseconds() == int(NOW.timestamp() * 1000) + 90_500


def test_the_vendors_seconds_pass_faster_by_the_speed() -> None:
    clock = Clock()
    calendar = Calendar(NOW, speed=25, seconds=clock)
    clock.seconds += 4
    assert calendar.elapsed() == 100


def test_the_date_header_changes_every_second() -> None:
    clock = Clock()
    calendar = Calendar(NOW, seconds=clock)
    assert calendar.date() == b"Fri, 20 Nov 2026 12:00:00 GMT"
    clock.seconds += 0.9
    assert calendar.date() == b"Fri, 20 Nov 2026 12:00:00 GMT"
    clock.seconds += 60.1
    assert calendar.date() == b"Fri, 20 Nov 2026 12:01:01 GMT"


def test_both_ends_of_the_clock_are_told() -> None:
    shown, _, real = Calendar(NOW).spelled.partition("@")
    assert shown == "2026-11-20T12:00:00Z"
    assert real.endswith("Z")
