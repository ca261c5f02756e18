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
    MeetingGenerator,
)
from harvester.simulator.organisation.people import (
    Device,
    Guest,
    Person,
    Visitor,
    generate_devices,
    generate_guests,
    generate_odd_guests,
    generate_people,
    generate_special_devices,
)
from harvester.simulator.organisation.quality import Minute, Quality
from harvester.simulator.organisation.sessions import Session, SessionGenerator

__all__ = [
    "DAY",
    "HOUR",
    "LIVE",
    "MINUTE",
    "QUIET",
    "SECOND",
    "Case",
    "Device",
    "Guest",
    "Meeting",
    "Minute",
    "Organisation",
    "Person",
    "Session",
    "Visitor",
    "milliseconds",
]

_SESSIONS_CACHED = 2048


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
        self.people: Sequence[Person] = generate_people(seed, count)
        devices = generate_devices(seed, 2 * min(count, 600))
        self._session_generator = SessionGenerator(
            self.people,
            generate_guests(seed, 400),
            generate_odd_guests(),
            devices,
            generate_special_devices(seed),
            self.now,
        )
        self._quality = Quality(seed)
        self._sessions = lru_cache(maxsize=_SESSIONS_CACHED)(self._session_generator.sessions)

    def meetings(self, platform: str, extra_cases: Sequence[Case] = ()) -> list[Meeting]:
        """Every instance on one platform, oldest first, also those that are still running.

        `also`: cases that matter on this platform and are not on every one.
        """
        generator = MeetingGenerator(
            self.seed, platform, self.size, self.first, self.now, self.people, extra_cases
        )
        return generator.meetings()

    def sessions(self, meeting: Meeting) -> list[Session]:
        """Who came, in the order of joining; shared, not to be changed."""
        return self._sessions(meeting)

    def quality_minutes(self, session: Session) -> list[int]:
        """How each whole minute of a stay went, as places in `minutes`."""
        return self._quality.draw(session)

    @property
    def minutes(self) -> Sequence[Minute]:
        return self._quality.minutes
