"""When to try a request again: full jitter, `Retry-After`, a total time and a number of attempts.

The vendors' HTTP client and every loop around a request to Elasticsearch use this policy; only the limits differ.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Event

from connectors.errors import Interrupted


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLimits:
    first_seconds: float
    """The longest first pause. It doubles with every attempt; the pause itself is a random part of it."""
    cap_seconds: float
    """The longest pause, unless `Retry-After` asks for more."""
    total_seconds: float
    """A request that would take longer than this is given up."""
    attempts: int | None = None
    """How often a request is sent, the first time included; `None`: as often as the total time allows."""


VENDOR_LIMITS = RetryLimits(first_seconds=1.0, cap_seconds=60.0, total_seconds=900.0, attempts=7)
ELASTICSEARCH_LIMITS = RetryLimits(first_seconds=1.0, cap_seconds=30.0, total_seconds=300.0)

SPREAD_SECONDS = 1.0
"""At most this much is added to `Retry-After`, so that waiting threads do not all come back at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Limits, and a clock to wait by."""

    wait: Callable[[float], None]
    """Returns after this number of seconds, or raises Interrupted."""
    elapsed: Callable[[], float]
    """Seconds that never go backwards."""
    now: Callable[[], datetime]
    """The calendar, for a `Retry-After` that is a date."""
    limits: RetryLimits
    cancelled: Event = field(default_factory=Event)
    """Set when further attempts are pointless, for example because another request has failed for good."""

    def within(self, seconds: float) -> RetryPolicy:
        """The same policy with a total time of at most `seconds`."""
        total = min(seconds, self.limits.total_seconds)
        return replace(self, limits=replace(self.limits, total_seconds=total))

    def start(self) -> RetryState:
        """The state of a new request."""
        return RetryState(self)


class RetryState:
    """The attempts of one request."""

    def __init__(self, policy: RetryPolicy) -> None:
        self.policy = policy
        self.reset()

    def reset(self) -> None:
        """Start counting attempts and time again, because part of the request succeeded."""
        self.attempts = 0
        self._started = self.policy.elapsed()

    @property
    def seconds(self) -> float:
        """How long the request has been tried."""
        return self.policy.elapsed() - self._started

    def next_delay(self, retry_after: float | None = None, *, attempts: int | None = None) -> float | None:
        """Count a failed attempt. Returns the seconds to wait before the next one, or `None` to give up.

        `retry_after`: the seconds that the server asked for. `attempts`: lowers the number of attempts allowed. Raises
        Interrupted if the policy was cancelled.
        """
        if self.policy.cancelled.is_set():
            raise Interrupted from None
        self.attempts += 1
        delay = self._jitter()
        if retry_after is not None:
            delay = retry_after + min(delay, SPREAD_SECONDS)
        allowed = [limit for limit in (self.policy.limits.attempts, attempts) if limit is not None]
        if allowed and self.attempts >= min(allowed):
            return None
        return delay if self.seconds + delay <= self.policy.limits.total_seconds else None

    def _jitter(self) -> float:
        limits = self.policy.limits
        # The exponent is bounded, since no float holds 2 to the power of some thousand attempts.
        return random.uniform(
            0, min(limits.cap_seconds, limits.first_seconds * 2 ** min(self.attempts - 1, 16))
        )


def count_attempts(number: int) -> str:
    """`1 try`, `7 tries`: for messages."""
    return "1 try" if number == 1 else f"{number:,} tries"
