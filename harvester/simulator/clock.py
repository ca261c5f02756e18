"""The simulator's two clocks: a calendar that starts at a given instant, and a counter of seconds that runs
`speed` times as fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime


class SimulatedClock:
    """Shows `start` plus the real seconds since it was created, each as `calendar_speed` seconds.

    `speed` shortens waits and token lifetimes but never changes the calendar. `monotonic` is a clock that
    never goes backwards.
    """

    def __init__(
        self,
        start: datetime,
        *,
        speed: float = 1.0,
        calendar_speed: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.start = start.astimezone(UTC)
        self.speed = speed
        self.calendar_speed = calendar_speed
        self.real_start = datetime.now(UTC)
        self._monotonic = monotonic
        self._started = monotonic()
        self._date = (-1, b"")

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self._shown_seconds())

    def _shown_seconds(self) -> float:
        """Return the seconds by which the calendar has moved on."""
        return (self._monotonic() - self._started) * self.calendar_speed

    def advance(self, by: timedelta) -> None:
        """Let the calendar jump ahead; waits and token lifetimes do not notice."""
        self.start += by
        self._date = (-1, b"")

    def milliseconds(self) -> int:
        """Return the current instant in milliseconds since 1970."""
        return int((self.start.timestamp() + self._shown_seconds()) * 1000)

    @property
    def as_setting(self) -> str:
        """The value of HARVESTER_NOW, `SHOWN@REAL`: what another process needs to show the same time."""
        return f"{_iso(self.start)}@{_iso(self.real_start)}"

    def elapsed(self) -> float:
        """Return the seconds since the start as the vendors count them: `speed` of them per real second."""
        return (self._monotonic() - self._started) * self.speed

    def date_header(self) -> bytes:
        """Return the value of the `Date` header."""
        second = int(self._shown_seconds())
        if second != self._date[0]:
            instant = (self.start + timedelta(seconds=second)).replace(microsecond=0)
            self._date = (second, format_datetime(instant, usegmt=True).encode())
        return self._date[1]


def _iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
