"""Coverage against a model that knows every hour by itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from connectors.models import Window
from harvester.state.intervals import Listing, covered_windows, missing, union

MIDNIGHT = datetime(2024, 2, 28, tzinfo=UTC)
HOURS = 60
"""Over a leap day; the model looks at the middle of each hour, and every bound lies on a full one."""

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
    """The hours whose middle lies in any of these."""
    middles = {number: hour(number) + timedelta(minutes=30) for number in range(HOURS)}
    return {number for each in windows for number, middle in middles.items() if middle in each}


def is_tidy(windows: list[Window]) -> bool:
    """In order, and with a gap between any two."""
    return all(one.end < other.start for one, other in pairwise(windows))


@given(st.lists(windows, max_size=8))
def test_a_union_holds_the_same_hours_in_order_and_apart(parts: list[Window]) -> None:
    assert within(union(parts)) == within(parts)
    assert is_tidy(union(parts))
    assert union(union(parts)) == union(parts)


@given(windows, st.lists(windows, max_size=8))
def test_what_is_missing_is_what_is_wanted_and_not_known(wanted: Window, parts: list[Window]) -> None:
    gaps = missing(wanted, union(parts))
    assert within(gaps) == within([wanted]) - within(parts)
    assert is_tidy(gaps)
    assert missing(wanted, union([*parts, *gaps])) == []


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
def test_another_listing_never_leaves_more_to_be_listed(
    wanted: Window, made: list[Listing], another: Listing
) -> None:
    before = within(missing(wanted, covered_windows(made)))
    after = within(missing(wanted, covered_windows([*made, another])))
    assert after <= before
    assert within(covered_windows([*made, another])) >= within(covered_windows(made))


@given(windows, st.integers(0, HOURS))
def test_a_window_read_in_two_parts_leaves_nothing_between_them(wanted: Window, cut: int) -> None:
    parts = [
        *missing(wanted, [window(cut, HOURS)] if cut < HOURS else []),
        *missing(wanted, [window(0, cut)] if cut else []),
    ]
    assert union(parts) == [wanted]


def test_windows_that_touch_are_one_and_an_instant_between_two_is_not_lost() -> None:
    assert union([window(3, 5), window(1, 3)]) == [window(1, 5)]
    almost = Window(start=hour(3) + timedelta(microseconds=1), end=hour(5))
    gap = Window(start=hour(3), end=almost.start)
    assert missing(window(1, 5), union([window(1, 3), almost])) == [gap]


def test_nothing_known_leaves_everything_and_everything_known_leaves_nothing() -> None:
    assert missing(window(1, 5), []) == [window(1, 5)]
    assert missing(window(1, 5), [window(0, 9)]) == []
    assert covered_windows([]) == []
    assert covered_windows([Listing(window=window(1, 5), at=hour(1))]) == []
