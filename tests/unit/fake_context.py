"""A `Context` for tests: its clock moves only by waiting, it writes to no disk, and it records every notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import RLock
from time import monotonic
from typing import Any

from connectors.base import RequestStats, ResponseLimits, Token
from connectors.errors import LeaseLost, QuotaExhausted
from connectors.models import RefusedPartition, Window
from connectors.rate_limit import LimiterPool

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


class MemoryTokens:
    def __init__(self) -> None:
        self.kept: dict[str, Token] = {}
        self.writes = 0
        self._lock = RLock()

    def read(self, name: str) -> Token | None:
        return self.kept.get(name)

    def write(self, name: str, token: Token) -> None:
        self.kept[name] = token
        self.writes += 1

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        with self._lock:
            yield


class FakeContext:
    """Safe for many threads. `limits`: daily quotas lower than the connector's own."""

    def __init__(self, now: datetime = NOW) -> None:
        self.tokens = MemoryTokens()
        self.request_stats = RequestStats()
        self.timeout = (1.0, 1.0)
        self.response_limits = ResponseLimits()
        self.limiters = LimiterPool()
        self.stopwatch = monotonic
        self.start = now
        self.seconds = 0.0
        self.waits: list[float] = []
        self.notices: list[str] = []
        self.vendor_times: list[tuple[datetime, float]] = []
        self.spent: Counter[str] = Counter()
        self.limits: dict[str, int] = {}
        self.facts: dict[str, str] = {}
        self.lease_lost: LeaseLost | None = None
        self.leases: dict[str, datetime] = {}
        self.in_journal: dict[str, tuple[datetime, dict[str, Any]]] = {}
        self.refused: dict[str, RefusedPartition] = {}
        self._lock = RLock()

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    def observe_vendor_time(self, date: datetime, *, seconds: float) -> None:
        with self._lock:
            self.vendor_times.append((date, seconds))

    def elapsed(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        with self._lock:
            self.waits.append(seconds)
            self.seconds += max(0.0, seconds)

    def require_lease(self) -> None:
        if self.lease_lost is not None:
            raise self.lease_lost

    def notify_once(self, message: str) -> None:
        with self._lock:
            if message not in self.notices:
                self.notices.append(message)

    def consume_quota(self, name: str, count: int = 1, *, limit: int) -> None:
        with self._lock:
            if self.spent[name] + count > self.limits.get(name, limit):
                midnight = (self.now() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
                raise QuotaExhausted(f"the quota {name} is spent", until=midnight)
            self.spent[name] += count

    def get_fact(self, fact: str) -> str | None:
        return self.facts.get(fact)

    def set_fact(self, fact: str, value: str) -> None:
        with self._lock:
            self.facts[fact] = value

    def acquire_lease(self, act: str, until: datetime) -> datetime | None:
        with self._lock:
            taken = self.leases.get(act)
            if taken is not None and taken > self.now():
                return taken
            self.leases[act] = until
            return None

    def stored_refs(self, window: Window) -> Iterator[tuple[str, dict[str, Any]]]:
        return iter([(uuid, hint) for uuid, (at, hint) in self.in_journal.items() if at in window])

    def refused_partitions(self) -> dict[str, RefusedPartition]:
        return self.refused

    def extend_lease(self, act: str, until: datetime) -> None:
        with self._lock:
            self.leases[act] = max(until, self.leases.get(act, until))
