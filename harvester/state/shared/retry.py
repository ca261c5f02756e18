"""Sends a request to the store of the shared state again if there is no answer.

`connectors/retry.py` has the pauses and limits of requests to vendors and to Elasticsearch. Here the lease is the limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from connectors.errors import Unreachable

Answer = TypeVar("Answer")

RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRetry:
    """Sends requests again while this worker has its leases."""

    require: Callable[[], None]
    """Raises LeaseLost if another worker may hold them by now."""
    wait: Callable[[float], object]
    tries: int | None = None
    """How often a request of a reader, which has no lease, is sent at most."""

    def send(self, request: Callable[[], Answer]) -> Answer:
        """Return the answer to `request`. Raises LeaseLost, or Unreachable after the last try of a reader."""
        for number in count(1):
            self.require()
            try:
                return request()
            except Unreachable:
                if number == self.tries:
                    raise
                self.wait(RETRY_SECONDS)
        raise AssertionError  # the loop has no end
