"""Prints each new state of a room, beside the watcher: a program that reads slowly, or not at all, holds up no display."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from threading import Condition
from typing import NoReturn

from harvester.rooms.status_json import RoomReading
from harvester.sinks.base import PipeClosed

MOST_WAITING = 10_000
"""States that wait to be printed. If more do, the oldest are left out."""
LOOK_SECONDS = 0.5

logger = logging.getLogger(__name__)


class StatePrinter:
    """`run` blocks; `show` is safe for all threads and returns at once."""

    def __init__(
        self, write: Callable[[RoomReading], None], reader_is_gone: Callable[[], bool] = lambda: False
    ) -> None:
        """`write` may block, and raises PipeClosed or OutputError."""
        self._write = write
        self._reader_is_gone = reader_is_gone
        self._condition = Condition()
        self._waiting: deque[RoomReading] = deque()
        self._has_dropped = False

    def show(self, reading: RoomReading) -> None:
        with self._condition:
            self._waiting.append(reading)
            if len(self._waiting) > MOST_WAITING:
                self._waiting.popleft()
                if not self._has_dropped:
                    self._has_dropped = True
                    logger.warning("rooms: stdout is read too slowly: states are left out")
            self._condition.notify()

    def run(self, check_stop: Callable[[], None]) -> NoReturn:
        """Print until `check_stop`, which is called often, raises. Raises PipeClosed soon after the reader has gone, although
        nothing may change for hours."""
        while True:
            check_stop()
            with self._condition:
                if not self._waiting:
                    self._condition.wait(LOOK_SECONDS)
                reading = self._waiting.popleft() if self._waiting else None
            if reading is not None:
                self._write(reading)
            elif self._reader_is_gone():
                raise PipeClosed("the output was closed")
