"""The clock of a run: this machine's, or one that runs faster or ahead for simulated vendors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The calendar and the seconds of a run: those of this machine, unless the vendors are simulated."""

    wall: Callable[[], float]
    """Seconds since 1970 of this machine."""
    monotonic: Callable[[], float]
    """Seconds of this machine."""
    shift: timedelta = timedelta(0)
    """How far the calendar is ahead of the machine's."""
    speed: float = 1.0
    """How many seconds of `elapsed` and `wait` fit into one of the machine's."""

    @property
    def machine(self) -> Clock:
        """This machine's own clock."""
        return Clock(wall=self.wall, monotonic=self.monotonic)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.wall(), UTC) + self.shift

    def elapsed(self) -> float:
        return self.monotonic() * self.speed
