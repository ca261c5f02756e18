"""Keeps the state of many rooms up to date, and passes on each change.

Each calendar is read once a minute, the rooms spread evenly over it, and once an hour in full. The state of a room is
computed again after each reading and at each start or end of a meeting. Rooms that cannot be read, or whose calendar
answers late, are read by threads of their own, so that they delay no other.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Any, Literal, NoReturn, Protocol

from connectors.errors import HarvestError, Interrupted
from harvester.rooms.calendar_copy import CalendarCopy
from harvester.rooms.status import next_change
from harvester.rooms.status_json import RoomReading, Titles, to_json

POLL_SECONDS = 60.0
WORKERS = 16
"""Threads that read calendars; half as many more read those that failed or were slow."""
SLOW_SECONDS = 5.0
"""A reading that takes longer is slow."""
FULL_SECONDS = 3600.0
LONGEST_SLEEP = 0.5
"""In real seconds: how often the watcher looks whether it has to stop, or whether the clock was set."""

logger = logging.getLogger(__name__)

Listener = Callable[[RoomReading], None]
"""Is passed each new state of a room, in the watcher's thread. It must not block."""


class WatchClock(Protocol):
    """What the watcher needs of a `RunContext`."""

    speed: float
    """How many seconds of `elapsed` fit into a real one."""

    def now(self) -> datetime: ...
    def elapsed(self) -> float: ...


@dataclass(kw_only=True)
class _Watched:
    """One room, as the watcher's thread knows it."""

    copy: CalendarCopy
    full_due: float = 0.0
    """When to read the calendar in full, in seconds of the clock."""
    reading: RoomReading | None = None
    shown: Mapping[str, Any] = field(default_factory=dict)
    """The state that listeners know, without the times of the reading."""
    changes_at: datetime | None = None
    is_being_read: bool = False
    read_again: bool = False
    """It was asked for while it was being read."""
    was_slow: bool = False
    """The last reading failed, or took longer than SLOW_SECONDS."""
    failed: str = ""
    """The message of the failure that was logged; empty if the last reading succeeded."""


