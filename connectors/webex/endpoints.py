"""Webex's endpoints that are read here, and the scopes that permit each.

Paths: https://github.com/webex/webex-openapi-specs (2026-05). Scopes: the tables "Meetings API Scopes" of
https://developer.webex.com/docs/meetings and the text of
https://developer.webex.com/meeting/docs/api/v1/meeting-qualities (both 2026).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote

VENDOR = "Webex"
APP_PAGE = "developer.webex.com/my-apps"
LOGIN = "run `harvester login webex`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`user` permits it for one's own meetings, any of `admin` for those of the whole organisation."""

    template: str
    admin: tuple[str, ...]
    user: str = ""

    @property
    def call(self) -> str:
        """How messages name it: never with an id in it."""
        return f"GET {self.template}"

    def path(self, *ids: str) -> str:
        filled = iter(ids)
        return re.sub(r"\{\w+\}", lambda _: quote(next(filled), safe=""), self.template)

    def for_all(self, scopes: Collection[str]) -> bool:
        """Whether one of these scopes permits it for the whole organisation."""
        return any(scope in scopes for scope in self.admin)

    def granted(self, scopes: Collection[str]) -> bool:
        return self.for_all(scopes) or self.user in scopes


_COMPLIANCE = "spark-compliance:meetings_read"

MEETINGS = Endpoint(
    template="/meetings", admin=("meeting:admin_schedule_read",), user="meeting:schedules_read"
)
MEETING = Endpoint(
    template="/meetings/{meetingId}", admin=("meeting:admin_schedule_read",), user="meeting:schedules_read"
)
ADMIN_MEETING = Endpoint(
    template="/admin/meetings/{meetingId}", admin=("meeting:admin_schedule_read", _COMPLIANCE)
)
PARTICIPANTS = Endpoint(
    template="/meetingParticipants",
    admin=("meeting:admin_participants_read", _COMPLIANCE),
    user="meeting:participants_read",
)
QUALITIES = Endpoint(template="/meeting/qualities", admin=("analytics:read_all",))


def missing_scopes(scopes: Collection[str]) -> list[str]:
    """The scopes without which nothing can be harvested, out of a token that tells what it holds: for the meetings of
    the organisation where it may list those, else for one's own."""
    if not scopes:
        return []
    if MEETINGS.for_all(scopes):
        return [] if PARTICIPANTS.for_all(scopes) else [PARTICIPANTS.admin[0]]
    return [endpoint.user for endpoint in (MEETINGS, PARTICIPANTS) if not endpoint.granted(scopes)]
