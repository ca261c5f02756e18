"""What is agreed with Meetecho, its tokens, and how requests must look: as the datatracker's own client sends them.

Nobody outside knows what Meetecho makes of any other request, how long a token lives or what it says when it refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """`credentials`: whether the settings have Meetecho's. `refused`: groups that get a token and are refused with it;
    `unknown`: groups that get none. `hasty`: every so many answers of the datatracker's are a 429 that says to wait no
    time; 0: none."""

    credentials: bool = True
    refused: Sequence[str] = ()
    unknown: Sequence[str] = ()
    hasty: int = 40

    def rooms(self, group: str) -> bool:
        """Whether the rooms of a group can be had."""
        return self.credentials and group not in self.refused and group not in self.unknown
