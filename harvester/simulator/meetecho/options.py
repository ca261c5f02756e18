"""How the simulated Meetecho can be varied: credentials, groups that are refused, a datatracker that limits the rate.

What Meetecho answers to requests that the datatracker's client does not send, how long a token lives, and its
error messages are not publicly known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetechoOptions:
    """Options of the simulated account.

    credentials: the settings contain Meetecho's credentials.
    refused: groups that get a token but no rooms.
    unknown: groups that get no token.
    hasty: one in this number of answers of the datatracker is a 429 with `Retry-After: 0`; 0 means none.
    one_room: a second room with the same id is refused. Otherwise it is created, as the orphans suggest that
        users of the datatracker reported.
    """

    credentials: bool = True
    refused: Sequence[str] = ()
    unknown: Sequence[str] = ()
    hasty: int = 40
    one_room: bool = False

    def rooms(self, group: str) -> bool:
        """Return whether the rooms of a group can be read."""
        return self.credentials and group not in self.refused and group not in self.unknown
