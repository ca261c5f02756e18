"""Access to the simulated Webex: refuses requests without a scope, and above a rate limit.

The general limits are not published (https://developer.webex.com/blog/rate-limiting-and-the-webex-api), so
the ones here are invented. The limit of the qualities is published: one call every five minutes for the same
meeting.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.rate_limits import RateLimit
from harvester.simulator.webex.error_responses import TOO_MANY, ErrorResponse, forbidden
from harvester.simulator.webex.options import WebexOptions

QUALITY_SECONDS = 300.0
RIGHT_REGION = "analytics-eu.webexapis.com"


@dataclass(slots=True)
class _QualityCalls:
    """Times of the last calls for one meeting's qualities, in the vendor's seconds."""

    answered: float
    arrived: float


class RateLimits:
    """Counts the requests to each host and for each meeting, and refuses those above the limit."""

    def __init__(self, clock: SimulatedClock, options: WebexOptions) -> None:
        self._clock = clock
        self.classes = {name: RateLimit(options.per_ten_seconds, 10.0) for name in ("general", "analytics")}
        self.qualities = RateLimit(1, QUALITY_SECONDS)
        self.smallest_gap: float | None = None
        self._by_meeting: dict[str, _QualityCalls] = {}
        self._refusals = 0

    def admit(self, host: str) -> None:
        now, rate = self._clock.elapsed(), self.classes[host]
        if not rate.admit(now):
            raise self._too_many(rate.wait(now))

    def admit_quality(self, meeting: str) -> None:
        """Allow one call in five minutes for the same meeting.

        Every admitted call counts, whatever the answer, and so does any page.
        """
        now = self._clock.elapsed()
        self.qualities.requests += 1
        calls = self._by_meeting.get(meeting)
        if calls is None:
            self._by_meeting[meeting] = _QualityCalls(now, now)
            return
        gap = now - calls.arrived
        self.smallest_gap = gap if self.smallest_gap is None else min(gap, self.smallest_gap)
        calls.arrived = now
        if now - calls.answered < QUALITY_SECONDS:
            self.qualities.refused += 1
            raise self._too_many(QUALITY_SECONDS - (now - calls.answered))
        calls.answered = now

    def _too_many(self, seconds: float) -> ErrorResponse:
        """Return a rate limit error.

        Clients have seen Retry-After with seconds, with a minute too many, with 0, and missing; and status
        423.
        """
        turn, self._refusals = self._refusals % 8, self._refusals + 1
        error = ErrorResponse(423 if turn == 7 else 429, TOO_MANY)
        if turn in {1, 6}:
            error.headers["Retry-After"] = "0"
        elif turn != 3:
            error.headers["Retry-After"] = str(ceil(seconds) + (60 if turn == 4 else 0))
        return error


def require(scopes: frozenset[str], *any_of: str) -> None:
    """Raise ErrorResponse unless the token has one of these scopes."""
    if scopes.isdisjoint(any_of):
        raise forbidden(f"The access token is missing a scope: one of {', '.join(any_of)}.")
