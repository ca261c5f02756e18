"""Microsoft Graph's formats: instants with up to seven decimals, ISO 8601 durations, UUIDs, links into meetings.

An instant is a number of ticks of 100 nanoseconds since 1970.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import quote

TICKS = 10_000_000
"""Ticks in a second."""
TICKS_PER_MILLISECOND = TICKS // 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}"


def stamp(ticks: int) -> str:
    """Format as `2020-02-25T18:52:21.2169889Z`, without decimals that are zero."""
    seconds, fraction = divmod(ticks, TICKS)
    return f"{_second(seconds)}.{fraction:07}".rstrip("0").rstrip(".") + "Z"


def parse_stamp(text: str) -> int:
    """Return the ticks of a UTC instant with at most seven decimals; ValueError for anything else."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    if not text.endswith("Z") or not (fraction or "0").isdigit() or len(fraction) > 7:
        raise ValueError(text)
    instant = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return int((instant - _EPOCH).total_seconds()) * TICKS + int(fraction.ljust(7, "0") or 0)


def duration(milliseconds: float | None, *, long: bool = False) -> str | None:
    """Format as `PT0.061S`; a long one has every part that Edm.Duration allows."""
    if milliseconds is None:
        return None
    seconds = f"{milliseconds / 1000:.7f}".rstrip("0").rstrip(".")
    return f"P0DT0H0M{seconds}S" if long else f"PT{seconds}S"


def uuid(digest: bytes) -> str:
    """Format sixteen bytes as `3c2e2338-e950-43bf-b588-573773ee43d1`."""
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def join_url(thread: str, tenant: str, organizer: str) -> str:
    """Return the link into a meeting. It lets anyone join."""
    context = quote(f'{{"Tid":"{tenant}","Oid":"{organizer}"}}', safe="").lower()
    return f"https://teams.microsoft.com/l/meetup-join/19%3ameeting_{thread}%40thread.v2/0?context={context}"
