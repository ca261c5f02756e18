"""Types of options: an instant, a duration."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

import click

LONGEST = timedelta(days=7)
_DURATION = re.compile(r"(?:([0-9]{1,3})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,6})s)?")


class Duration(click.ParamType[timedelta]):
    """`50m`, `90s`, `1h30m`: hours, minutes and seconds in this order, a week at most."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        duration = timedelta(0)
        if parts := _DURATION.fullmatch(str(value)):
            hours, minutes, seconds = (int(part or 0) for part in parts.groups())
            duration = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        if not timedelta(0) < duration <= LONGEST:
            raise click.BadParameter(
                "write a duration like 50m, 90s or 1h30m, of at most a week (168h)", ctx, param
            )
        return duration


class Instant(click.ParamType[datetime]):
    """An ISO 8601 instant such as `2026-11-30T10:00+01:00` or `2026-11-30T09:00Z`, in UTC.

    `zone`: that of an instant without an offset; `None`: such an instant is refused.
    """

    name = "instant"

    def __init__(self, *, zone: tzinfo | None = None) -> None:
        self._zone = zone

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        instant = _read_instant(str(value), self._zone)
        if instant is None:
            example = "2026-11-20T03:00:00Z" if self._zone is not None else "2026-11-30T10:00+01:00"
            offset = "" if self._zone is not None else " with its offset,"
            raise click.BadParameter(f"write an instant{offset} like {example}", ctx, param)
        return instant


def _read_instant(text: str, zone: tzinfo | None) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=zone)
        return None if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
