"""Which time a run reads: dates as people type them, to a window of UTC time."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import click

from connectors.models import Window


def window(
    on: date | None, first: date | None, last: date | None, *, zone: ZoneInfo, now: datetime
) -> Window:
    """`--date`, or `--from` to `--to` (both inclusive; `--to` is yesterday where it is left out), else yesterday.

    UsageError for what contradicts itself, and for days that have not come yet.
    """
    today = now.astimezone(zone).date()
    yesterday = today - timedelta(days=1)
    if on is not None and (first is not None or last is not None):
        raise click.UsageError("--date is one day; --from and --to are for several: use one or the other")
    if first is None and last is not None:
        raise click.UsageError("--to needs --from")
    begin = on or first or yesterday
    end = on or last or yesterday
    for day in (begin, end):
        if day > today:
            raise click.UsageError(f"{day} has not come yet (today is {today} in {zone.key})")
    if begin > end:
        raise click.UsageError(f"--from {begin} lies after --to {end}")
    return Window.days(begin, end, zone)


def clamped(asked: Window, *, kept: timedelta, now: datetime) -> Window | None:
    """The part of the window that the vendor still keeps; `None` where there is none."""
    reach = now - kept
    return asked.intersection(Window(start=reach, end=max(asked.end, now)))
