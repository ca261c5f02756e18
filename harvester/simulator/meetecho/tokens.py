"""Meetecho's tokens."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from harvester.simulator.clock import Calendar
from harvester.simulator.meetecho.access import Terms
from harvester.simulator.meetecho.error_responses import Refusal
from harvester.simulator.organisation import seeded_random

CLIENT_ID = "invented-datatracker"


CLIENT_SECRET = "invented-meetecho-secret"


TOKEN_SECONDS = 3600.0


@dataclass(slots=True)
class Tokens:
    """Each is good for one group and an hour; asking again gives others."""

    calendar: Calendar
    terms: Terms
    seed: int
    groups: Collection[str]
    issued: int = 0
    _live: dict[str, tuple[str, float]] = field(default_factory=dict)

    def tokens(self, told: Mapping[str, Any]) -> dict[str, str]:
        """For those of the groups that are known. Refusal: credentials."""
        if (told["client"], told["secret"]) != (CLIENT_ID, CLIENT_SECRET):
            raise Refusal(401, "Invalid client or secret")
        self.issued += 1
        given = {}
        for group in told["wgs"]:
            if group in self.groups and group not in self.terms.unknown:
                words = seeded_random.digest(self.seed, "meetecho token", group, self.issued).hex()
                given[group] = f"wg-{group}-{words}"
                self._live[given[group]] = group, self.calendar.elapsed() + TOKEN_SECONDS
        return given

    def group(self, token: str) -> str:
        """Whose token it is. Refusal: nobody's, one that has died, or a group that is refused."""
        group, until = self._live.get(token, ("", 0.0))
        if self.calendar.elapsed() >= until:
            raise Refusal(401, "Invalid token")
        if group in self.terms.refused:
            raise Refusal(403, "Not allowed")
        return group
