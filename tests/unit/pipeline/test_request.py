"""Dates as people type them, to windows of UTC time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.models import Window
from harvester.cli import dates
from harvester.cli.options import Date

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")


def window(on: str = "", first: str = "", last: str = "", zone: ZoneInfo = UTC_ZONE) -> Window:
    days = [date.fromisoformat(day) if day else None for day in (on, first, last)]
    return dates.window(*days, zone=zone, now=NOW)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-2-3", "write it 2026-02-03"),
        ("2026/02/03", "write it 2026-02-03"),
        ("2026-02-30", "not a day of the calendar"),
        ("20260203", "write a day like"),
        ("yesterday", "write a day like"),
        ("2026-02-03T00:00", "write a day like"),
        ("\u0662\u0660\u0662\u0666-02-03", "write"),
    ],
)
def test_a_day_misspelt_is_refused_with_the_right_spelling(text: str, said: str) -> None:
    with pytest.raises(click.BadParameter, match=said):
        Date().convert(text, None, None)


def test_without_dates_it_is_yesterday() -> None:
    assert window() == Window(
        start=datetime(2026, 11, 19, tzinfo=UTC), end=datetime(2026, 11, 20, tzinfo=UTC)
    )


def test_from_and_to_are_both_inclusive_and_to_is_yesterday_where_left_out() -> None:
    assert window(first="2026-11-01", last="2026-11-03").end == datetime(2026, 11, 4, tzinfo=UTC)
    assert window(first="2026-11-01").end == datetime(2026, 11, 20, tzinfo=UTC)


def test_a_day_begins_at_the_zones_midnight_and_may_have_25_hours() -> None:
    day = window(on="2026-10-25", zone=BERLIN)
    assert day.start == datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert day.end - day.start == timedelta(hours=25)


def test_today_may_be_asked_for_and_tomorrow_may_not() -> None:
    assert NOW in window(on="2026-11-20")
    with pytest.raises(click.UsageError, match="has not come yet"):
        window(on="2026-11-21")
    with pytest.raises(click.UsageError, match="has not come yet"):
        window(first="2026-11-01", last="2026-11-21")


@pytest.mark.parametrize(
    ("given_days", "said"),
    [
        ({"first": "2026-11-03", "last": "2026-11-01"}, "lies after"),
        ({"on": "2026-11-03", "first": "2026-11-01"}, "one or the other"),
        ({"last": "2026-11-03"}, "--to needs --from"),
    ],
)
def test_contradictions_are_refused(given_days: dict[str, str], said: str) -> None:
    with pytest.raises(click.UsageError, match=said):
        window(**given_days)


def test_a_range_past_what_the_vendor_keeps_is_clamped() -> None:
    asked = window(first="2026-01-01", last="2026-11-19")
    clamped = dates.clamped(asked, kept=timedelta(days=180), now=NOW)
    assert clamped == Window(start=NOW - timedelta(days=180), end=asked.end)
    assert dates.clamped(asked, kept=timedelta(days=400), now=NOW) == asked
    assert dates.clamped(window(on="2026-01-01"), kept=timedelta(days=180), now=NOW) is None


@given(st.integers(1, 400), st.integers(1, 60))
def test_the_parts_of_a_window_follow_each_other_without_gap(days: int, step: int) -> None:
    whole = Window(start=NOW, end=NOW + timedelta(days=days))
    parts = list(whole.split(timedelta(days=step)))
    assert parts[0].start == whole.start
    assert parts[-1].end == whole.end
    assert all(a.end == b.start for a, b in pairwise(parts))
    assert all(part.end - part.start <= timedelta(days=step) for part in parts)
