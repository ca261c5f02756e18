"""One invented organisation, generated from a seed: its people, their meetings, who attended, and the media
quality.

It knows no vendor. A platform is only a name here, which seeds the random numbers of its meetings. What a
vendor calls things, what it hides and how it formats them is up to that vendor's package.
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
    """Return an aware instant in milliseconds since 1970."""
    return int(instant.timestamp()) * SECOND + instant.microsecond // 1000


class Organisation:
    """`size` meetings on each platform, spread over `days` whole UTC days and the part of today before `now`."""

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
        """Return every instance on one platform, oldest first, including those still running.

        `extra_cases` are special cases that matter on this platform only.
        """
        generator = MeetingGenerator(
            self.seed, platform, self.size, self.first, self.now, self.people, extra_cases
        )
        return generator.meetings()

    def sessions(self, meeting: Meeting) -> list[Session]:
        """Return the sessions of a meeting in the order of joining; the list is shared and must not be
        changed."""
        return self._sessions(meeting)

    def quality_minutes(self, session: Session) -> list[int]:
        """Return the quality of each whole minute of a session, as indexes into `minutes`."""
        return self._quality.draw(session)

    @property
    def minutes(self) -> Sequence[Minute]:
        return self._quality.minutes
