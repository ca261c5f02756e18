"""Days of which Reports returned nothing, although their conferences were read from it before.

The records of Meet for such a day are not evidence of other conferences: where the ids of the two differ, they would be
stored once more beside the first.
"""

from __future__ import annotations

from collections.abc import Container
from datetime import date, timedelta

from connectors.base import Context
from connectors.google_meet.endpoints import REPORTS_RETENTION
from connectors.google_meet.id_conflicts import OtherSourceDays
from connectors.models import Window


def missing_days(context: Context, window: Window, listed: Container[str]) -> OtherSourceDays:
    """The days (UTC) with stored conferences of Reports, of which none is among the `listed` ids."""
    oldest = (
        context.now() - REPORTS_RETENTION + timedelta(days=2)
    ).date()  # earlier ones may be deleted by now
    stored: dict[date, list[str]] = {}
    for uuid, hint in context.stored_refs(window):
        day = hint.get("day")
        if hint.get("ids") == "conference" and isinstance(day, str):
            stored.setdefault(date.fromisoformat(day), []).append(uuid)
    return OtherSourceDays(
        frozenset(
            day
            for day, uuids in stored.items()
            if day >= oldest and not any(uuid in listed for uuid in uuids)
        )
    )
