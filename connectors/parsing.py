"""The vendors' spellings of instants and durations. Pure functions: no clock, no zone of the machine.

What cannot be read is `None`, never an error: a vendor's one odd value must not cost the document around it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

import orjson

_TO_THE_SECOND = orjson.OPT_OMIT_MICROSECONDS | orjson.OPT_UTC_Z
_FRACTION = re.compile(r"\.(\d{6})\d+")
_CLOCK = re.compile(r"(?:([0-9]{1,6}):)?([0-9]{1,6}):([0-9]{1,2})$")
_DAYS = re.compile(r"(\d{1,4}) days?, (\d{1,2}:\d\d:\d\d)$")
_MINUTES = re.compile(r"([0-9]{1,6})\s*min(?:ute)?s?$")


def parse_instant(text: object) -> datetime | None:
    """An ISO 8601 instant as aware UTC; `None` for `""`, for null and for anything that is not one.

    An instant without a zone is taken as UTC. Digits beyond microseconds are cut (Google sends nine).
    """
    if not isinstance(text, str) or not text:
        return None
    try:
        parsed = datetime.fromisoformat(_FRACTION.sub(r".\1", text) if "." in text else text)
        if parsed.tzinfo is UTC:
            return parsed
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def format_milliseconds(when: datetime) -> str:
    """`2026-11-20T09:00:00.000Z`: the spelling of hashed instants and of `harvested_at`."""
    if when.tzinfo is not UTC:
        when = when.astimezone(UTC)
    # One for every key: this takes a third of what `isoformat` takes.
    seconds = orjson.dumps(when, option=_TO_THE_SECOND)[1:20].decode("ascii")
    return f"{seconds}.{when.microsecond // 1000:03d}Z"


def parse_clock_seconds(text: object) -> int | None:
    """Seconds in `"hh:mm:ss"`, `"mm:ss"` (hours may pass 24), `"1 day, 2:30:00"` (as Python spells a timedelta),
    `"4 mins"`; `None` for `""` and what is not one."""
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
    """Whole seconds from start to end; `None` where either is unknown or the end comes first."""
    if start is None or end is None or end < start:
        return None
    return int((end - start).total_seconds())


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, out of a `Retry-After` in any of its spellings: seconds, an HTTP date, or (Zoom) ISO 8601.

    Never negative; `None` where the header is missing or is none of them.
    """
    if not value:
        return None
    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if isfinite(seconds) else None
    until = parse_instant(text)
    if until is None:
        try:
            until = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds())
