"""Finds booked rooms whose Meet has not begun: their meetings run by the calendar, and Meet has no conference of them yet.

The organizer of each running meeting is asked once a minute until its conference begins. What is not known is never said: a
meeting without a Meet code, or whose organizer may not be asked, counts as held.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import NoReturn, Protocol

from connectors.concurrency import ordered_map
from connectors.errors import HarvestError, Interrupted
from connectors.google_meet.auth import UserUnavailable
from connectors.google_meet.errors import Forbidden
from harvester.rooms.status import RoomMeeting
from harvester.rooms.status_json import RoomReading
from harvester.rooms.watcher import WatchClock

ASK_SECONDS = 60.0
LOOK_SECONDS = 5.0
"""How often the rooms are looked through for meetings that have started."""
WORKERS = 8

logger = logging.getLogger(__name__)


class Conferences(Protocol):
    """`RoomConferences`, or what stands for it in a test."""

    def has_begun(self, code: str, organizer: str, start: datetime) -> bool | None: ...


class MeetClock(WatchClock, Protocol):
    """What is needed of a `RunContext`."""

    def wait(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True, order=True)
class _Meeting:
    """What is known of a meeting is forgotten when its code or its start changes."""

    code: str
    organizer: str
    start: datetime


class MeetStarts:
    """`run` blocks; `no_one_joined` is safe for all threads."""

    def __init__(
        self,
        conferences: Conferences,
        readings: Callable[[], Iterable[RoomReading]],
        clock: MeetClock,
        changed: Callable[[RoomReading], None],
    ) -> None:
        """`readings`: the present states of all rooms; `changed` is called if what is known of a room's meeting changes."""
        self._conferences = conferences
        self._readings = readings
        self._clock = clock
        self._changed = changed
        self._lock = Lock()
        self._begun: dict[_Meeting, bool] = {}
        """Of the meetings that run: whether the Meet has begun, if that is known."""
        self._refused: set[_Meeting] = set()
        """Meetings whose organizer may not be asked."""
        self._due: dict[_Meeting, float] = {}
        self._said = ""

    def no_one_joined(self, reading: RoomReading) -> bool:
        """Whether meetings run in the room, and the Meet of none of them has begun."""
        running = [_meeting(meeting) for meeting in reading.status.running]
        with self._lock:
            return bool(running) and all(
                meeting is not None and self._begun.get(meeting) is False for meeting in running
            )

    def run(self, check_stop: Callable[[], None]) -> NoReturn:
        """Ask until `check_stop`, which is called often, raises."""
        while True:
            check_stop()
            self.look()
            self._clock.wait(LOOK_SECONDS)

    def look(self) -> None:
        """Ask about each running meeting that has not begun, if it is due."""
        rooms = [
            (reading, {each for each in map(_meeting, reading.status.running) if each is not None})
            for reading in self._readings()
        ]
        now = self._clock.elapsed()
        asked = self._choose({meeting for _, meetings in rooms for meeting in meetings}, now)
        found = dict(zip(asked, ordered_map(self._ask, asked, workers=WORKERS, name="meets"), strict=True))
        changed = self._store(found, now)
        for reading, meetings in rooms:
            if changed & meetings:
                self._changed(reading)

    def _choose(self, running: set[_Meeting], now: float) -> list[_Meeting]:
        """Forget the meetings that no longer run. Returns those to ask about."""
        with self._lock:
            self._begun = {meeting: begun for meeting, begun in self._begun.items() if meeting in running}
            self._due = {meeting: due for meeting, due in self._due.items() if meeting in running}
            self._refused &= running
            return sorted(
                meeting
                for meeting in running - self._refused
                if not self._begun.get(meeting) and self._due.get(meeting, now) <= now
            )

    def _store(self, found: Mapping[_Meeting, bool | None], now: float) -> set[_Meeting]:
        """Returns the meetings of which something else is known now."""
        with self._lock:
            changed = {meeting for meeting, begun in found.items() if self._begun.get(meeting) is not begun}
            for meeting, begun in found.items():
                self._due[meeting] = now + ASK_SECONDS
                if begun is None:
                    self._begun.pop(meeting, None)
                else:
                    self._begun[meeting] = begun
            return changed

    def _ask(self, meeting: _Meeting) -> bool | None:
        """None if it is not known."""
        try:
            begun = self._conferences.has_begun(meeting.code, meeting.organizer, meeting.start)
        except Interrupted:
            raise
        except HarvestError as error:
            self._say(str(error))
            if not isinstance(error, UserUnavailable | Forbidden):
                return None
            begun = None
        if begun is None:
            with self._lock:
                self._refused.add(meeting)
        return begun

    def _say(self, message: str) -> None:
        """Log each new reason once."""
        if message != self._said:
            self._said = message
            logger.warning("rooms: whether a Meet has begun is not known: %s", message)


def _meeting(meeting: RoomMeeting) -> _Meeting | None:
    code, organizer = meeting.event.meet_code, meeting.event.organizer_email
    return None if not code or not organizer else _Meeting(code, organizer, meeting.start)
