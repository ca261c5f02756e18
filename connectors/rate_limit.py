"""Rate limits: even pacing per quota pool and rate class.

A vendor that permits 40 calls in any second is called every 26 ms, never 40 times at once: a burst leaves no room for
other programs of the same account, and one late packet makes it 41 in some second. So a `RateLimiter` hands out
time slots, one interval apart; unused slots are lost. Threads that wake up late (because the machine slept or was busy)
may use their slots together only as long as no period has too many calls.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from math import ceil
from threading import Lock
from typing import Protocol

MARGIN = 0.97
"""The part of a permitted rate that is used: delays vary, and the vendor counts arrivals."""

SLOWDOWN = 0.7
"""A 429 lowers the rate to this part of what it was."""
SLOWEST = 0.1
"""The lowest rate after several of them, as a part of the full rate."""
RECOVERY = 0.01
"""Every call restores this part of the way from the slowest to the full rate."""

logger = logging.getLogger(__name__)


class Clock(Protocol):
    def elapsed(self) -> float: ...
    def wait(self, seconds: float) -> None: ...


class Limiter(Protocol):
    """Grants the moments at which requests are made."""

    def acquire(self) -> float:
        """Wait for the next free moment; returns the seconds that it took."""
        ...

    def pause(self, seconds: float) -> None:
        """Allow no call for `seconds`, and fewer after that, because the vendor refused one for its rate limit."""
        ...


class CombinedLimiter:
    """Several rate limits that one request counts against, such as a user's and the project's."""

    def __init__(self, *limiters: Limiter) -> None:
        self._limiters = limiters

    def acquire(self) -> float:
        return sum(limiter.acquire() for limiter in self._limiters)

    def pause(self, seconds: float) -> None:
        for limiter in self._limiters:
            limiter.pause(seconds)


class RateLimiter:
    """Calls of one rate class of one quota pool: at most `calls` per `per` seconds × share, evenly.

    Safe for many threads. Seconds are those of the clock. A 429 lowers the rate; the calls that follow restore it
    slowly.
    """

    def __init__(self, clock: Clock, *, calls: float, per: float = 1.0, share: float = 1.0) -> None:
        self._clock = clock
        self._interval = per / (calls * MARGIN * share)
        self._per = per
        self._used: deque[float] = deque(maxlen=ceil(calls * MARGIN * share))
        self._factor = 1.0
        self._next = float("-inf")
        self._paused_until = float("-inf")
        self._lock = Lock()

    @property
    def per_second(self) -> float:
        """The current rate."""
        return self._factor / self._interval

    def acquire(self, wait: Callable[[float], None] | None = None) -> float:
        """Wait for the next free moment; returns the seconds that it took. `wait`: of the caller, instead of the clock's."""
        wait = wait or self._clock.wait
        began = self._clock.elapsed()
        moment = self._reserve()
        while True:
            ahead = moment - self._clock.elapsed()
            if ahead > 0:
                wait(ahead)
            another = self._next_slot_if_blocked(moment)
            if another is None:
                return max(0.0, self._clock.elapsed() - began)
            moment = another

    def pause(self, seconds: float) -> None:
        """Allow no call for `seconds`, and fewer after that, because the vendor refused one for its rate limit."""
        with self._lock:
            now = self._clock.elapsed()
            if now >= self._paused_until:  # once, not for each of the requests that were in flight together
                self._factor = max(SLOWEST, self._factor * SLOWDOWN)
                logger.debug("rate limit lowered to %.2f requests per second", self.per_second)
            self._paused_until = max(self._paused_until, now + seconds)

    def _next_slot_if_blocked(self, moment: float) -> float | None:
        """Another moment if this one cannot be used, because of a pause meanwhile or too many late calls; `None` if it is
        used now."""
        with self._lock:
            now = self._clock.elapsed()
            if self._paused_until > moment:
                return self._reserve_next()
            if len(self._used) == self._used.maxlen and now < self._used[0] + self._per:
                self._next = max(self._next, self._used[0] + self._per)
                return self._reserve_next()
            self._used.append(now)
            return None

    def _reserve(self) -> float:
        with self._lock:
            return self._reserve_next()

    def _reserve_next(self) -> float:
        moment = max(self._next, self._clock.elapsed(), self._paused_until)
        self._next = moment + self._interval / self._factor
        self._factor = min(1.0, self._factor + RECOVERY * (1.0 - SLOWEST))
        return moment


class PooledLimiter:
    """A limiter of a pool for one of its accounts, which waits by its own clock: that ends with the account's own stop
    signal, and with no other."""

    def __init__(self, limiter: RateLimiter, clock: Clock) -> None:
        self.limiter = limiter
        self._clock = clock

    def acquire(self) -> float:
        return self.limiter.acquire(self._clock.wait)

    def pause(self, seconds: float) -> None:
        self.limiter.pause(seconds)


class LimiterPool:
    """The rate limiters of one quota pool, which all accounts of the pool share. Safe for threads."""

    def __init__(self) -> None:
        self._limiters: dict[tuple[str, float, float, float], RateLimiter] = {}
        self._lock = Lock()

    def get(
        self, name: str, clock: Clock, *, calls: float, per: float = 1.0, share: float = 1.0
    ) -> PooledLimiter:
        """The limiter of the rate class with this name, for the account of this clock. The arguments are those of
        `RateLimiter`."""
        key = name, calls, per, share
        with self._lock:
            if key not in self._limiters:
                self._limiters[key] = RateLimiter(clock, calls=calls, per=per, share=share)
            return PooledLimiter(self._limiters[key], clock)
