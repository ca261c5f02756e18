"""Zoom's formats: instants, durations, and missing values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from harvester.simulator.organisation import DAY, SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1024)
def _date(day: int) -> str:
    return f"{_EPOCH + timedelta(days=day):%Y-%m-%d}"


def stamp(instant: int) -> str:
    """Format an instant as `2026-11-20T09:00:00Z`, with `.123` if it has milliseconds."""
    seconds, fraction = divmod(instant, SECOND)
    day, second = divmod(seconds, DAY // SECOND)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    if fraction:
        return f"{_date(day)}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z"
    return f"{_date(day)}T{hour:02}:{minute:02}:{second:02}Z"


def date(instant: int) -> str:
    return _date(instant // DAY)


def format_duration(length: int, *, hours: bool) -> str:
    """Format a duration as `mm:ss`, or as `hh:mm:ss` from an hour on or if `hours` is set; 25 hours are
    `25:00:00`."""
    seconds = length // SECOND
    hour, rest = divmod(seconds, 3600)
    minute, second = divmod(rest, 60)
    return f"{hour:02}:{minute:02}:{second:02}" if hour or hours else f"{minute:02}:{second:02}"


def whole_minutes(length: int) -> int:
    """Return the duration in minutes, rounded up as in the reports: six seconds are one minute."""
    return -(-length // (60 * SECOND))


def add_optional(row: dict[str, Any], key: str, value: Any, chance: int) -> None:
    """Set a value; a missing one becomes "", rarely null, and rarely no key at all."""
    if value is not None:
        row[key] = value
    elif chance % 16 == 1:
        row[key] = None
    elif chance % 16 != 2:
        row[key] = ""
