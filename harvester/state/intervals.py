"""Which time is known: arithmetic on what was listed, and on what is wanted. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.models import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A listing that reached its last page with every ref recorded. `at`: the instant before its first request."""

    window: Window
    at: datetime


def covered_windows(listings: Iterable[Listing], *, margin: timedelta = timedelta(0)) -> list[Window]:
    """The time that these listings cover, in order and without overlaps.

    A listing covers nothing later than its own beginning. With a vendor's lookback as the margin, only what is final:
    what may still come late for the rest is not known.
    """
    ends = ((listed.window.start, min(listed.window.end, listed.at - margin)) for listed in listings)
    return union(Window(start=start, end=end) for start, end in ends if start < end)


def union(windows: Iterable[Window]) -> list[Window]:
    """In order, what touches or overlaps made one."""
    merged: list[Window] = []
    for window in sorted(windows, key=lambda each: each.start):
        if merged and window.start <= merged[-1].end:
            last = merged.pop()
            merged.append(Window(start=last.start, end=max(last.end, window.end)))
        else:
            merged.append(window)
    return merged


def clipped(windows: Iterable[Window], to: Window) -> list[Window]:
    """The parts of these windows that lie in that one."""
    bounds = ((max(window.start, to.start), min(window.end, to.end)) for window in windows)
    return [Window(start=start, end=end) for start, end in bounds if start < end]


def missing(wanted: Window, known: Iterable[Window]) -> list[Window]:
    """The parts of `wanted` that lie in none of the known windows (in order, without overlaps)."""
    gaps: list[Window] = []
    reached = wanted.start
    for window in known:
        if window.start > reached:
            if window.start >= wanted.end:
                break
            gaps.append(Window(start=reached, end=window.start))
        reached = max(reached, window.end)
    if reached < wanted.end:
        gaps.append(Window(start=reached, end=wanted.end))
    return gaps
