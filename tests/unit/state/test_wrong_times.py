from __future__ import annotations

from datetime import timedelta

import pytest

from harvester.state.intervals import Listing
from harvester.state.wrong_times import RunTimes, find_wrong_times
from tests.unit.journal_builders import DAY, FIRST, HOUR, days

MINUTE = timedelta(minutes=1)


def runs(*begins: float) -> list[RunTimes]:
    """Runs that began so many days after FIRST, in this order, each of an hour; the newest first."""
    made = [
        RunTimes(id=number, began=FIRST + day * DAY, ended=FIRST + day * DAY + HOUR)
        for number, day in enumerate(begins)
    ]
    return made[::-1]


def test_right_times_are_believed() -> None:
    listings = [Listing(window=days(0, 2), at=FIRST + 2 * DAY)]
    assert find_wrong_times(runs(0, 1, 2), listings, FIRST, FIRST + 2.5 * DAY) is None
    assert find_wrong_times([], [], None, FIRST) is None


@pytest.mark.parametrize("now", [2.2, 12.5])
def test_a_run_that_a_later_one_precedes_is_wrong_even_when_its_time_has_passed(now: float) -> None:
    listings = [
        Listing(window=days(0, 1), at=FIRST + DAY),
        Listing(window=days(1, 10), at=FIRST + 11 * DAY + MINUTE),
    ]
    wrong = find_wrong_times(runs(1, 11, 2), listings, FIRST, FIRST + now * DAY)
    assert wrong is not None
    assert wrong.spans == [(FIRST + 11 * DAY, FIRST + 11 * DAY + HOUR)]
    assert (wrong.latest, wrong.since) == (FIRST + 11 * DAY + HOUR, FIRST + DAY + HOUR)
    assert wrong.listed == [days(1, 10)]


def test_a_listing_of_the_future_is_wrong_without_any_run() -> None:
    wrong = find_wrong_times([], [Listing(window=days(1, 10), at=FIRST + 11 * DAY)], None, FIRST + 2 * DAY)
    assert wrong is not None
    assert (wrong.latest, wrong.since, wrong.listed) == (FIRST + 11 * DAY, None, [days(1, 10)])


def test_a_first_day_of_the_future_is_wrong() -> None:
    assert find_wrong_times([], [], FIRST + 3 * DAY, FIRST + 2 * DAY) is not None


def test_a_clock_that_is_set_while_a_run_goes_on_makes_that_run_wrong() -> None:
    jumped = [RunTimes(id=1, began=FIRST, ended=FIRST + 9 * DAY)]
    wrong = find_wrong_times(jumped, [], None, FIRST + DAY)
    assert wrong is not None
    assert wrong.spans == [(FIRST, FIRST + 9 * DAY)]


def test_a_few_minutes_are_tolerated() -> None:
    made = [RunTimes(id=1, began=FIRST + 30 * MINUTE, ended=FIRST + 50 * MINUTE)]
    assert find_wrong_times(made, [Listing(window=days(0, 1), at=FIRST + 30 * MINUTE)], None, FIRST) is None
