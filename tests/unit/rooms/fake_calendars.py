"""Calendars in memory that answer as `RoomCalendars` does, and record the calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.errors import HarvestError, VendorError
from connectors.google_meet.room_calendar_api import (
    CalendarReading,
    NewEvent,
    RoomCalendars,
    SyncTokenExpired,
)
from connectors.google_meet.room_events import RoomEvent


class FakeCalendars(RoomCalendars):
    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.time_zone: str | None = None
        self.refused: dict[str, HarvestError] = {}
        """The error for a method, such as `read`."""
        self.lost: set[str] = set()
        """Methods that act although they raise."""
        self.before_insert: Callable[[], object] = lambda: None
        self._events: dict[str, dict[str, RoomEvent]] = {}
        self._changes: dict[str, list[RoomEvent]] = {}
        self._creations = 0
        self._expired: set[str] = set()

    def set(self, calendar: str, event: RoomEvent) -> None:
        self._creations += 1
        event = replace(event, created=at(0) + timedelta(seconds=self._creations))
        self._events.setdefault(calendar, {})[event.id] = event
        self._changes.setdefault(calendar, []).append(event)

    def cancel(self, calendar: str, event_id: str) -> None:
        del self._events[calendar][event_id]
        gone = RoomEvent(id=event_id, start=date.min, end=date.min, cancelled=True, occupies=False)
        self._changes.setdefault(calendar, []).append(gone)

    def expire_tokens(self, calendar: str) -> None:
        self._expired.add(calendar)

    def _ask(self, method: str, calendar: str) -> None:
        self.calls.append((method, calendar))
        if method in self.refused:
            raise self.refused[method]

    def read(self, calendar: str, since: datetime) -> CalendarReading:
        self._ask("read", calendar)
        self._expired.discard(calendar)
        events = self._events.get(calendar, {}).values()
        current = tuple(event for event in events if event.interval(ZoneInfo("UTC"))[1] > since)
        return self._reading(calendar, current)

    def changes(self, calendar: str, sync_token: str) -> CalendarReading:
        self._ask("changes", calendar)
        if calendar in self._expired:
            raise SyncTokenExpired("expired", status=410)
        return self._reading(calendar, tuple(self._changes.get(calendar, [])[int(sync_token) :]))

    def get(self, calendar: str, event: str) -> RoomEvent | None:
        self._ask("get", calendar)
        return self._events.get(calendar, {}).get(event)

    def insert(self, calendar: str, event: NewEvent) -> RoomEvent:
        self.before_insert()
        if "insert" in self.lost:
            self._add(calendar, event)
        self._ask("insert", calendar)
        return self._add(calendar, event)

    def _add(self, calendar: str, event: NewEvent) -> RoomEvent:
        if event.id in self._events.get(calendar, {}):
            raise VendorError("exists", status=409)
        added = RoomEvent(
            id=event.id, title=event.title, start=event.start, end=event.end, properties=event.properties
        )
        self.set(calendar, added)
        return self._events[calendar][event.id]

    def delete(self, calendar: str, event: str) -> bool:
        self._ask("delete", calendar)
        if event not in self._events.get(calendar, {}):
            return False
        self.cancel(calendar, event)
        return True

    def _reading(self, calendar: str, events: tuple[RoomEvent, ...]) -> CalendarReading:
        token = str(len(self._changes.get(calendar, [])))
        return CalendarReading(events=events, sync_token=token, time_zone=self.time_zone)

    def free_busy(
        self, calendars: Sequence[str], start: datetime, end: datetime
    ) -> Iterator[tuple[str, tuple[RoomEvent, ...] | VendorError]]:
        for calendar in calendars:
            self._ask("free_busy", calendar)
            events = self._events.get(calendar, {}).values()
            busy = [replace(event, title=None, organizer=None) for event in events if event.occupies]
            yield calendar, tuple(busy)


def at(hour: float) -> datetime:
    return datetime(2026, 11, 30, tzinfo=UTC) + timedelta(hours=hour)


def event(name: str, start: float, end: float) -> RoomEvent:
    return RoomEvent(id=name, title=name, start=at(start), end=at(end))
