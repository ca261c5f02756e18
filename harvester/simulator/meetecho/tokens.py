"""Meetecho's tokens."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.meetecho.error_responses import ErrorResponse
from harvester.simulator.meetecho.options import MeetechoOptions
from harvester.simulator.organisation import seeded_random

CLIENT_ID = "invented-datatracker"


CLIENT_SECRET = "invented-meetecho-secret"


TOKEN_SECONDS = 3600.0


@dataclass(slots=True)
class Tokens:
    """Issues tokens, each valid for one group and an hour; another request returns new ones."""

    clock: SimulatedClock
    options: MeetechoOptions
    seed: int
    groups: Collection[str]
    issued: int = 0
    _live: dict[str, tuple[str, float]] = field(default_factory=dict)

    def issue(self, body: Mapping[str, Any]) -> dict[str, str]:
        """Return a token for each known group. Raises ErrorResponse if the credentials are wrong."""
        if (body["client"], body["secret"]) != (CLIENT_ID, CLIENT_SECRET):
            raise ErrorResponse(401, "Invalid client or secret")
        self.issued += 1
        tokens = {}
        for group in body["wgs"]:
            if group in self.groups and group not in self.options.unknown:
                digits = seeded_random.digest(self.seed, "meetecho token", group, self.issued).hex()
                tokens[group] = f"wg-{group}-{digits}"
                self._live[tokens[group]] = group, self.clock.elapsed() + TOKEN_SECONDS
        return tokens

    def owner(self, token: str) -> str:
        """Return the group of a token, expired or not; empty for an unknown one."""
        return self._live.get(token, ("", 0.0))[0]

    def expire(self, group: str) -> None:
        """Let every token of a group expire now."""
        for token, (owner, _until) in self._live.items():
            if owner == group:
                self._live[token] = owner, 0.0

    def group(self, token: str) -> str:
        """Return the group of a token. Raises ErrorResponse if the token is unknown or expired, or if the
        group is refused."""
        group, until = self._live.get(token, ("", 0.0))
        if self.clock.elapsed() >= until:
            raise ErrorResponse(401, "Invalid token")
        if group in self.options.refused:
            raise ErrorResponse(403, "Not allowed")
        return group
