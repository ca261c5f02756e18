"""Quota pools: the accounts whose requests a vendor counts together share rate limits and daily quotas."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

import connectors
from connectors.base import Settings
from connectors.rate_limit import LimiterPool


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaPool:
    """The pool of one account. Two accounts with equal pools share one."""

    vendor: str
    api_url: str
    """The same name is another pool at another URL: in another region, or in a simulator."""
    name: str
    account: str = ""
    """The label of the account, if the pool is its own."""


def quota_pool(vendor: str, api_url: str, settings: Settings) -> QuotaPool:
    """The pool that the connector names; a connector of another package may name none."""
    connector = connectors.load(vendor)
    name = connector.quota_pool(settings) if hasattr(connector, "quota_pool") else ""
    return QuotaPool(vendor=vendor, api_url=api_url, name=name, account="" if name else settings.account)


@dataclass(slots=True, kw_only=True)
class SharedLimiters:
    """The rate limiters of all pools that a command uses."""

    _pools: dict[QuotaPool, LimiterPool] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, pool: QuotaPool) -> LimiterPool:
        with self._lock:
            return self._pools.setdefault(pool, LimiterPool())
