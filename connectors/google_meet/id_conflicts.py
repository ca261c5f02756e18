"""Keep one conference from being stored twice, under the id of Reports and under the id of Meet.

Whether the two ids are equal is not documented. If they are, either source replaces what the other stored. If not, a day
that was read from the other source is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from connectors.base import Context
from connectors.errors import ConfigurationError
from connectors.google_meet.endpoints import VENDOR
from connectors.models import Reason, SkippedPartition, Window

Ids = Literal["conference", "record"]


@dataclass(frozen=True, slots=True)
class OtherSourceDays:
    """The days (UTC) that were read from the other source, and so are skipped."""

    days: frozenset[date] = frozenset()

    def contains(self, start: datetime) -> bool:
        return start.astimezone(UTC).date() in self.days

    def skipped_partitions(self) -> Iterator[SkippedPartition]:
        """One partition for each day, never tried again."""
        for day in sorted(self.days):
            yield SkippedPartition(partition=f"day {day}", reason=Reason.replaced, permanent=True)


class IdConflicts:
    """Finds days that were read from the other source. `own_ids`: the kind of ids that this source uses."""

    def __init__(self, context: Context, *, own_ids: Ids) -> None:
        self._context = context
        self._own_ids = own_ids

    def find(self, window: Window, known: Callable[[list[str]], bool]) -> OtherSourceDays:
        """The days that were read from the other source, or none if this source has some of their ids too (`known`).

        Raises ConfigurationError if that is the whole window.
        """
        uuids_by_day: dict[date, list[str]] = {}
        for uuid, hint in self._context.stored_refs(window):
            source, start = hint.get("source"), hint.get("day")
            if self._is_other_source(source, hint.get("ids")) and isinstance(start, str):
                uuids_by_day.setdefault(date.fromisoformat(start), []).append(uuid)
        uuids = [uuid for day in uuids_by_day.values() for uuid in day]
        if not uuids or known(uuids):
            return OtherSourceDays()
        days = frozenset(uuids_by_day)
        if days >= set(_days(window)):
            raise ConfigurationError(f"{VENDOR}: {self._describe(days)}")
        self._context.notify_once(f"{VENDOR}: {self._describe(days)}; reading the other days")
        return OtherSourceDays(days)

    def _is_other_source(self, source: object, ids: object) -> bool:
        if self._own_ids == "record":
            return source in {"reports", "auto"} and ids == "conference"
        return source == "meet"

    def _describe(self, days: frozenset[date]) -> str:
        other = "meet" if self._own_ids == "conference" else "reports or auto"
        return (
            f"{_span(days)}: read from another source before, which has other conference ids: to read this time again, set "
            f"GOOGLE_SOURCE={other} as before, or another ES_INDEX_PREFIX or HARVESTER_ACCOUNT"
        )


def _span(days: frozenset[date]) -> str:
    """`2026-11-20`, `3 days from 2026-11-20 on`: there may be others in between."""
    return f"{len(days)} days from {min(days)} on" if len(days) > 1 else str(min(days))


def _days(window: Window) -> Iterator[date]:
    day, last = window.start.date(), (window.end - timedelta(microseconds=1)).date()
    while day <= last:
        yield day
        day += timedelta(days=1)
