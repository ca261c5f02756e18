"""Who may come in: scopes and APIs, who may act for whom, and how often may be asked.

Quotas: Meet 6,000 reads a minute and project, 600 a user; Reports 2,400 a user, 250 of them filtered; the Directory
2,400 a user; Calendar 10,000 a project, 600 a user (each API's page of limits, read 2026).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from harvester.simulator import APIS
from harvester.simulator.clock import Calendar
from harvester.simulator.google_meet.account import Ids
from harvester.simulator.google_meet.error_responses import Refusal
from harvester.simulator.google_meet.request import Question
from harvester.simulator.rate_limits import RateClass

AUTH = "https://www.googleapis.com/auth/"

# By API: a token with one of these may read.
READ = {
    "reports": ("admin.reports.audit.readonly",),
    "meet": ("meetings.space.readonly",),
    "directory": ("admin.directory.user.readonly", "admin.directory.user"),
    "calendar": ("calendar.events.readonly", "calendar.readonly", "calendar.events", "calendar"),
}
_DELEGATED = {
    "reports": ("admin.reports.audit.readonly",),
    "meet": ("meetings.space.readonly",),
    "directory": ("admin.directory.user.readonly",),
    "calendar": ("calendar.events.readonly", "calendar.readonly"),
}
SCOPES = tuple(AUTH + name for api in APIS for name in _DELEGATED[api])
_KNOWN = (
    "admin.reports.usage.readonly", "calendar.events.owned.readonly", "calendar.freebusy", "directory.readonly",
    "admin.directory.resource.calendar.readonly", "drive.readonly", "drive.meet.readonly", "meetings.space.settings",
    "meetings.space.created", "userinfo.email", "userinfo.profile",
)  # fmt: skip
# In the order of the bits of a token.
EVERY_SCOPE = tuple(
    dict.fromkeys([AUTH + s for api in APIS for s in READ[api]] + [AUTH + s for s in _KNOWN] + ["openid"])
)
_SERVICES = {
    "reports": "admin.googleapis.com",
    "meet": "meet.googleapis.com",
    "directory": "admin.googleapis.com",
    "calendar": "calendar-json.googleapis.com",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is agreed with this Workspace. `without`: APIs whose scopes are not in the delegation entry; `disabled`:
    APIs that are not switched on in the Cloud project. `attended`: conference records are listed to whoever was there,
    else to owners alone. `ids`: whether Reports and Meet have one id for a conference. `user`: the credentials are the
    saved token of somebody who is no admin, instead of a service account's; `client`: they are an OAuth client's, and
    the same person signs in. `refuses`: people for whom Meet is turned off are refused, else merely shown nothing."""

    without: Sequence[str] = ()
    disabled: Sequence[str] = ()
    attended: bool = True
    ids: Ids = "mixed"
    user: bool = False
    client: bool = False
    refuses: bool = True

    @property
    def personal(self) -> bool:
        """Whether somebody who is no admin is all that there are credentials of."""
        return self.user or self.client

    @property
    def granted(self) -> frozenset[str]:
        return frozenset(AUTH + name for api in APIS if api not in self.without for name in _DELEGATED[api])

    def has(self, api: str) -> bool:
        """Whether an administrator can use it."""
        return api not in self.without and api not in self.disabled


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


class Counters:
    """How often each API was asked, and for whom; refuses what is too often."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._rates: dict[tuple[str, int | None], RateClass] = {}
        self._refusals = 0

    def admit(self, api: str, asked: Question) -> None:
        names = [name for name in _QUOTAS if name.split()[0] == api]
        if api == "reports" and not filtered(asked):
            names.remove("reports filtered")
        now = self._calendar.elapsed()
        for name in names:
            rate = self._rate(name, asked.person.index if asked.person else None)
            if not rate.admit(now):
                raise self._too_many(name, rate.wait(now))

    def _rate(self, name: str, user: int | None) -> RateClass:
        quota = _QUOTAS[name]
        key = name, user if quota.per == "user" else None
        if key not in self._rates:
            self._rates[key] = RateClass(quota.limit, 60.0)
        return self._rates[key]

    def _too_many(self, name: str, seconds: float) -> Refusal:
        """Each API says it in its own way; whether with Retry-After is documented for none, so by turns."""
        turn, self._refusals = self._refusals % 4, self._refusals + 1
        told = f"Quota exceeded for quota metric 'Queries' and limit '{name} per minute'."
        if name.startswith("reports"):
            refusal = Refusal(503, "The service is currently unavailable.", reason="backendError")
        elif name.startswith("directory"):
            reason = "quotaExceeded" if turn % 2 else "userRateLimitExceeded"
            refusal = Refusal(
                403, "Request rate higher than configured.", reason=reason, domain="usageLimits"
            )
        elif name.startswith("calendar"):
            reason = ("rateLimitExceeded", "userRateLimitExceeded", "rateLimitExceeded", "quotaExceeded")[
                turn
            ]
            refusal = Refusal(
                429 if turn == 2 else 403, "Rate Limit Exceeded", reason=reason, domain="usageLimits"
            )
        else:
            refusal = Refusal(429, told, reason="rateLimitExceeded", detail="RATE_LIMIT_EXCEEDED")
        if turn % 2:
            refusal.headers["Retry-After"] = str(ceil(seconds))
        return refusal

    def counted(self) -> dict[str, dict[str, float]]:
        """By quota, over all users: every request, and the fullest minute of any of them."""
        found: dict[str, dict[str, float]] = {}
        for (name, _), rate in self._rates.items():
            told, one = found.get(name), rate.counted()
            if told is not None:
                one["requests"] += told["requests"]
                one["refused"] += told["refused"]
                one["peak"] = max(one["peak"], told["peak"])
                one["first"], one["last"] = min(one["first"], told["first"]), max(one["last"], told["last"])
            found[name] = one
        return found


def filtered(asked: Question) -> bool:
    """Whether a query counts against the smaller quota of Reports."""
    user = asked.path[2] if len(asked.path) > 2 else "all"
    return user != "all" or any(asked.get(name) is not None for name in _FILTERS)


def require(asked: Question, api: str, terms: Terms, *others: str) -> None:
    """The API is switched on, and the token has a scope for it: one that reads, or one of `others`."""
    if api in terms.disabled:
        message = f"{_SERVICES[api]} has not been used in project 123456789012 before or it is disabled."
        raise Refusal(
            403, message, reason="accessNotConfigured", domain="usageLimits", detail="SERVICE_DISABLED"
        )
    if asked.scopes.isdisjoint(_full((*READ[api], *others))):
        raise Refusal(
            403,
            "Request had insufficient authentication scopes.",
            reason="insufficientPermissions",
            detail="ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        )


def _full(names: Iterable[str]) -> set[str]:
    return {AUTH + name for name in names}
