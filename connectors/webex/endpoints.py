"""The Webex endpoints that the connector calls, and the scopes that permit each.

Paths: https://github.com/webex/webex-openapi-specs (2026-05). Scopes: the tables "Meetings API Scopes" of
https://developer.webex.com/docs/meetings and the text of
https://developer.webex.com/meeting/docs/api/v1/meeting-qualities (both 2026).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from connectors.endpoint import Endpoint

VENDOR = "Webex"
APP_PAGE = "developer.webex.com/my-apps"
LOGIN = "run `harvester login webex`"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebexEndpoint(Endpoint):
    admin: tuple[str, ...]
    """Any of these scopes permits the call for all meetings of the organisation."""
    user: str = ""
    """This scope permits the call for the user's own meetings; empty if none does."""

    def for_all(self, scopes: Collection[str]) -> bool:
        """Whether one of these scopes permits the call for the whole organisation."""
        return any(scope in scopes for scope in self.admin)

    def granted(self, scopes: Collection[str]) -> bool:
        return self.for_all(scopes) or self.user in scopes


_COMPLIANCE = "spark-compliance:meetings_read"

MEETINGS = WebexEndpoint(
    template="/meetings", admin=("meeting:admin_schedule_read",), user="meeting:schedules_read"
)
MEETING = WebexEndpoint(
    template="/meetings/{meetingId}", admin=("meeting:admin_schedule_read",), user="meeting:schedules_read"
)
ADMIN_MEETING = WebexEndpoint(
    template="/admin/meetings/{meetingId}", admin=("meeting:admin_schedule_read", _COMPLIANCE)
)
PARTICIPANTS = WebexEndpoint(
    template="/meetingParticipants",
    admin=("meeting:admin_participants_read", _COMPLIANCE),
    user="meeting:participants_read",
)
QUALITIES = WebexEndpoint(template="/meeting/qualities", admin=("analytics:read_all",))


def missing_scopes(scopes: Collection[str]) -> list[str]:
    """The scopes that a token with these scopes still needs for a harvest; none if the token does not name its scopes.

    A token that may list the organisation's meetings needs the scope for their participants. Any other token needs the
    scopes for the user's own meetings.
    """
    if not scopes:
        return []
    if MEETINGS.for_all(scopes):
        return [] if PARTICIPANTS.for_all(scopes) else [PARTICIPANTS.admin[0]]
    return [endpoint.user for endpoint in (MEETINGS, PARTICIPANTS) if not endpoint.granted(scopes)]
