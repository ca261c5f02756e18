"""How Webex spells instants: with milliseconds or without, and 1970 where it does not know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from harvester.simulator.organisation import DAY, SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNKNOWN = "1970-01-01T00:00:00.000Z"


@lru_cache(maxsize=1024)
def _date(day: int) -> str:
    return f"{_EPOCH + timedelta(days=day):%Y-%m-%d}"


def _clock(instant: int) -> tuple[str, int]:
    seconds, fraction = divmod(instant, SECOND)
    day, second = divmod(seconds, DAY // SECOND)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    return f"{_date(day)}T{hour:02}:{minute:02}:{second:02}", fraction


def stamp(instant: int) -> str:
    """`2026-11-20T09:00:00Z`: of meetings."""
    return f"{_clock(instant)[0]}Z"


def exact(instant: int) -> str:
    """`2026-11-20T09:00:00.000Z`: of devices and media sessions."""
    told, fraction = _clock(instant)
    return f"{told}.{fraction:03}Z"


def uuid(digest: bytes) -> str:
    """`3c2e2338-e950-43bf-b588-573773ee43d1` out of sixteen bytes."""
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
