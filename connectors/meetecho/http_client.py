"""The HTTP client of Meetecho: it reads the rooms of a group."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import Context, Settings
from connectors.http import Api
from connectors.meetecho.auth import GroupTokens, send_with_group_token
from connectors.meetecho.endpoints import MEETECHO_CALLS_PER_SECOND, ROOMS, VENDOR
from connectors.meetecho.errors import meetecho_classifier
from connectors.meetecho.room_rows import CALL, Room, to_rooms


class RoomsClient:
    """Reads rooms from Meetecho. Safe for all threads."""

    def __init__(self, settings: Settings, base_url: str, context: Context, groups: Sequence[str]) -> None:
        self._api = Api(VENDOR, base_url, context, classify=meetecho_classifier(context))
        self._limiter = context.limiters.get(
            "rooms", context, calls=MEETECHO_CALLS_PER_SECOND, share=settings.rate_share
        )
        self.tokens = GroupTokens(
            self._api,
            self._limiter,
            context,
            client=settings["MEETECHO_CLIENT_ID"],
            secret=settings["MEETECHO_CLIENT_SECRET"],
            groups=groups,
        )

    def list_rooms(self, group: str) -> list[Room]:
        """Every room that Meetecho lists for the group. Raises MeetechoRefused if it refuses the group."""
        response = send_with_group_token(
            self.tokens,
            group,
            lambda auth: self._api.send("GET", CALL, ROOMS, auth=auth, limiter=self._limiter),
        )
        return to_rooms(response.body, group)
