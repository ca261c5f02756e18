"""Instants and durations as options take them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from harvester.cli.time_types import Duration, Instant


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("50m", 3_000),
        ("90s", 90),
        ("2h", 7_200),
        ("1h30m", 5_400),
        ("1h0m5s", 3_605),
        ("0h5m", 300),
        ("168h", 604_800),
        ("604800s", 604_800),
    ],
)
def test_durations_are_hours_minutes_and_seconds(text: str, seconds: int) -> None:
    assert Duration().convert(text, None, None) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "50", "m", "-5m", "1.5h", "0m", "5 m", "1d", "169h", "167h61m", "30m1h", "1h1h", "1h 30m", "５m"],
)
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter, match="50m, 90s or 1h30m"):
        Duration().convert(text, None, None)


def test_a_default_stays_as_it_is() -> None:
    assert Duration().convert(timedelta(hours=1), None, None) == timedelta(hours=1)
    assert Instant().convert(datetime(2026, 11, 30, tzinfo=UTC), None, None) == datetime(
        2026, 11, 30, tzinfo=UTC
    )


def test_an_instant_needs_an_offset() -> None:
    instant = Instant().convert("2026-11-30T10:00+01:00", None, None)
    assert (instant, instant.tzinfo) == (datetime(2026, 11, 30, 9, tzinfo=UTC), UTC)
    for text in ("2026-11-30T10:00", "tomorrow", "10:00", "0001-01-01T00:00+01:00"):
        with pytest.raises(click.BadParameter, match="with its offset, like 2026-11-30T10:00"):
            Instant().convert(text, None, None)


def test_an_instant_without_an_offset_is_in_the_zone_that_is_given() -> None:
    in_utc = Instant(zone=UTC)
    assert in_utc.convert("2026-11-30T10:00", None, None) == datetime(2026, 11, 30, 10, tzinfo=UTC)
    assert in_utc.convert("2026-11-30T10:00+01:00", None, None) == datetime(2026, 11, 30, 9, tzinfo=UTC)
    with pytest.raises(click.BadParameter, match="like 2026-11-20T03:00:00Z"):
        in_utc.convert("tomorrow", None, None)
