"""Services passed to a connector: clock, account state, notifications, cancellation."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

from connectors.base import RequestStats, ResponseLimits
from connectors.errors import Interrupted
from connectors.models import RefusedPartition, Window
from connectors.rate_limit import LimiterPool
from harvester.formatting import without_prefix
from harvester.logging_setup import ONCE
from harvester.pipeline.vendor_clock import VendorClock
from harvester.state.account import AccountState

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
SHORTEST_READ_SECONDS = 5.0


StoredRefs = Callable[[Window], Iterator[tuple[str, Mapping[str, Any]]]]
"""The uuid and the hint of every stored meeting that started in a window."""


def no_stored_refs(_window: Window) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Of a run without a journal."""
    return iter(())


RefusedPartitions = Callable[[], Mapping[str, RefusedPartition]]
"""The partitions that the vendor refused for good, by name."""


def no_refused_partitions() -> Mapping[str, RefusedPartition]:
    """Of a run without a journal."""
    return {}


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


class StopSignal:
    """Set by a signal handler; every wait checks it."""

    def __init__(self) -> None:
        self._event = Event()
        self.exit_code = 130
        self._callbacks: list[Callable[[], None]] = []
        self._in_call = False

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def set(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self._event.set()
        for callback in self._callbacks:
            callback()

    def add_callback(self, callback: Callable[[], None]) -> None:
        """Call `callback`, which must not block, when the signal is set."""
        self._callbacks.append(callback)

    def wait(self, seconds: float) -> None:
        """Sleep; raises Interrupted as soon as the signal is set."""
        if self._event.wait(max(0.0, seconds)):
            raise Interrupted(exit_code=self.exit_code)

    def check(self) -> None:
        if self._event.is_set():
            raise self.interruption()

    def interruption(self) -> Interrupted:
        """What a run ends with that the signal stops."""
        return Interrupted(exit_code=self.exit_code)

    @contextmanager
    def interruptible_call(self) -> Iterator[None]:
        """Around a call of the main thread that may block for ever: a signal raises Interrupted in the middle of it."""
        self._in_call = True
        try:
            self.check()
            yield
        finally:
            self._in_call = False

    def interrupt_call(self) -> None:
        """Called by the signal handler, in the main thread. Raises Interrupted if that is in an `interruptible_call`."""
        if self._in_call:
            self._in_call = False
            raise Interrupted(exit_code=self.exit_code)


class RunContext:
    """`connectors.base.Context` for one account in one run."""

    def __init__(
        self,
        calendar: VendorClock,
        state: AccountState,
        stop: StopSignal,
        vendor: str,
        stored_refs: StoredRefs = no_stored_refs,
        refused_partitions: RefusedPartitions = no_refused_partitions,
        response_limits: ResponseLimits = ResponseLimits(),  # noqa: B008  # frozen
        limiters: LimiterPool | None = None,
    ) -> None:
        """`limiters`: those of the account's quota pool; by default, no other account shares them."""
        clock = calendar.clock
        self._clock = clock
        self._calendar = calendar
        self._stop = stop
        self._vendor = vendor
        self.tokens = state
        self.request_stats = RequestStats()
        self.timeout = (CONNECT_SECONDS, max(SHORTEST_READ_SECONDS, READ_SECONDS / clock.speed))
        self.response_limits = response_limits
        self.limiters = limiters or LimiterPool()
        self.now = calendar.now
        self.observe_vendor_time = calendar.observe
        self.elapsed = clock.elapsed
        self.stopwatch = clock.monotonic  # seconds of this machine
        self.speed = clock.speed
        self.get_fact = state.get_fact
        self.set_fact = state.set_fact
        self.acquire_lease = state.acquire_lease
        self.extend_lease = state.extend_lease
        self.stored_refs = stored_refs
        self.refused_partitions = refused_partitions
        self._state = state

    @property
    def knows_vendor_time(self) -> bool:
        """Whether `now` is the vendor's time, and not just this machine's."""
        return self._calendar.is_known

    def consume_quota(self, budget: str, count: int = 1, *, limit: int) -> None:
        self._stop.check()
        self._state.consume_quota(budget, count, limit=limit)

    def wait(self, seconds: float) -> None:
        self._stop.wait(seconds / self._clock.speed)

    def notify_once(self, message: str) -> None:
        text = without_prefix(message, self._vendor)
        logger.info("%s: %s", self._vendor, text, extra={**ONCE, "vendor": self._vendor})
