"""Read the values of a vendor's JSON: texts, numbers, instants, durations. Pure functions; no clock, no local time zone.

A value that cannot be read is `None` (or an empty list), never an error: one odd value must not cost the whole document.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from math import isfinite
from typing import Any, TypeVar
from urllib.parse import urlsplit

import orjson

Row = TypeVar("Row")

MAX_RETRY_AFTER_SECONDS = 7 * 86_400.0
"""No vendor is known to ask for more than a day; a longer wait is a mistake, and `now` plus that may not exist."""

FIRST_PARSED_YEAR, LAST_PARSED_YEAR = 1900, 9900
"""An instant before or after these years stands for a time that was never set, such as the 0001-01-01 and 9999-12-31 of .NET.
A century can be added to every other one or taken from it: no sum leaves the calendar."""

LARGEST_NUMBER = 1e12
"""No vendor measures more. The sum of any number of such values is finite, and so is their hundredfold."""

CREDIBLE_YEARS = 2020, 2100
"""A `Date` header before or after these years is that of a device without a clock."""

_TO_THE_SECOND = orjson.OPT_OMIT_MICROSECONDS | orjson.OPT_UTC_Z
_CLOCK = re.compile(r"(?:([0-9]{1,6}):)?([0-9]{1,6}):([0-9]{1,2})$")
_DAYS = re.compile(r"(\d{1,4}) days?, (\d{1,2}:\d\d:\d\d)$")
_MINUTES = re.compile(r"([0-9]{1,6})\s*min(?:ute)?s?$")


def parse_instant(text: object) -> datetime | None:
    """An ISO 8601 instant as aware UTC; `None` for `""`, null and anything else, and for other years than those of FIRST_PARSED_YEAR
    to LAST_PARSED_YEAR.

    An instant without a zone is taken as UTC. Digits beyond microseconds are cut (Google sends nine).
    """
    parsed = parse_any_instant(text)
    return parsed if parsed is not None and FIRST_PARSED_YEAR <= parsed.year <= LAST_PARSED_YEAR else None


def parse_any_instant(text: object) -> datetime | None:
    """Like `parse_instant`, in any year."""
    if not isinstance(text, str) or not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is UTC:
            return parsed
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def format_milliseconds(when: datetime) -> str:
    """`2026-11-20T09:00:00.000Z`: the format of hashed instants, of `harvested_at` and of requests to Google."""
    if when.tzinfo is not UTC:
        when = when.astimezone(UTC)
    # Called for every session key: orjson needs a third of the time of `isoformat`.
    seconds = orjson.dumps(when, option=_TO_THE_SECOND)[1:20].decode("ascii")
    return f"{seconds}.{when.microsecond // 1000:03d}Z"


def parse_clock_seconds(text: object) -> int | None:
    """Seconds of `"hh:mm:ss"`, `"mm:ss"` (hours may exceed 24), `"1 day, 2:30:00"` (a Python timedelta) or `"4 mins"`.

    `None` for `""` and anything else.
    """
    if not isinstance(text, str):
        return None
    if match := _DAYS.match(text.strip()):
        rest = parse_clock_seconds(match.group(2))
        return None if rest is None else int(match.group(1)) * 86_400 + rest
    if match := _CLOCK.match(text.strip()):
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return hours * 3600 + minutes * 60 + seconds
    if match := _MINUTES.match(text.strip()):
        return int(match.group(1)) * 60
    return None


def seconds_between(start: datetime | None, end: datetime | None) -> int | None:
    """Whole seconds from start to end; `None` if either is unknown or the end comes first."""
    if start is None or end is None or end < start:
        return None
    return int((end - start).total_seconds())


@lru_cache(maxsize=64)
def parse_http_date(value: str | None) -> datetime | None:
    """The instant in a `Date` or `Retry-After` header as UTC; `None` if it is missing or unreadable. Cached: responses of
    the same second have the same."""
    try:
        instant = parsedate_to_datetime(value or "")
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError, IndexError, TypeError):  # the standard library raises all of them
        return None


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait according to a `Retry-After` header: seconds, an HTTP date, or ISO 8601 (Zoom).

    Never negative, and at most MAX_RETRY_AFTER_SECONDS; `None` if the header is missing or unreadable.
    """
    text = (value or "").strip()
    try:
        seconds = float(text)
    except ValueError:
        until = parse_instant(text) or parse_http_date(text)
        if until is None:
            return None
        seconds = (until - now).total_seconds()
    return min(max(0.0, seconds), MAX_RETRY_AFTER_SECONDS) if isfinite(seconds) else None


def response_date(headers: Mapping[str, str]) -> datetime | None:
    """When a response was made, according to its `Date` header; the time that it spent in a cache (`Age`) is added.

    `None` if there is no such header, or a time that no clock in use shows.
    """
    date = parse_http_date(headers.get("Date"))
    if date is None:
        return None
    try:
        age = timedelta(seconds=int(headers.get("Age", "0")))
        date += age
    except (ValueError, OverflowError):
        return None
    return date if age >= timedelta(0) and CREDIBLE_YEARS[0] <= date.year <= CREDIBLE_YEARS[1] else None


def format_seconds(when: datetime) -> str:
    """`2026-11-20T09:00:00Z`: the format of requests to Webex. Fractions are cut."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_text(value: Any) -> str | None:
    """A string as sent; a whole number as its digits; `None` for `""`, null and anything else."""
    if value.__class__ is str:  # the common case; isinstance costs as much again
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def as_number(value: Any) -> float | None:
    """A JSON number up to LARGEST_NUMBER; `None` for anything else, texts included."""
    # Called for every sample of a quality: isinstance, which also has to exclude bool, costs three times as much.
    if (value.__class__ is int or value.__class__ is float) and -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
        return float(value)
    return None


def as_bool(value: Any) -> bool | None:
    """A JSON boolean; `None` for anything else."""
    return value if isinstance(value, bool) else None


def as_dict(value: Any) -> dict[str, Any]:
    """A JSON object as it is; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """A JSON array as it is; an empty one for anything else."""
    return value if isinstance(value, list) else []


def as_dicts(value: Any) -> list[dict[str, Any]]:
    """The objects in a JSON array; an empty list for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def truncate_to_milliseconds(instant: datetime) -> datetime:
    """UTC, without microseconds below a millisecond: the precision of `harvested_at` and of document versions."""
    return instant.astimezone(UTC).replace(microsecond=instant.microsecond // 1000 * 1000)


def unique_rows(rows: Iterable[Row], key: Callable[[Row], Hashable]) -> list[Row]:
    """Rows without repetitions: of rows with the same key, only those that differ. Keys keep the order of their first row."""
    by_key: dict[Hashable, list[Row]] = {}
    for row in rows:
        same = by_key.setdefault(key(row), [])
        if row not in same:
            same.append(row)
    return [row for same in by_key.values() for row in same]


def is_loopback(url: str) -> bool:
    """Whether the host of the URL is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
