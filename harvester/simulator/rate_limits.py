"""Rate limits as vendors count them: requests in a sliding window, and requests in a UTC day."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class RateLimit:
    """At most `limit` requests in any `period` seconds.

    `peak` is the largest number of requests in one window, refused ones included.
    """

    limit: int
    period: float
    requests: int = 0
    refused: int = 0
    peak: int = 0
    first: float = 0.0
    last: float = 0.0
    _arrived: deque[float] = field(default_factory=deque)
    _allowed: deque[float] = field(default_factory=deque)

    def admit(self, now: float) -> bool:
        """Count a request at `now` (seconds) and return whether it is within the limit; a refused request
        does not count against it."""
        self.first = self.first if self.requests else now
        self.last = now
        self.requests += 1
        self._arrived.append(now)
        self.peak = max(self.peak, _slide(self._arrived, now - self.period))
        if _slide(self._allowed, now - self.period) >= self.limit:
            self.refused += 1
            return False
        self._allowed.append(now)
        return True

    def wait(self, now: float) -> float:
        """Return the seconds from `now` until another request is within the limit."""
        if _slide(self._allowed, now - self.period) < self.limit:
            return 0.0
        return self._allowed[-self.limit] + self.period - now

    def counts(self) -> dict[str, float]:
        """Return the statistics for `/_simulator/traffic`; `first` and `last` are in the vendor's seconds."""
        return {name: getattr(self, name) for name in _COUNTED}


_COUNTED = ("limit", "period", "requests", "refused", "peak", "first", "last")


@dataclass(slots=True)
class DailyQuota:
    """At most `limit` requests in a calendar day; `day` is any number that changes at midnight."""

    limit: int
    used: int = 0
    refused: int = 0
    _day: int = -1

    def admit(self, day: int) -> bool:
        if day != self._day:
            self._day, self.used = day, 0
        if self.used >= self.limit:
            self.refused += 1
            return False
        self.used += 1
        return True


def _slide(moments: deque[float], oldest: float) -> int:
    """Drop the instants at or before `oldest` and return how many remain."""
    while moments and moments[0] <= oldest:
        moments.popleft()
    return len(moments)
