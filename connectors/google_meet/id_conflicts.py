"""One conference, two ids: Reports' and Meet's. Whether they are the same is not documented.

A day is stored under the ids of one of them. Where the two agree, either source replaces what the other stored; where
they do not, a day that was read from the other source is left alone, or it would be in the index twice.
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
    """The days (UTC) that belong to the other source."""

    days: frozenset[date] = frozenset()

    def contains(self, start: datetime) -> bool:
        return start.astimezone(UTC).date() in self.days

    def skipped_partitions(self) -> Iterator[SkippedPartition]:
        """Each of them: counted, and not tried again."""
        for day in sorted(self.days):
            yield SkippedPartition(partition=f"day {day}", reason=Reason.replaced, permanent=True)


class IdConflicts:
    """`ours`: the ids that this source knows conferences by."""

    def __init__(self, context: Context, *, own_ids: Ids) -> None:
        self._context = context
        self._own_ids = own_ids

    def find(self, window: Window, known: Callable[[list[str]], bool]) -> OtherSourceDays:
        """The days that were read from the other source, unless some of their ids are `known` here as well.

        ConfigurationError where that is all of the window.
        """
        theirs: dict[date, list[str]] = {}
        for uuid, hint in self._context.stored_refs(window):
            source, start = hint.get("source"), hint.get("day")
            if self._is_other_source(source, hint.get("ids")) and isinstance(start, str):
                theirs.setdefault(date.fromisoformat(start), []).append(uuid)
        uuids = [uuid for day in theirs.values() for uuid in day]
        if not uuids or known(uuids):
            return OtherSourceDays()
        days = frozenset(theirs)
        if days >= set(_days(window)):
            raise ConfigurationError(f"{VENDOR}: {self._describe(days)}")
        self._context.notify_once(f"{VENDOR}: {self._describe(days)}; the other days are read")
        return OtherSourceDays(days)

    def _is_other_source(self, source: object, ids: object) -> bool:
        if self._own_ids == "record":
            return source in {"reports", "auto"} and ids == "conference"
        return source == "meet"

    def _describe(self, days: frozenset[date]) -> str:
        other = "meet" if self._own_ids == "conference" else "reports or auto"
        return (
            f"{len(days)} days from {min(days)} on were read from another source, which knows conferences by other ids: to "
            f"read them again, set GOOGLE_SOURCE={other} as it was, or another ES_INDEX_PREFIX or HARVESTER_ACCOUNT"
        )


def _days(window: Window) -> Iterator[date]:
    day, last = window.start.date(), (window.end - timedelta(microseconds=1)).date()
    while day <= last:
        yield day
        day += timedelta(days=1)
