"""Meetings that a connector lists and fetches, and those that an earlier run stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from connectors.google_meet import GoogleMeet
from connectors.models import MeetingRecord, MeetingRef, Window
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.google_meet.fake_api import DAY

Build = Callable[..., GoogleMeet]
WEEK = Window(start=NOW, end=NOW + timedelta(days=7))


def refs(connector: GoogleMeet, window: Window = DAY, partitions: tuple[str, ...] = ()) -> list[MeetingRef]:
    return [found for found in connector.meetings(window, partitions) if isinstance(found, MeetingRef)]


def records(connector: GoogleMeet, window: Window = DAY) -> dict[str, MeetingRecord]:
    return {ref.uuid: connector.fetch(ref) for ref in refs(connector, window)}


def stored(context: FakeContext, uuid: str, source: str, ids: str, day: str = "2026-11-20") -> None:
    """Puts a meeting of an earlier run into the journal."""
    at = datetime.fromisoformat(day + "T09:00:00+00:00")
    context.in_journal[uuid] = (at, {"source": source, "ids": ids, "day": day})


def upcoming(meet: Build, **how: Any) -> GoogleMeet:
    """A connector that reads a week of planned meetings."""
    return meet(given={"upcoming": ("7",), **how.pop("given", {})}, **how)


def planned(connector: GoogleMeet) -> list[MeetingRef]:
    return refs(connector, WEEK)
