"""Limits and permissions of the simulated tenant.

Limits: https://learn.microsoft.com/graph/throttling-limits, counted per application and tenant.
"""

from __future__ import annotations

from collections import OrderedDict
from math import ceil

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.rate_limits import RateLimit
from harvester.simulator.teams.error_responses import TOO_MANY, ErrorResponse, forbidden
from harvester.simulator.teams.options import TeamsOptions

PERIOD = 20.0
PER_RECORD = 40
PER_LIST = 40
_RECORDS_KEPT = 4096
_UNLIMITED = 1 << 40


class RateLimits:
    """Counts requests by scope and refuses those above a limit, with the seconds to wait.

    The limits in `observed` refuse nothing: their peaks show how fast a client was.
    """

    def __init__(self, clock: SimulatedClock, options: TeamsOptions) -> None:
        self._clock = clock
        self.classes = {
            "app": RateLimit(options.requests_per_20_seconds, PERIOD),
            "list": RateLimit(PER_LIST, PERIOD),
        }
        self.observed = {
            "per_second": RateLimit(_UNLIMITED, 1.0),
            "lists_per_ten_seconds": RateLimit(_UNLIMITED, 10.0),
        }
        self.record_refusals = 0
        self._records: OrderedDict[str, RateLimit] = OrderedDict()

    def admit(self, *, listing: bool = False, record: str | None = None) -> None:
        """Count a request for the list, for one record, or for anything else; raises ErrorResponse, 429."""
        now = self._clock.elapsed()
        self.observed["per_second"].admit(now)
        limits = [self.classes["app"]]
        if listing:
            self.observed["lists_per_ten_seconds"].admit(now)
            limits.append(self.classes["list"])
        for limit in limits:
            if not limit.admit(now):
                raise _too_many(limit.wait(now))
        if record is not None:
            self._admit_record(record, now)

    def _admit_record(self, record: str, now: float) -> None:
        limit = self._records.setdefault(record, RateLimit(PER_RECORD, PERIOD))
        self._records.move_to_end(record)
        if len(self._records) > _RECORDS_KEPT:
            self._records.popitem(last=False)
        if not limit.admit(now):
            self.record_refusals += 1
            raise _too_many(limit.wait(now))


def _too_many(seconds: float) -> ErrorResponse:
    error = ErrorResponse(429, "TooManyRequests", TOO_MANY)
    error.headers["Retry-After"] = str(max(1, ceil(seconds)))
    return error


def require(options: TeamsOptions, permission: str) -> None:
    """Raise ErrorResponse, 403 with an empty message, without the permission."""
    if permission not in options.permissions:
        raise forbidden()
