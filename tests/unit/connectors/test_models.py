from __future__ import annotations

import base64
import hashlib
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.attendance import to_record
from connectors.models import Window, row_digest, session_key
from connectors.quality import Measure, Quality
from tests.unit.short_meetings import START, meeting, stay

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 11, 20), 24), (date(2026, 3, 29), 23), (date(2026, 10, 25), 25)]
)
def test_day_has_23_or_25_hours_when_clocks_change(day: date, hours: int) -> None:
    window = Window.day(day, BERLIN)
    assert window.end - window.start == timedelta(hours=hours)
    assert window.start.tzinfo is UTC


def test_repeated_hour_is_a_window() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    window = Window(start=first, end=first.replace(fold=1))
    assert window.end - window.start == timedelta(hours=1)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (START, START),
        (START, START - timedelta(1)),
        (START.replace(tzinfo=None), START),
        (START, START.replace(tzinfo=None)),
    ],
)
def test_an_empty_or_naive_window_is_refused(start: datetime, end: datetime) -> None:
    with pytest.raises(ValueError, match="a window needs"):
        Window(start=start, end=end)


@given(
    st.timedeltas(timedelta(minutes=1), timedelta(days=60)),
    st.timedeltas(timedelta(hours=1), timedelta(days=30)),
)
def test_parts_of_a_split_cover_the_window(length: timedelta, step: timedelta) -> None:
    whole = Window(start=START, end=START + length)
    parts = list(whole.split(step))
    assert parts[0].start == whole.start
    assert parts[-1].end == whole.end
    assert all(before.end == after.start for before, after in pairwise(parts))
    assert all(part.end - part.start <= step for part in parts)


hours = st.integers(0, 20)
windows = (
    st.tuples(hours, hours)
    .filter(lambda ends: ends[0] < ends[1])
    .map(lambda ends: Window(start=MIDNIGHT + ends[0] * HOUR, end=MIDNIGHT + ends[1] * HOUR))
)


def hours_in(*parts: Window) -> set[int]:
    """The hours with their middle in any of these windows."""
    return {number for number in range(20) if any(MIDNIGHT + (number + 0.5) * HOUR in part for part in parts)}


@given(windows, windows)
def test_an_intersection_has_the_hours_of_both_windows(one: Window, other: Window) -> None:
    common = one.intersection(other)
    assert hours_in(*([common] if common is not None else [])) == hours_in(one) & hours_in(other)


@given(windows, st.lists(windows, max_size=6))
def test_a_difference_has_the_hours_of_no_other_window(window: Window, others: list[Window]) -> None:
    rest = window.difference(others)
    assert hours_in(*rest) == hours_in(window) - hours_in(*others)
    assert all(first.end < second.start for first, second in pairwise(rest))


def test_window_contains_its_start_and_not_its_end() -> None:
    window = Window.day(date(2026, 11, 20), ZoneInfo("UTC"))
    assert window.start in window
    assert window.end not in window


def test_key_is_22_characters_of_a_hash() -> None:
    text = "16778240\x1f2026-11-20T09:00:00.000Z\x1f\x1fbo"
    expected = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:16]).decode().rstrip("=")
    assert session_key("16778240", START, None, "bo") == expected
    assert session_key("16778240", START.astimezone(timezone(timedelta(hours=5))), "", "bo") == expected


@given(st.lists(st.text("ab :é", max_size=3), min_size=2, max_size=4))
def test_differently_divided_parts_give_different_keys(parts: list[str]) -> None:
    joined = ["".join(parts[:2]), "", *parts[2:]]
    assert (session_key(*joined) == session_key(*parts)) == (joined == parts)


def test_digest_depends_on_values_and_not_on_order() -> None:
    assert row_digest({"a": 1, "b": [2]}) == row_digest({"b": [2], "a": 1})
    assert row_digest({"a": 1}) != row_digest({"a": "1"})


def test_timestamp_is_the_start_the_planned_start_or_the_first_join() -> None:
    plan = START - timedelta(hours=1)
    assert to_record(meeting(scheduled_start_time=plan), []).timestamp == START
    assert to_record(meeting(start_time=None, scheduled_start_time=plan), []).timestamp == plan
    assert to_record(
        meeting(start_time=None), [stay((7, 8)), stay((5, 8), key="2")]
    ).timestamp == START + timedelta(minutes=5)
    assert to_record(meeting(start_time=None), [stay(None)]).timestamp is None


def test_sessions_with_different_quality_or_rows_are_equal() -> None:
    rated = stay(quality=Quality(cpu_pct=Measure(mean=1, worst=1, samples=1)), vendor_data={"row": [1]})
    assert rated == stay()
    assert hash(rated) == hash(stay())
    assert rated != stay(device="phone")
    assert rated != "a session"


def test_a_session_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        stay().key = "another"  # type: ignore[misc]  # the assignment that has to fail
