"""Access to the simulated Zoom account: scopes, plans and rate limits.

Rates: https://developers.zoom.us/docs/api/rate-limits/, counted per account and label, not per endpoint.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.rate_limits import DailyQuota, RateLimit
from harvester.simulator.zoom.error_responses import DAILY, PER_SECOND, ErrorResponse

Plan = Literal["business", "pro"]
Label = Literal["Light", "Medium", "Heavy", "Resource-intensive"]

# Granular scopes. The one for the qualities of webinars is in no published table; it is named by analogy.
SCOPES = (
    "dashboard:read:list_meetings:admin",
    "dashboard:read:meeting:admin",
    "dashboard:read:list_meeting_participants:admin",
    "dashboard:read:list_meeting_participants_qos:admin",
    "dashboard:read:list_webinars:admin",
    "dashboard:read:webinar:admin",
    "dashboard:read:list_webinar_participants:admin",
    "dashboard:read:list_webinar_participants_qos:admin",
    "report:read:list_users:admin",
    "report:read:user:admin",
    "report:read:meeting:admin",
    "report:read:list_meeting_participants:admin",
    "report:read:webinar:admin",
    "report:read:list_webinar_participants:admin",
    "meeting:read:past_meeting:admin",
    "meeting:read:list_past_participants:admin",
    "meeting:read:list_past_instances:admin",
    "user:read:list_users:admin",
)
_RATES: dict[Plan, dict[Label, tuple[int, float]]] = {
    "business": {"Light": (80, 1), "Medium": (60, 1), "Heavy": (40, 1), "Resource-intensive": (20, 60)},
    "pro": {"Light": (30, 1), "Medium": (20, 1), "Heavy": (10, 1), "Resource-intensive": (10, 60)},
}
_A_DAY: dict[Plan, int] = {"business": 60_000, "pro": 30_000}


class RateLimits:
    """Counts requests by label and refuses those above the limit, with the headers that Zoom sends."""

    def __init__(self, clock: SimulatedClock, plan: Plan, daily_limit: int | None) -> None:
        self._clock = clock
        self.classes = {label: RateLimit(limit, period) for label, (limit, period) in _RATES[plan].items()}
        self.daily = DailyQuota(_A_DAY[plan] if daily_limit is None else daily_limit)

    def admit(self, label: Label) -> None:
        rate = self.classes[label]
        if not rate.admit(self._clock.elapsed()):
            raise _too_many(PER_SECOND, label, "QPS", rate.limit)
        if label not in {"Heavy", "Resource-intensive"}:
            return
        now = self._clock.now()
        if not self.daily.admit(now.toordinal()):
            error = _too_many(DAILY, label, "Daily-limit", self.daily.limit)
            error.headers["Retry-After"] = f"{_midnight(now):%Y-%m-%dT%H:%M:%SZ}"
            raise error


def _too_many(message: str, label: Label, kind: str, limit: int) -> ErrorResponse:
    error = ErrorResponse(429, 429, message)
    error.headers = {
        "X-RateLimit-Category": label,
        "X-RateLimit-Type": kind,
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": "0",
    }
    return error


def _midnight(now: datetime) -> datetime:
    return datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
