"""How long and how often one request is tried again: full jitter, `Retry-After` obeyed, a total time."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event

from connectors.errors import Interrupted, Unreachable
from connectors.parsing import parse_retry_after
from harvester.console import ONCE
from harvester.formatting import plural

logger = logging.getLogger(__name__)

BACKOFF_SECONDS = 0.5
BACKOFF_CAP_SECONDS = 30.0
SILENT_SECONDS = 5.0
"""What passes sooner is not worth a word."""

FIRST_ANSWER_SECONDS = 20.0
"""How long to wait for the first answer of all: a wrong address should not take minutes to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """What waiting needs. `seconds`: how long one request may go on without any progress.

    `wait` returns after so many seconds or raises Interrupted; `elapsed` never goes backwards; `now` is the calendar
    that a `Retry-After` date is compared with.
    """

    wait: Callable[[float], None]
    elapsed: Callable[[], float]
    now: Callable[[], datetime]
    seconds: float = 300.0
    abandoned: Event = field(default_factory=Event)

    def start(self, seconds: float | None = None) -> RetryState:
        return RetryState(self, self.seconds if seconds is None else seconds)


class RetryState:
    """The tries of one request."""

    def __init__(self, retry: RetryPolicy, seconds: float) -> None:
        self._retry = retry
        self._seconds = seconds
        self.reset()

    def reset(self) -> None:
        """Something was stored: the time begins again."""
        self._began = self._retry.elapsed()
        self._count = 0

    def backoff(self, why: str, after: str | None = None) -> None:
        """Wait before the next try, at least for `after` (a `Retry-After` header).

        Raises Unreachable with `why` when that would be too late, Interrupted when another request has failed for good.
        """
        if self._retry.abandoned.is_set():
            raise Interrupted from None
        self._count += 1
        ceiling = min(BACKOFF_CAP_SECONDS, BACKOFF_SECONDS * 2 ** min(self._count, 10))
        delay = random.uniform(0, ceiling)
        delay = max(delay, parse_retry_after(after, self._retry.now()) or 0.0)
        spent = self._retry.elapsed() - self._began
        if spent + delay > self._seconds:
            raise Unreachable(
                f"{why}; given up after {plural(self._count, 'try')} in {spent:.0f} s: see that it runs and that ES_HOST "
                "is right, then run the same command again"
            ) from None
        if spent + delay > SILENT_SECONDS:
            logger.info("%s; trying again, for %.0f s at most", why, self._seconds, extra=ONCE)
        self._retry.wait(delay)
