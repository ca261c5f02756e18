"""Who was there, and for how long: people told apart by what a vendor tells of them, and the union of their stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.models import Session


def _person(numbered: tuple[int, Session]) -> tuple[str, str]:
    # Signed-in people by their id; others by name; the nameless by the id of this one stay.
    place, session = numbered
    if session.id is not None:
        return "id", session.id
    if session.user_name is not None:
        return "name", session.user_name
    if session.user_id is not None:
        return "user_id", session.user_id
    return "stay", str(place)


def by_person(stays: Sequence[Session]) -> list[list[Session]]:
    ordered = sorted(enumerate(stays), key=_person)
    return [[stay for _, stay in group] for _, group in groupby(ordered, key=_person)]


def union_seconds(stays: Iterable[Session]) -> int:
    """Seconds during which at least one of these stays ran; a stay without both ends counts for nothing."""
    spans = sorted((s.join_time, s.leave_time) for s in stays if s.join_time and s.leave_time)
    total, reached = timedelta(), datetime.min.replace(tzinfo=UTC)
    for join, leave in spans:
        if leave > reached:
            total += leave - max(join, reached)
            reached = leave
    return int(total.total_seconds())
