"""The HTTP client of Meetecho: it reads the rooms of a group."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import Context, Settings
from connectors.http import Api
from connectors.meetecho.auth import GroupTokens
from connectors.meetecho.endpoints import MEETECHO_CALLS_PER_SECOND, ROOMS, VENDOR
from connectors.meetecho.errors import MeetechoRefused, meetecho_classifier
from connectors.meetecho.room_rows import CALL, Room, to_rooms


class _GroupAuth:
    """The `Authorization` header of a group, spelled as the datatracker's client spells it: `bearer` in lower case."""

    def __init__(self, token: str) -> None:
        self._token = token

    def header(self) -> str:
        return f"bearer {self._token}"

    def renew(self, refused: str) -> None:
        """Never called: `RoomsClient` handles refusals itself."""


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
        token = self.tokens.get(group)
        try:
            return self._fetch(token, group)
        except MeetechoRefused as error:
            if error.status not in {401, 403} or not self.tokens.renew(group, token):
                raise
        return self._fetch(self.tokens.get(group), group)

    def _fetch(self, token: str, group: str) -> list[Room]:
        response = self._api.send("GET", CALL, ROOMS, auth=_GroupAuth(token), limiter=self._limiter)
        return to_rooms(response.body, group)
