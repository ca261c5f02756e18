"""A copy of one room's calendar in memory, kept in step by incremental listings.

If the events may not be read, the copy has the busy times only. A calendar that cannot be read at all keeps its last copy,
which becomes unknown when it is too old.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.errors import HarvestError, Interrupted, VendorError
from connectors.google_meet.errors import ApiNotAllowed, Forbidden
from connectors.google_meet.room_calendar_api import CalendarReading, RoomCalendars, SyncTokenExpired
from connectors.google_meet.room_events import RoomEvent
from harvester.rooms.rooms_file import Room
from harvester.rooms.status import RoomStatus, next_change, status, unknown_status

UNKNOWN_AFTER = timedelta(minutes=15)
"""A copy older than this says nothing about the present."""

KEPT_PAST = timedelta(days=1)
"""How long an event is kept after its end."""

FREE_BUSY_AHEAD = timedelta(days=14)
"""How far busy times are read. Google refuses more than about 90 days."""

logger = logging.getLogger(__name__)


class CalendarCopy:
    """Safe for all threads; one of them at a time calls `refresh`."""

    def __init__(
        self,
        room: Room,
        calendars: RoomCalendars,
        now: Callable[[], datetime],
        default_zone: ZoneInfo,
        *,
        about: datetime | None = None,
    ) -> None:
        """`about`: read the events of this instant, past or future, instead of the present."""
        self.room = room
        self._about = about
        self._calendars = calendars
        self._now = now
        self._zone = room.zone or default_zone
        self._lock = Lock()
        self._events: dict[str, RoomEvent] = {}
        self._sync_token = ""
        self._busy_times_only = False
        self._as_of: datetime | None = None
        self._version = 0
        """Counts the changes of events and zone."""
        self._computed: tuple[int, RoomStatus, datetime] | None = None
        """The last state that was computed, the version that it is of, and the instant of the next change."""

    @property
    def zone(self) -> ZoneInfo:
        """The room's zone: the one in the file, else the calendar's."""
        with self._lock:
            return self._zone

    @property
    def as_of(self) -> datetime | None:
        """When the last reading that succeeded began."""
        with self._lock:
            return self._as_of

    @property
    def has_busy_times_only(self) -> bool:
        """Whether the events may not be read, so that the copy has busy times without ids, titles and organizers."""
        with self._lock:
            return self._busy_times_only

    def events(self) -> tuple[RoomEvent, ...]:
        with self._lock:
            return tuple(self._events.values())

    def status(self, now: datetime) -> RoomStatus:
        """The state at `now`; unknown if the calendar was never read, or too long ago."""
        with self._lock:
            zone, as_of, events = self._zone, self._as_of, tuple(self._events.values())
            version, computed = self._version, self._computed
        if as_of is None or (self._about is None and now - as_of > UNKNOWN_AFTER):
            return unknown_status(now, zone)
        if computed is not None and computed[0] == version and computed[1].at <= now < computed[2]:
            return replace(computed[1], at=now)
        found = status(events, now, zone)
        if (until := next_change(found)) is not None:
            self._computed = version, found, until
        return found

    def refresh(self, *, full: bool = False) -> HarvestError | None:
        """Read what has changed, or everything if `full` or if there is no copy yet.

        An error is returned, not raised, and the copy stays as it was. Raises Interrupted.
        """
        began = self._now()
        try:
            self._read(began, full=full)
        except Interrupted:
            raise
        except HarvestError as error:
            return error
        with self._lock:
            self._as_of = began
        return None

    def put(self, event: RoomEvent) -> None:
        """Add an event that was just booked, before a reading shows it."""
        with self._lock:
            self._events[event.id] = event
            self._version += 1

    def remove(self, event_id: str) -> None:
        """Remove an event that was just deleted."""
        with self._lock:
            self._events.pop(event_id, None)
            self._version += 1

    def _read(self, now: datetime, *, full: bool) -> None:
        began = self._about or now
        if self._busy_times_only and not full:
            self._read_busy_times(began)
            return
        try:
            self._read_events(began, full=full)
        except (ApiNotAllowed, Forbidden) as refused:
            self._read_busy_times_instead(began, refused)

    def _read_events(self, began: datetime, *, full: bool) -> None:
        if not full and self._sync_token:
            try:
                self._apply(self._calendars.changes(self.room.calendar, self._sync_token), began)
            except SyncTokenExpired:
                logger.debug(
                    "rooms: %s: the sync token has expired; reading the whole calendar", self.room.name
                )
            else:
                return
        self._apply(self._calendars.read(self.room.calendar, began - KEPT_PAST), began, full=True)

    def _apply(self, reading: CalendarReading, began: datetime, *, full: bool = False) -> None:
        """Store a reading. `full`: nothing of the earlier copy stays. No other thread sees a half of it."""
        zone = _zone(reading.time_zone) if self.room.zone is None else None
        with self._lock:
            self._version += 1
            if full:
                self._events = {}
                self._busy_times_only = False
            for event in reading.events:
                if event.cancelled:
                    self._events.pop(event.id, None)
                else:
                    self._events[event.id] = event
            self._sync_token = reading.sync_token
            self._zone = zone or self._zone
            for event in list(self._events.values()):
                if event.interval(self._zone)[1] < began - KEPT_PAST:
                    del self._events[event.id]

    def _read_busy_times_instead(self, began: datetime, refused: HarvestError) -> None:
        """Raises the error of the events, which names what to do, if the busy times are refused as well."""
        try:
            self._read_busy_times(began)
        except (ApiNotAllowed, VendorError):
            raise refused from None

    def _read_busy_times(self, began: datetime) -> None:
        found = dict(
            self._calendars.free_busy([self.room.calendar], began - KEPT_PAST, began + FREE_BUSY_AHEAD)
        )
        answer = found[self.room.calendar]
        if isinstance(answer, VendorError):
            raise answer
        with self._lock:
            self._version += 1
            self._events = {event.id: event for event in answer}
            self._sync_token = ""
            self._busy_times_only = True


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
