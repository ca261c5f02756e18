"""How often a request to the store is sent again if there is no answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from connectors.errors import Unreachable

Answer = TypeVar("Answer")

RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Requests are sent again as long as this worker has its leases."""

    require: Callable[[], None]
    """Raises LeaseLost if another worker may hold them by now."""
    wait: Callable[[float], object]
    tries: int | None = None
    """Of a reader, which has no lease: after so many it gives up."""

    def persist(self, request: Callable[[], Answer]) -> Answer:
        for number in count(1):
            self.require()
            try:
                return request()
            except Unreachable:
                if number == self.tries:
                    raise
                self.wait(RETRY_SECONDS)
        raise AssertionError  # the loop has no end
