"""Numbers, instants and durations as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from connectors.models import Window
from harvester import formatting


@pytest.mark.parametrize(
    ("number", "noun", "message"),
    [
        (1, "meeting", "1 meeting"),
        (0, "document", "0 documents"),
        (2, "try", "2 tries"),
        (2, "address", "2 addresses"),
        (1200, "stay", "1,200 stays"),
        (1, "person", "1 person"),
        (3, "person", "3 people"),
    ],
)
def test_one_is_not_many(number: int, noun: str, message: str) -> None:
    assert formatting.plural(number, noun) == message


@pytest.mark.parametrize(
    ("seconds", "message"), [(0, "0 s"), (61, "1 min 01 s"), (3_599.7, "1 h 00 min"), (90_000, "25 h 00 min")]
)
def test_durations_are_said_in_their_two_largest_units(seconds: float, message: str) -> None:
    assert formatting.format_duration(seconds) == message


@pytest.mark.parametrize(
    ("text", "vendor", "message"),
    [
        ("Zoom: GET /users: no", "zoom", "GET /users: no"),
        ("Google Meet: no", "google-meet", "no"),
        ("Elasticsearch: no", "zoom", "Elasticsearch: no"),
        ("nothing", "zoom", "nothing"),
    ],
)
def test_no_name_is_repeated(text: str, vendor: str, message: str) -> None:
    assert formatting.without_prefix(text, vendor) == message


def test_days_are_those_of_the_zone_that_the_window_touches() -> None:
    window = Window(start=datetime(2026, 11, 19, 23, tzinfo=UTC), end=datetime(2026, 11, 20, 23, tzinfo=UTC))
    assert formatting.format_days(window, ZoneInfo("Europe/Berlin")) == "2026-11-20"
    assert formatting.format_days(window, ZoneInfo("UTC")) == "2026-11-19 to 2026-11-20"


@pytest.mark.parametrize(
    ("period", "message"),
    [
        (timedelta(days=180), "180 days"),
        (timedelta(days=30) - timedelta(hours=1), "29 days and 23 hours"),
        (timedelta(days=1), "1 day"),
        (timedelta(hours=1), "1 hour"),
    ],
)
def test_a_period_loses_no_hours(period: timedelta, message: str) -> None:
    assert formatting.format_period(period) == message
