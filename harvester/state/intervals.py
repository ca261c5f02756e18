"""Arithmetic on sets of windows. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.models import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A listing that reached its last page, with every ref recorded."""

    window: Window
    at: datetime
    """The instant before its first request."""


def covered_windows(listings: Iterable[Listing], *, margin: timedelta = timedelta(0)) -> list[Window]:
    """The time that these listings cover, in order and without overlaps.

    A listing covers nothing later than its own beginning. With a vendor's lookback as the margin, the result is the time
    that is final: later time may still get meetings that the listing did not show.
    """
    ends = ((listing.window.start, min(listing.window.end, listing.at - margin)) for listing in listings)
    return union(Window(start=start, end=end) for start, end in ends if start < end)


def union(windows: Iterable[Window]) -> list[Window]:
    """The windows in order; those that touch or overlap become one."""
    merged: list[Window] = []
    for window in sorted(windows, key=lambda each: each.start):
        if merged and window.start <= merged[-1].end:
            last = merged.pop()
            merged.append(Window(start=last.start, end=max(last.end, window.end)))
        else:
            merged.append(window)
    return merged


def intersection(windows: Iterable[Window], other: Window) -> list[Window]:
    """The parts of these windows that lie in the other one."""
    return [part for window in windows if (part := window.intersection(other)) is not None]


def difference(windows: Iterable[Window], others: Iterable[Window]) -> list[Window]:
    """The parts of these windows that lie in none of the others."""
    others = list(others)
    return [part for window in windows for part in window.difference(others)]
