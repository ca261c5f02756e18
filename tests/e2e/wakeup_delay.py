"""Measures how busy the machine is: how late a thread wakes up."""

from __future__ import annotations

import time
from threading import Event, Thread
from types import TracebackType

BEAT_SECONDS = 0.005


class WakeupDelay:
    """A context manager. `longest`: the longest delay so far, in seconds."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._ended = Event()
        self._thread = Thread(target=self._beat, name="wakeup_delay", daemon=True)

    @property
    def of_a_request(self) -> float:
        """How long a request can take on its way because of it: its sender and its receiver may be held up one after the other."""
        return 2 * self.longest

    def _beat(self) -> None:
        before = time.monotonic()
        while not self._ended.wait(BEAT_SECONDS):
            now = time.monotonic()
            self.longest = max(self.longest, now - before - BEAT_SECONDS)
            before = now

    def __enter__(self) -> WakeupDelay:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
