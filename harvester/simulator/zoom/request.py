"""A request to the simulated Zoom, and the checks of its parameters."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from harvester.simulator.organisation import milliseconds
from harvester.simulator.zoom.error_responses import OUT_OF_RANGE, Refusal, invalid

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Milliseconds since 1970, both ends included; and the dates to be said again in the answer."""

    first: int
    last: int
    from_: str
    to: str


_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{2}:\d{2}:\d{2})Z?)?$")


def date_range(query: Query, now: datetime, *, times: bool) -> Range:
    """`from` and `to`, both required: at most a month, and none of it older than six months. Days are UTC days.

    With `times`, an instant counts as one only where the date is written with its zeros
    (https://devforum.zoom.us/t/partial-days-of-data-from-zoom-meeting-api/103080); else its whole day does.
    """
    start, start_time = _day(query, "from")
    end, end_time = _day(query, "to")
    if end < start:
        raise invalid("to", "'to' is before 'from'.")
    if end > months_later(start, 1) or start < months_later(now.date(), -6):
        raise Refusal(400, 300, OUT_OF_RANGE)
    first = milliseconds(datetime.combine(start, (start_time if times else None) or time(), UTC))
    last = milliseconds(datetime.combine(end, (end_time if times else None) or time(23, 59, 59), UTC)) + 999
    return Range(first=first, last=last, from_=start.isoformat(), to=end.isoformat())


def _day(query: Query, name: str) -> tuple[date, time | None]:
    match = _DATE.match(query.get(name, ""))
    if match is None:
        raise invalid(name, f"'{name}' must be a date, yyyy-MM-dd.")
    year, month, day, clock = match.groups()
    try:
        exact = time.fromisoformat(clock) if clock and len(month) == len(day) == 2 else None
        return date(int(year), int(month), int(day)), exact
    except ValueError:
        raise invalid(name, f"'{name}' is no date of any calendar.") from None


def months_later(day: date, months: int) -> date:
    """The same day of another month, or its last one where it has none such."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def choice(query: Query, name: str, default: str, *allowed: str) -> str:
    value = query.get(name, default)
    if value not in allowed:
        raise invalid(name, f"'{name}' must be one of {', '.join(allowed)}.")
    return value


def page_size(query: Query, *, default: int = 30, most: int = 300) -> int:
    """What is asked for above the documented maximum is refused: Zoom's pages do not say what it does."""
    text = query.get("page_size") or str(default)
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise invalid("page_size", f"'page_size' must be between 1 and {most}.")
    return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`path`: as it was sent; `key`: the id in it; `webinar`: about webinars, not meetings; `instant`: now, in ms."""

    path: str
    key: str
    query: Query
    webinar: bool
    instant: int
