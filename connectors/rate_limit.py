"""Rate limits: even pacing per quota pool and rate class.

A vendor that permits 40 calls in any second is asked every 26 ms, never 40 times at once: a burst leaves no room for
another program of the same account, and a late packet makes it 41 somewhere. So a `RateLimiter` hands out moments, each one
interval after the last; what was not used is not made up for. Those who wake up late (the machine slept, or had more
to do than it could) may use their moments together only as far as no period sees too many of them.
"""

from __future__ import annotations

from collections import deque
from math import ceil
from threading import Lock
from typing import Protocol

MARGIN = 0.97
"""How much of a permitted rate is used: packets are delayed differently, and the vendor counts arrivals."""

SLOWEST = 0.1
RECOVERY = 0.01


class Clock(Protocol):
    def elapsed(self) -> float: ...
    def wait(self, seconds: float) -> None: ...


class Limiter(Protocol):
    """What hands out the moments at which requests are made."""

    def acquire(self) -> float:
        """Wait for the next free moment; the seconds that it took."""
        ...

    def pause(self, seconds: float) -> None:
        """No call before `seconds` from now, and fewer after it: the vendor refused one for coming too soon."""
        ...


class CombinedLimiter:
    """Several rates that one request counts against: a user's and the project's."""

    def __init__(self, *paces: Limiter) -> None:
        self._paces = paces

    def acquire(self) -> float:
        return sum(limiter.acquire() for limiter in self._paces)

    def pause(self, seconds: float) -> None:
        for limiter in self._paces:
            limiter.pause(seconds)


class RateLimiter:
    """Calls of one rate class of one quota pool: at most `calls` per `per` seconds × share, evenly.

    Safe for many threads. Seconds are those of the clock. A refusal by the vendor (429) lowers the rate to
    seven tenths, down to a tenth; every hundred calls that follow win it back.
    """

    def __init__(self, clock: Clock, *, calls: float, per: float = 1.0, share: float = 1.0) -> None:
        self._clock = clock
        self._interval = per / (calls * MARGIN * share)
        self._per = per
        self._taken: deque[float] = deque(maxlen=ceil(calls * MARGIN * share))
        self._factor = 1.0
        self._next = float("-inf")
        self._held_until = float("-inf")
        self._lock = Lock()

    @property
    def per_second(self) -> float:
        """The rate that is aimed at now."""
        return self._factor / self._interval

    def acquire(self) -> float:
        """Wait for the next free moment; the seconds that it took."""
        began = self._clock.elapsed()
        moment = self._reserve()
        while True:
            ahead = moment - self._clock.elapsed()
            if ahead > 0:
                self._clock.wait(ahead)
            again = self._again(moment)
            if again is None:
                return max(0.0, self._clock.elapsed() - began)
            moment = again

    def pause(self, seconds: float) -> None:
        """No call before `seconds` from now, and fewer after it: the vendor refused one for coming too soon."""
        with self._lock:
            now = self._clock.elapsed()
            if now >= self._held_until:  # one refusal, not each of those that were in flight with it
                self._factor = max(SLOWEST, self._factor * 0.7)
            self._held_until = max(self._held_until, now + seconds)

    def _again(self, moment: float) -> float | None:
        """Another moment, where this one cannot be used: held back meanwhile by a refusal, or too many others have just
        been used, late. `None`: it is used now."""
        with self._lock:
            now = self._clock.elapsed()
            if self._held_until > moment:
                return self._reserve_next()
            if len(self._taken) == self._taken.maxlen and now < self._taken[0] + self._per:
                self._next = max(self._next, self._taken[0] + self._per)
                return self._reserve_next()
            self._taken.append(now)
            return None

    def _reserve(self) -> float:
        with self._lock:
            return self._reserve_next()

    def _reserve_next(self) -> float:
        moment = max(self._next, self._clock.elapsed(), self._held_until)
        self._next = moment + self._interval / self._factor
        self._factor = min(1.0, self._factor + RECOVERY * (1.0 - SLOWEST))
        return moment
