"""Access to the simulated Workspace: refuses requests without a scope, to APIs that are disabled, and above a quota.

Quotas per minute: Meet 6,000 reads per project, 600 per user; Reports 2,400 per user, 250 of them filtered;
the Directory 2,400 per user; Calendar 10,000 per project, 600 per user (each API's page of limits, read in
2026).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Literal

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.google_meet.error_responses import ErrorResponse
from harvester.simulator.google_meet.options import GoogleOptions
from harvester.simulator.google_meet.request import Request
from harvester.simulator.google_meet.scopes import AUTH, READ
from harvester.simulator.rate_limits import RateLimit

_SERVICES = {
    "reports": "admin.googleapis.com",
    "meet": "meet.googleapis.com",
    "directory": "admin.googleapis.com",
    "calendar": "calendar-json.googleapis.com",
}


@dataclass(frozen=True, slots=True)
class _Quota:
    limit: int
    per: Literal["project", "user"]


_QUOTAS = {
    "meet": _Quota(6000, "project"),
    "meet user": _Quota(600, "user"),
    "reports user": _Quota(2400, "user"),
    "reports filtered": _Quota(250, "user"),
    "directory user": _Quota(2400, "user"),
    "calendar": _Quota(10_000, "project"),
    "calendar user": _Quota(600, "user"),
}
_FILTERS = ("actorIpAddress", "eventName", "filters", "orgUnitID", "groupIdFilter")


class RateLimits:
    """Counts the requests to each API and for each user, and refuses those above a quota."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._rates: dict[tuple[str, int | None], RateLimit] = {}
        self._refusals = 0

    def admit(self, api: str, request: Request) -> None:
        names = [name for name in _QUOTAS if name.split()[0] == api]
        if api == "reports" and not filtered(request):
            names.remove("reports filtered")
        now = self._clock.elapsed()
        for name in names:
            rate = self._rate(name, request.person.index if request.person else None)
            if not rate.admit(now):
                raise self._too_many(name, rate.wait(now))

    def _rate(self, name: str, user: int | None) -> RateLimit:
        quota = _QUOTAS[name]
        key = name, user if quota.per == "user" else None
        if key not in self._rates:
            self._rates[key] = RateLimit(quota.limit, 60.0)
        return self._rates[key]

    def _too_many(self, name: str, seconds: float) -> ErrorResponse:
        """Return a rate limit error as each API sends it.

        Whether they send Retry-After is documented for none of them, so it is sent in turn.
        """
        turn, self._refusals = self._refusals % 4, self._refusals + 1
        message = f"Quota exceeded for quota metric 'Queries' and limit '{name} per minute'."
        if name.startswith("reports"):
            error = ErrorResponse(503, "The service is currently unavailable.", reason="backendError")
        elif name.startswith("directory"):
            reason = "quotaExceeded" if turn % 2 else "userRateLimitExceeded"
            error = ErrorResponse(
                403, "Request rate higher than configured.", reason=reason, domain="usageLimits"
            )
        elif name.startswith("calendar"):
            reason = ("rateLimitExceeded", "userRateLimitExceeded", "rateLimitExceeded", "quotaExceeded")[
                turn
            ]
            error = ErrorResponse(
                429 if turn == 2 else 403, "Rate Limit Exceeded", reason=reason, domain="usageLimits"
            )
        else:
            error = ErrorResponse(429, message, reason="rateLimitExceeded", detail="RATE_LIMIT_EXCEEDED")
        if turn % 2:
            error.headers["Retry-After"] = str(ceil(seconds))
        return error

    def counts(self) -> dict[str, dict[str, float]]:
        """Return the statistics by quota over all users; `peak` is that of the busiest user."""
        totals: dict[str, dict[str, float]] = {}
        for (name, _), rate in self._rates.items():
            total, counts = totals.get(name), rate.counts()
            if total is not None:
                counts["requests"] += total["requests"]
                counts["refused"] += total["refused"]
                counts["peak"] = max(counts["peak"], total["peak"])
                counts["first"], counts["last"] = (
                    min(counts["first"], total["first"]),
                    max(counts["last"], total["last"]),
                )
            totals[name] = counts
        return totals


def filtered(request: Request) -> bool:
    """Return whether a query counts against the smaller quota of Reports."""
    user = request.path[2] if len(request.path) > 2 else "all"
    return user != "all" or any(request.get(name) is not None for name in _FILTERS)


def require(request: Request, api: str, options: GoogleOptions, *others: str) -> None:
    """Raise ErrorResponse unless the API is enabled and the token has a scope that reads it, or one of
    `others`."""
    if api in options.disabled:
        message = f"{_SERVICES[api]} has not been used in project 123456789012 before or it is disabled."
        raise ErrorResponse(
            403, message, reason="accessNotConfigured", domain="usageLimits", detail="SERVICE_DISABLED"
        )
    require_scope(request, *READ[api], *others)


def require_scope(request: Request, *scopes: str) -> None:
    """Raise ErrorResponse unless the token has one of the scopes."""
    if request.scopes.isdisjoint(_full(scopes)):
        raise ErrorResponse(
            403,
            "Request had insufficient authentication scopes.",
            reason="insufficientPermissions",
            detail="ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        )


def _full(names: Iterable[str]) -> set[str]:
    return {AUTH + name for name in names}
