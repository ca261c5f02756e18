"""A request to the simulated Zoom, and the parsing of its parameters."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from harvester.simulator.organisation import milliseconds
from harvester.simulator.zoom.error_responses import OUT_OF_RANGE, ErrorResponse, validation_error

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A range in milliseconds since 1970, both ends included, and the dates that the answer repeats."""

    first: int
    last: int
    from_: str
    to: str


_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{2}:\d{2}:\d{2})Z?)?$")


def date_range(query: Query, now: datetime, *, times: bool) -> Range:
    """Parse `from` and `to`, both required: at most a month, not older than six months, in UTC days.

    With `times`, a time of day counts only if the date is written with its zeros
    (https://devforum.zoom.us/t/partial-days-of-data-from-zoom-meeting-api/103080); otherwise the whole day
    counts.
    """
    start, start_time = _day(query, "from")
    end, end_time = _day(query, "to")
    if end < start:
        raise validation_error("to", "'to' is before 'from'.")
    if end > months_later(start, 1) or start < months_later(now.date(), -6):
        raise ErrorResponse(400, 300, OUT_OF_RANGE)
    first = milliseconds(datetime.combine(start, (start_time if times else None) or time(), UTC))
    last = milliseconds(datetime.combine(end, (end_time if times else None) or time(23, 59, 59), UTC)) + 999
    return Range(first=first, last=last, from_=start.isoformat(), to=end.isoformat())


def _day(query: Query, name: str) -> tuple[date, time | None]:
    match = _DATE.match(query.get(name, ""))
    if match is None:
        raise validation_error(name, f"'{name}' must be a date, yyyy-MM-dd.")
    year, month, day, clock = match.groups()
    try:
        exact = time.fromisoformat(clock) if clock and len(month) == len(day) == 2 else None
        return date(int(year), int(month), int(day)), exact
    except ValueError:
        raise validation_error(name, f"'{name}' is not a date of any calendar.") from None


def months_later(day: date, months: int) -> date:
    """Return the same day of another month, or that month's last day if it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def choice(query: Query, name: str, default: str, *allowed: str) -> str:
    value = query.get(name, default)
    if value not in allowed:
        raise validation_error(name, f"'{name}' must be one of {', '.join(allowed)}.")
    return value


def page_size(query: Query, *, default: int = 30, maximum: int = 300) -> int:
    """Parse `page_size`. A size above the documented maximum is refused, since Zoom does not document what
    happens."""
    text = query.get("page_size") or str(default)
    if not text.isdigit() or not 1 <= int(text) <= maximum:
        raise validation_error("page_size", f"'page_size' must be between 1 and {maximum}.")
    return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request.

    path: as it was sent.
    key: the id in the path.
    webinar: about webinars, not meetings.
    instant: now, in milliseconds.
    """

    path: str
    key: str
    query: Query
    webinar: bool
    instant: int