class _Readers:
    """Two pools of threads: calendars that answer late, however many, keep those of the first free for the others."""

    def __init__(self, workers: int, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self._prompt = ThreadPoolExecutor(workers, thread_name_prefix="rooms")
        self._slow = ThreadPoolExecutor(max(1, workers // 2), thread_name_prefix="slow-rooms")

    def submit(self, watched: _Watched, *, full: bool) -> Future[HarvestError | None]:
        pool = self._slow if watched.was_slow else self._prompt
        return pool.submit(self._read, watched, full=full)

    def _read(self, watched: _Watched, *, full: bool) -> HarvestError | None:
        began = self._elapsed()
        error = watched.copy.refresh(full=full)
        watched.was_slow = error is not None or self._elapsed() - began > SLOW_SECONDS
        return error

    def shutdown(self) -> None:
        for pool in (self._prompt, self._slow):
            pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """To the watcher's thread. `kind`: read the room, it was read, or a booking changed its copy."""

    kind: Literal["read", "done", "changed"]
    room: str
    error: BaseException | None = None


class Watcher:
    """`run` blocks; the other methods are safe for all threads."""

    def __init__(
        self,
        copies: Sequence[CalendarCopy],
        clock: WatchClock,
        *,
        titles: Titles = "show",
        workers: int = WORKERS,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._clock = clock
        self._titles: Titles = titles
        self._workers = workers
        self._poll_seconds = poll_seconds
        self._rooms = {copy.room.name: _Watched(copy=copy) for copy in copies}
        self._listeners: list[Listener] = []
        self._messages: SimpleQueue[_Message] = SimpleQueue()

    def add_listener(self, listener: Listener) -> None:
        """Before `run`."""
        self._listeners.append(listener)

    def readings(self) -> dict[str, RoomReading]:
        """The state of each room as of now, by name, in the order of the configuration."""
        now = self._clock.now()
        return {name: self._read_state(watched.copy, now) for name, watched in self._rooms.items()}

    def reading(self, room: str) -> RoomReading | None:
        """The state of one room as of now; None if there is no such room."""
        watched = self._rooms.get(room)
        return None if watched is None else self._read_state(watched.copy, self._clock.now())

    def read_now(self, room: str) -> None:
        """Read a calendar soon, whatever its turn."""
        self._messages.put(_Message(kind="read", room=room))

    def show_change(self, room: str) -> None:
        """Compute a room's state again, because its copy was changed."""
        self._messages.put(_Message(kind="changed", room=room))

    def run(self, check_stop: Callable[[], None]) -> NoReturn:
        """Watch until `check_stop`, which is called often, raises."""
        step = self._poll_seconds / max(1, len(self._rooms))
        start = self._clock.elapsed() + self._poll_seconds
        turns = [(start + number * step, name) for number, name in enumerate(self._rooms)]
        for name in self._rooms:
            self.read_now(name)
        readers = _Readers(self._workers, self._clock.elapsed)
        try:
            while True:
                check_stop()
                self._start_turns(turns, readers)
                self._handle_messages(readers, self._seconds_to_sleep(turns))
                self._update_changed()
        finally:
            readers.shutdown()

    # Reading

    def _start_turns(self, turns: list[tuple[float, str]], readers: _Readers) -> None:
        now = self._clock.elapsed()
        while turns and turns[0][0] <= now:
            when, name = turns[0]
            heapq.heapreplace(turns, (max(when + self._poll_seconds, now), name))
            self._start(self._rooms[name], readers)

    def _start(self, watched: _Watched, readers: _Readers) -> None:
        if watched.is_being_read:
            watched.read_again = True
            return
        watched.is_being_read = True
        now = self._clock.elapsed()
        full = now >= watched.full_due
        if full:
            watched.full_due = now + FULL_SECONDS
        future = readers.submit(watched, full=full)
        future.add_done_callback(lambda done: self._report(watched.copy.room.name, done))

    def _report(self, name: str, future: Future[HarvestError | None]) -> None:
        """In a thread of the pool."""
        if not future.cancelled():
            error = future.exception() or future.result()
            self._messages.put(_Message(kind="done", room=name, error=error))

    def _handle_messages(self, readers: _Readers, seconds: float) -> None:
        """Wait this long for a message, and handle all that have come."""
        with suppress(Empty):
            message = self._messages.get(timeout=seconds)
            while True:
                self._handle(message, readers)
                message = self._messages.get_nowait()

    def _handle(self, message: _Message, readers: _Readers) -> None:
        watched = self._rooms.get(message.room)
        if watched is None:
            return
        if message.kind == "read":
            self._start(watched, readers)
        elif message.kind == "changed":
            self._update(watched)
        else:
            self._finish(watched, message.error, readers)

    def _finish(self, watched: _Watched, error: BaseException | None, readers: _Readers) -> None:
        """Raises an error that is not a failed reading: a stop, or a bug."""
        if isinstance(error, Interrupted) or not isinstance(error, HarvestError | None):
            raise error
        watched.is_being_read = False
        if error is not None:
            watched.full_due = 0.0
        self._log(watched, error)
        self._update(watched)
        if watched.read_again:
            watched.read_again = False
            self._start(watched, readers)

    def _log(self, watched: _Watched, error: HarvestError | None) -> None:
        name, message = watched.copy.room.name, "" if error is None else str(error)
        if message and message != watched.failed:
            logger.warning("rooms: %s cannot be read: %s", name, message)
        elif not message and watched.failed:
            logger.info("rooms: %s can be read again", name)
        watched.failed = message

    # States

    def _update_changed(self) -> None:
        """Compute the states that a start, an end, the age of the data or a changed clock affects."""
        now = self._clock.now()
        for watched in self._rooms.values():
            reading = watched.reading
            if reading is None:
                continue
            was_set_back = now < reading.status.at
            is_due = watched.changes_at is not None and now >= watched.changes_at
            may_be_too_old = bool(watched.failed) and reading.status.busy is not None
            if was_set_back or is_due or may_be_too_old:
                self._update(watched)

    def _update(self, watched: _Watched) -> None:
        reading = self._read_state(watched.copy, self._clock.now())
        watched.reading = reading
        watched.changes_at = next_change(reading.status)
        shown = to_json(reading)
        del shown["as_of"], shown["stale_seconds"]
        if shown != watched.shown:
            watched.shown = shown
            for listener in self._listeners:
                listener(reading)

    def _read_state(self, copy: CalendarCopy, now: datetime) -> RoomReading:
        return RoomReading(
            room=copy.room.name,
            calendar=copy.room.calendar,
            status=copy.status(now),
            as_of=copy.as_of,
            titles=self._titles,
        )

    def _seconds_to_sleep(self, turns: list[tuple[float, str]]) -> float:
        """Real seconds until the next turn or change, at most LONGEST_SLEEP."""
        waits = [turns[0][0] - self._clock.elapsed()] if turns else []
        changes = [watched.changes_at for watched in self._rooms.values() if watched.changes_at is not None]
        if changes:
            waits.append((min(changes) - self._clock.now()).total_seconds())
        return max(0.001, min([LONGEST_SLEEP, *(wait / self._clock.speed for wait in waits)]))
