"""Interval arithmetic, against a model that is a set of hours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from connectors.models import Window
from harvester.state.intervals import Listing, covered_windows, difference, intersection, union

MIDNIGHT = datetime(2024, 2, 28, tzinfo=UTC)
HOURS = 60
"""Over a leap day; the model looks at the middle of each hour, and every bound is on a full hour."""

hours = st.integers(0, HOURS)
windows = (
    st.tuples(hours, hours).filter(lambda ends: ends[0] < ends[1]).map(lambda ends: window(ends[0], ends[1]))
)
listings = st.builds(lambda within, at: Listing(window=within, at=hour(at)), windows, hours)


def hour(number: int) -> datetime:
    return MIDNIGHT + timedelta(hours=number)


def window(start: int, end: int) -> Window:
    return Window(start=hour(start), end=hour(end))


def within(windows: Iterable[Window]) -> set[int]:
    """The hours with their middle in any of these windows."""
    middles = {number: hour(number) + timedelta(minutes=30) for number in range(HOURS)}
    return {number for each in windows for number, middle in middles.items() if middle in each}


def is_tidy(windows: list[Window]) -> bool:
    """In order, and with a gap between any two."""
    return all(one.end < other.start for one, other in pairwise(windows))


@given(st.lists(windows, max_size=8))
def test_a_union_has_the_same_hours_in_order_without_overlaps(parts: list[Window]) -> None:
    assert within(union(parts)) == within(parts)
    assert is_tidy(union(parts))
    assert union(union(parts)) == union(parts)


@given(windows, st.lists(windows, max_size=8))
def test_the_gaps_are_the_hours_that_are_wanted_and_not_known(wanted: Window, parts: list[Window]) -> None:
    gaps = wanted.difference(union(parts))
    assert within(gaps) == within([wanted]) - within(parts)
    assert is_tidy(gaps)
    assert wanted.difference(union([*parts, *gaps])) == []


@given(st.lists(windows, max_size=8), windows)
def test_an_intersection_has_the_hours_of_both(parts: list[Window], other: Window) -> None:
    assert within(intersection(parts, other)) == within(parts) & within([other])


@given(st.lists(windows, max_size=8), st.lists(windows, max_size=8))
def test_a_difference_has_the_hours_of_one_and_not_the_others(
    parts: list[Window], others: list[Window]
) -> None:
    assert within(difference(parts, others)) == within(parts) - within(others)


@given(st.lists(listings, max_size=6), st.integers(0, 30))
def test_a_listing_covers_nothing_after_its_own_beginning_less_the_margin(
    made: list[Listing], margin: int
) -> None:
    reached = [each.at - timedelta(hours=margin) for each in made]
    model = {
        number
        for each, limit in zip(made, reached, strict=True)
        for number in within([each.window])
        if hour(number) < limit
    }
    found = covered_windows(made, margin=timedelta(hours=margin))
    assert within(found) == model
    assert is_tidy(found)


@given(windows, st.lists(listings, max_size=6), listings)
def test_another_listing_never_leaves_more_to_list(
    wanted: Window, made: list[Listing], another: Listing
) -> None:
    before = within(wanted.difference(covered_windows(made)))
    after = within(wanted.difference(covered_windows([*made, another])))
    assert after <= before
    assert within(covered_windows([*made, another])) >= within(covered_windows(made))


@given(windows, st.integers(0, HOURS))
def test_two_parts_of_a_window_leave_nothing_between_them(wanted: Window, cut: int) -> None:
    parts = [
        *wanted.difference([window(cut, HOURS)] if cut < HOURS else []),
        *wanted.difference([window(0, cut)] if cut else []),
    ]
    assert union(parts) == [wanted]


def test_windows_that_touch_become_one_and_a_microsecond_between_two_is_a_gap() -> None:
    assert union([window(3, 5), window(1, 3)]) == [window(1, 5)]
    almost = Window(start=hour(3) + timedelta(microseconds=1), end=hour(5))
    gap = Window(start=hour(3), end=almost.start)
    assert window(1, 5).difference(union([window(1, 3), almost])) == [gap]


def test_nothing_known_leaves_everything_and_everything_known_leaves_nothing() -> None:
    assert window(1, 5).difference([]) == [window(1, 5)]
    assert window(1, 5).difference([window(0, 9)]) == []
    assert covered_windows([]) == []
    assert covered_windows([Listing(window=window(1, 5), at=hour(1))]) == []
