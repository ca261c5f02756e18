"""Webex's formats: instants with or without milliseconds, 1970 for an unknown instant, UUIDs."""

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
    """Format an instant of a meeting: `2026-11-20T09:00:00Z`."""
    return f"{_clock(instant)[0]}Z"


def exact(instant: int) -> str:
    """Format an instant of a device or media session: `2026-11-20T09:00:00.000Z`."""
    text, fraction = _clock(instant)
    return f"{text}.{fraction:03}Z"


def uuid(digest: bytes) -> str:
    """Format sixteen bytes as `3c2e2338-e950-43bf-b588-573773ee43d1`."""
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
