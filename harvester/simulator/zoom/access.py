"""Who may come in: Zoom's tokens and scopes, its plans, and how often it may be asked.

Server-to-server OAuth: https://developers.zoom.us/docs/rooms/s2s-oauth/. Rates:
https://developers.zoom.us/docs/api/rate-limits/, counted per account and label, not per endpoint.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qsl

from harvester.simulator.clock import Calendar
from harvester.simulator.organisation import seeded_random
from harvester.simulator.rate_limits import DailyBudget, RateClass
from harvester.simulator.zoom.error_responses import DAILY, PER_SECOND, Refusal

ACCOUNT_ID = "inventedAccountAAAAAAAA"
CLIENT_ID = "inventedClientId"
CLIENT_SECRET = "inventedClientSecretNobodyHas"
TOKEN_SECONDS = 3600

Plan = Literal["business", "pro"]
Label = Literal["Light", "Medium", "Heavy", "Resource-intensive"]

# The granular ones; that of the qualities of webinars, which no published table names, by analogy.
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


class Tokens:
    """The token endpoint, and the tokens that are still good: several may be, each for an hour."""

    def __init__(self, calendar: Calendar, scopes: Sequence[str], seed: int) -> None:
        self._calendar = calendar
        self._scopes = tuple(scopes)
        self._seed = seed
        self._issued: dict[str, float] = {}

    def answer(self, authorization: str, query: str, body: str, base: str) -> dict[str, Any]:
        """An access token, for parameters in the query or in the form; Refusal with Zoom's `reason` and `error`."""
        asked = dict(parse_qsl(query)) | dict(parse_qsl(body))
        if _basic(authorization) != (CLIENT_ID, CLIENT_SECRET):
            raise _refused(401, "invalid_client", "Invalid client_id or client_secret")
        if asked.get("grant_type") != "account_credentials":
            raise _refused(400, "unsupported_grant_type", "unsupported grant type")
        if asked.get("account_id") != ACCOUNT_ID:
            raise _refused(400, "invalid_request", "Bad Request: unknown account_id")
        token = f"eyJ.{seeded_random.digest(self._seed, 'token', len(self._issued)).hex()}.invented"
        self._issued[token] = self._calendar.elapsed()
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": " ".join(self._scopes),
            "api_url": base,
        }

    def check(self, authorization: str) -> None:
        """401 with code 124, as for any bearer that is not ours or no longer good."""
        kind, _, token = authorization.partition(" ")
        issued = self._issued.get(token.strip()) if kind.lower() == "bearer" else None
        if issued is None:
            raise Refusal(401, 124, "Invalid access token.")
        if self._calendar.elapsed() - issued >= TOKEN_SECONDS:
            raise Refusal(401, 124, "Access token is expired.")

    def require(self, granular: str, classic: Sequence[str]) -> None:
        """One of an endpoint's scopes; code 4711 names the missing one."""
        if granular not in self._scopes and not any(scope in self._scopes for scope in classic):
            message = f"Invalid access token, does not contain scopes:[{granular}]."
            raise Refusal(400, 4711, message)


def _basic(authorization: str) -> tuple[str, str]:
    kind, _, encoded = authorization.partition(" ")
    try:
        client, _, secret = b64decode(encoded).decode().partition(":")
    except ValueError:
        return "", ""
    return (client, secret) if kind.lower() == "basic" else ("", "")


def _refused(status: int, error: str, reason: str) -> Refusal:
    # The token endpoint speaks in `reason` and `error`, not in `code` and `message`.
    refusal = Refusal(status, 0, reason)
    refusal.body = {"reason": reason, "error": error}
    return refusal


class Counters:
    """Requests by label; refuses what is too many with the headers that Zoom sends."""

    def __init__(self, calendar: Calendar, plan: Plan, daily_limit: int | None) -> None:
        self._calendar = calendar
        self.classes = {label: RateClass(limit, period) for label, (limit, period) in _RATES[plan].items()}
        self.daily = DailyBudget(_A_DAY[plan] if daily_limit is None else daily_limit)

    def admit(self, label: Label) -> None:
        rate = self.classes[label]
        if not rate.admit(self._calendar.elapsed()):
            raise _too_many(PER_SECOND, label, "QPS", rate.limit)
        if label not in {"Heavy", "Resource-intensive"}:
            return
        now = self._calendar.now()
        if not self.daily.admit(now.toordinal()):
            refusal = _too_many(DAILY, label, "Daily-limit", self.daily.limit)
            refusal.headers["Retry-After"] = f"{_midnight(now):%Y-%m-%dT%H:%M:%SZ}"
            raise refusal


def _too_many(message: str, label: Label, kind: str, limit: int) -> Refusal:
    refusal = Refusal(429, 429, message)
    refusal.headers = {
        "X-RateLimit-Category": label,
        "X-RateLimit-Type": kind,
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": "0",
    }
    return refusal


def _midnight(now: datetime) -> datetime:
    return datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
