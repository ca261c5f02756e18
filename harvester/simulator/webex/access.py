"""Who may come in: Webex's scopes, roles and licences, and how often it may be asked.

The general limits are published nowhere (https://developer.webex.com/blog/rate-limiting-and-the-webex-api): the ones
here are invented. That of the qualities is published: one call every five minutes for the same meeting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from harvester.simulator.clock import Calendar
from harvester.simulator.rate_limits import RateClass
from harvester.simulator.webex.error_responses import TOO_MANY, Refusal, forbidden

SCOPES = (
    "spark:kms",
    "spark:people_read",
    "spark-admin:people_read",
    "meeting:schedules_read",
    "meeting:participants_read",
    "meeting:preferences_read",
    "meeting:admin_schedule_read",
    "meeting:admin_participants_read",
    "meeting:admin_preferences_read",
    "meeting:admin_config_read",
    "analytics:read_all",
    "spark-compliance:meetings_read",
)
GRANTED = SCOPES[:-1]
ADMIN_SCHEDULE = ("meeting:admin_schedule_read", "spark-compliance:meetings_read")
ADMIN_PARTICIPANTS = ("meeting:admin_participants_read", "spark-compliance:meetings_read")

QUALITY_SECONDS = 300.0
RIGHT_REGION = "analytics-eu.webexapis.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is agreed with this account. `scopes`: of its integration, everything that a harvester may use unless given;
    `admin`: whether the caller is an administrator, else a host like others; `pro_pack`: the licence for qualities;
    `elsewhere`: the status with which the analytics host says that the data are in another region; `strict_tokens`:
    every refresh gives another refresh token, and the old one dies; `per_ten_seconds`: calls to either host."""

    scopes: Sequence[str] | None = None
    admin: bool = True
    pro_pack: bool = True
    elsewhere: Literal[451, 403] | None = None
    strict_tokens: bool = False
    per_ten_seconds: int = 150
    most_listed: int = 10_000
    most_qualities: int = 1_000

    @property
    def granted(self) -> tuple[str, ...]:
        return tuple(GRANTED if self.scopes is None else self.scopes)

    @property
    def analytics(self) -> bool:
        """Whether this account gets any qualities from where its settings point."""
        here = self.elsewhere is None
        return here and self.admin and self.pro_pack and "analytics:read_all" in self.granted


@dataclass(slots=True)
class _Asked:
    """Calls about one meeting's qualities, in the vendor's seconds."""

    answered: float
    arrived: float


class Counters:
    """How often each host was asked, and about which meeting; refuses what is too often."""

    def __init__(self, calendar: Calendar, terms: Terms) -> None:
        self._calendar = calendar
        self.classes = {name: RateClass(terms.per_ten_seconds, 10.0) for name in ("general", "analytics")}
        self.qualities = RateClass(1, QUALITY_SECONDS)
        self.smallest_gap: float | None = None
        self._by_meeting: dict[str, _Asked] = {}
        self._refusals = 0

    def admit(self, host: str) -> None:
        now, rate = self._calendar.elapsed(), self.classes[host]
        if not rate.admit(now):
            raise self._too_many(rate.wait(now))

    def admit_quality(self, meeting: str) -> None:
        """One call in five minutes about the same meeting: every one that was let through counts, whatever was
        answered, and any page of it."""
        now = self._calendar.elapsed()
        self.qualities.requests += 1
        asked = self._by_meeting.get(meeting)
        if asked is None:
            self._by_meeting[meeting] = _Asked(now, now)
            return
        gap = now - asked.arrived
        self.smallest_gap = gap if self.smallest_gap is None else min(gap, self.smallest_gap)
        asked.arrived = now
        if now - asked.answered < QUALITY_SECONDS:
            self.qualities.refused += 1
            raise self._too_many(QUALITY_SECONDS - (now - asked.answered))
        asked.answered = now

    def _too_many(self, seconds: float) -> Refusal:
        """Clients have met Retry-After with seconds, with minutes' worth of them, with 0, and not at all; and 423."""
        turn, self._refusals = self._refusals % 8, self._refusals + 1
        refusal = Refusal(423 if turn == 7 else 429, TOO_MANY)
        if turn in {1, 6}:
            refusal.headers["Retry-After"] = "0"
        elif turn != 3:
            refusal.headers["Retry-After"] = str(ceil(seconds) + (60 if turn == 4 else 0))
        return refusal


def require(scopes: frozenset[str], *wanted: str) -> None:
    """One of these scopes."""
    if scopes.isdisjoint(wanted):
        raise forbidden(f"The access token is missing a scope: one of {', '.join(wanted)}.")
