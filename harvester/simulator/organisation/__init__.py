"""One invented organisation, out of a seed: its people, their meetings, who came and how well it worked.

It knows no vendor. A platform is nothing but a name here, which gives its meetings dice of their own; what a vendor
calls things, what it hides and how it spells them is for the vendor's own module.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from harvester.simulator.organisation.meetings import (
    DAY,
    HOUR,
    LIVE,
    MINUTE,
    QUIET,
    SECOND,
    Case,
    Meeting,
    Planner,
)
from harvester.simulator.organisation.people import (
    Guest,
    Kit,
    Person,
    Visitor,
    guests,
    kits,
    odd_guests,
    special_kits,
    staff,
)
from harvester.simulator.organisation.quality import Minute, Quality
from harvester.simulator.organisation.sessions import Cast, Stay

__all__ = [
    "DAY",
    "HOUR",
    "LIVE",
    "MINUTE",
    "QUIET",
    "SECOND",
    "Case",
    "Guest",
    "Kit",
    "Meeting",
    "Minute",
    "Organisation",
    "Person",
    "Stay",
    "Visitor",
    "milliseconds",
]

_STAYS_KEPT = 2048


def milliseconds(instant: datetime) -> int:
    """Milliseconds since 1970 of an aware instant."""
    return int(instant.timestamp()) * SECOND + instant.microsecond // 1000


class Organisation:
    """`size`: meetings on each platform, over `days` whole UTC days and what there is of today before `now`."""

    def __init__(self, *, seed: int, size: int, days: int, now: datetime) -> None:
        self.seed = seed
        self.size = size
        self.now = milliseconds(now.astimezone(UTC))
        self.first = self.now // DAY * DAY - days * DAY
        count = min(4000, 40 + size // 6)
        self.people: Sequence[Person] = staff(seed, count)
        devices = kits(seed, 2 * min(count, 600))
        self._cast = Cast(self.people, guests(seed, 400), odd_guests(), devices, special_kits(seed), self.now)
        self._quality = Quality(seed)
        self._stays = lru_cache(maxsize=_STAYS_KEPT)(self._cast.stays)

    def meetings(self, platform: str, also: Sequence[Case] = ()) -> list[Meeting]:
        """Every instance on one platform, oldest first, also those that are still running.

        `also`: cases that matter on this platform and are not on every one.
        """
        planner = Planner(self.seed, platform, self.size, self.first, self.now, self.people, also)
        return planner.meetings()

    def stays(self, meeting: Meeting) -> list[Stay]:
        """Who came, in the order of joining; shared, not to be changed."""
        return self._stays(meeting)

    def quality(self, stay: Stay) -> list[int]:
        """How each whole minute of a stay went, as places in `minutes`."""
        return self._quality.of(stay)

    @property
    def minutes(self) -> Sequence[Minute]:
        return self._quality.minutes
