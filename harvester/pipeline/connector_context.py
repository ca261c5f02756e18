"""What a run gives its connector: time, quotas, facts, leases, tokens, notices and interruption."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from connectors.base import RequestStats, ResponseLimits
from connectors.models import RefusedPartition, Window
from connectors.rate_limit import LimiterPool
from harvester.formatting import without_prefix
from harvester.logging_setup import ONCE
from harvester.pipeline.stop_signal import StopSignal
from harvester.pipeline.vendor_clock import VendorClock
from harvester.state.quotas_and_tokens import AccountState

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
SHORTEST_READ_SECONDS = 5.0


StoredRefs = Callable[[Window], Iterator[tuple[str, Mapping[str, Any]]]]
"""The uuid and the hint of every stored meeting that started in a window."""


def no_stored_refs(_window: Window) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The `StoredRefs` of a run without a journal: none."""
    return iter(())


RefusedPartitions = Callable[[], Mapping[str, RefusedPartition]]
"""The partitions that the vendor refused for good, by name."""


def no_refused_partitions() -> Mapping[str, RefusedPartition]:
    """The `RefusedPartitions` of a run without a journal: none."""
    return {}


def no_lease() -> None:
    """The `require_lease` of a run whose state no other machine uses: it needs no lease."""


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
        treat_text: Callable[[str], str] = str,
        *,
        limiters: LimiterPool | None = None,
        require_lease: Callable[[], None] = no_lease,
    ) -> None:
        """`treat_text`: returns a message without what must not be shown. `limiters`: those of the account's quota pool; by
        default, no other account shares them. `require_lease`: raises LeaseLost if the state is shared and another worker may
        use the account by now."""
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
        self._treat_text = treat_text
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
        self.require_lease = require_lease
        self._state = state

    @property
    def knows_vendor_time(self) -> bool:
        """Whether `now` is the vendor's time, and not just this machine's."""
        return self._calendar.is_known

    def consume_quota(self, name: str, count: int = 1, *, limit: int) -> None:
        self._stop.check()
        self._state.consume_quota(name, count, limit=limit)

    def wait(self, seconds: float) -> None:
        self._stop.wait(seconds / self._clock.speed)

    def notify_once(self, message: str) -> None:
        text = self._treat_text(without_prefix(message, self._vendor))
        logger.info("%s: %s", self._vendor, text, extra={**ONCE, "vendor": self._vendor})
