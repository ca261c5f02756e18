"""Numbers, instants and durations as text. Pure functions."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.models import Window


def plural(number: int, noun: str) -> str:
    """`1 meeting`, `1,200 meetings`, `2 tries`, `3 addresses`, `4 people`."""
    return f"{number:,} {noun if number == 1 else pluralize(noun)}"


def pluralize(noun: str) -> str:
    if noun == "person":
        return "people"
    return re.sub(r"(?<![aeiou])y$", "ie", noun) + ("es" if noun.endswith("s") else "s")


def without_prefix(text: str, vendor: str) -> str:
    """A message without the vendor's name before it, for lines that begin with it already: `Zoom: no` of `zoom`."""
    prefix, _, rest = text.partition(": ")
    return rest if rest and prefix.lower().replace(" ", "-") == vendor else text


def format_instant(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"


def format_span(window: Window) -> str:
    return f"{format_instant(window.start)} to {format_instant(window.end)}"


def format_period(period: timedelta) -> str:
    """`180 days`, `29 days and 23 hours`."""
    hours = period.seconds // 3600
    days = [plural(period.days, "day")] if period.days or not hours else []
    return " and ".join([*days, *([plural(hours, "hour")] if hours else [])])


def local_days(window: Window, zone: ZoneInfo) -> tuple[date, date]:
    """The first and the last day of the time zone that the window touches."""
    last = window.end - timedelta(microseconds=1)
    return window.start.astimezone(zone).date(), last.astimezone(zone).date()


def format_days(window: Window, zone: ZoneInfo) -> str:
    first, last = local_days(window, zone)
    return str(first) if first == last else f"{first} to {last}"


def format_duration(seconds: float) -> str:
    """In the two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
