"""The simulator's two clocks: a calendar that began at a given instant, and seconds that a speed divides."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime


class Calendar:
    """SHOWN + the seconds since it was made. `speed` divides waits and lives, never the calendar.

    `seconds`: a clock that never goes backwards.
    """

    def __init__(
        self, shown: datetime, *, speed: float = 1.0, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self.shown = shown.astimezone(UTC)
        self.speed = speed
        self.real = datetime.now(UTC)
        self._seconds = seconds
        self._began = seconds()
        self._date = (-1, b"")

    def now(self) -> datetime:
        return self.shown + timedelta(seconds=self._seconds() - self._began)

    def milliseconds(self) -> int:
        """Now, in milliseconds since 1970."""
        return int((self.shown.timestamp() + self._seconds() - self._began) * 1000)

    @property
    def spelled(self) -> str:
        """`SHOWN@REAL`: what another process needs to show the same time."""
        return f"{_iso(self.shown)}@{_iso(self.real)}"

    def elapsed(self) -> float:
        """Seconds since the start as the vendors count them: `speed` of them pass in one of this machine's."""
        return (self._seconds() - self._began) * self.speed

    def date(self) -> bytes:
        """The `Date` header's value."""
        second = int(self._seconds() - self._began)
        if second != self._date[0]:
            shown = (self.shown + timedelta(seconds=second)).replace(microsecond=0)
            self._date = (second, format_datetime(shown, usegmt=True).encode())
        return self._date[1]


def _iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
