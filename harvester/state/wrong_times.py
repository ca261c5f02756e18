"""Finds what runs recorded in a journal while the clock of their machine was ahead. Pure functions.

An instant in the future is wrong. So is one that a later run precedes: runs of one journal never overlap, so the clock was
ahead in the earlier one (or behind in the later one; then too much is read again, never too little).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.models import Window
from harvester.state.intervals import Listing, union

TOLERANCE = timedelta(hours=1)
"""How wrong the clock may be without stopping a run."""

KILLED_RUN = timedelta(days=1)
"""How long a run may have gone on of which only the beginning is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTimes:
    """When a run began and ended by its own clock; if it was killed, `ended` is its beginning."""

    id: int
    began: datetime
    ended: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongTimes:
    """What is not believed."""

    latest: datetime
    """The latest instant that was recorded."""
    since: datetime | None
    """When the last run before the first wrong one ended; `None` if there was none."""
    spans: Sequence[tuple[datetime, datetime]]
    """From the beginning to the end of each wrong run."""
    listed: Sequence[Window]
    """The time that was listed then."""


def find_wrong_times(
    runs: Iterable[RunTimes], listings: Sequence[Listing], first_nightly: datetime | None, now: datetime
) -> WrongTimes | None:
    """`runs`: the newest first."""
    spans: list[tuple[datetime, datetime]] = []
    instants: list[datetime] = []
    limit, since = now, None
    for run in runs:
        if max(run.began, run.ended) > limit + TOLERANCE:
            instants.append(max(run.began, run.ended))
            end = run.ended if run.ended > run.began else run.began + KILLED_RUN
            spans.append((min(run.began, run.ended), end))
            since = None
        else:
            limit = min(limit, run.began)
            since = since or (run.ended if spans else None)
    future = [each for each in listings if each.at > now + TOLERANCE]
    instants += [each.at for each in future]
    if first_nightly is not None and first_nightly > now + TOLERANCE:
        instants.append(first_nightly)
    if not instants:
        return None
    wrong = [each.window for each in listings if each in future or _is_in(each.at, spans)]
    return WrongTimes(latest=max(instants), since=since, spans=spans, listed=union(wrong))


def _is_in(instant: datetime, spans: Iterable[tuple[datetime, datetime]]) -> bool:
    return any(begin <= instant <= end for begin, end in spans)
