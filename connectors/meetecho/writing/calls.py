"""The requests that change something at Meetecho, and the client that sends them.

Methods, paths, headers and bodies are those of the datatracker's own client (`ietf/utils/meetecho.py`, 2024): the keys of
a body in this order, encoded as `requests` encodes `json=`; a deletion has the deletion token instead of the group's, and
no body. Only 200 and 202 are success.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from connectors.base import Context, Settings
from connectors.errors import BrokenResponse, HarvestError, Unreachable, VendorError
from connectors.http import Api, Auth
from connectors.json_body import EMPTY
from connectors.meetecho.auth import GroupAuth, GroupTokens, send_with_group_token
from connectors.meetecho.endpoints import MEETECHO_CALLS_PER_SECOND, ROOMS, VENDOR
from connectors.meetecho.errors import MeetechoRefused, meetecho_classifier
from connectors.meetecho.room_rows import Room, to_rooms
from connectors.meetecho.writing.desired_state import Deck, DesiredRoom
from connectors.response_decisions import Decision, Response

CREATE_ROOM = "/meeting/interim/createRoom"
DELETE_ROOM = "/meeting/interim/deleteRoom"
MATERIALS = "/materials"

REDACTED = "***"

Fetched = tuple[list[Room], dict[str, str]]
"""The rooms of a group, and the deletion token of each by uuid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    """A request that changes something, not sent yet."""

    method: str
    path: str
    group: str
    body: Mapping[str, Any] | None = None

    @property
    def call(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Type": "application/json"} if self.body is not None else {}

    def content(self) -> bytes | None:
        return json.dumps(self.body, allow_nan=False).encode() if self.body is not None else None

    def describe(self) -> str:
        """The request as text, for `--dry-run`: without a token."""
        lines = [self.call, "Accept: application/json", f"Authorization: bearer {REDACTED}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        content = self.content()
        return "\n".join([*lines, *([content.decode()] if content is not None else [])])


def create_room(desired: DesiredRoom) -> WriteRequest:
    body = {
        "room_id": desired.session_id,
        "description": desired.description,
        "start_time": desired.start.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "duration": desired.minutes,
        "extrainfo": desired.extrainfo,
    }
    return WriteRequest(method="POST", path=CREATE_ROOM, group=desired.group, body=body)


def delete_room(group: str) -> WriteRequest:
    """The room is named by its deletion token alone, which is sent as the authorization."""
    return WriteRequest(method="POST", path=DELETE_ROOM, group=group)


def add_deck(group: str, session: str, deck: Deck) -> WriteRequest:
    body = {
        "session": session,
        "title": deck.title,
        "id": deck.id,
        "url": deck.url,
        "rev": deck.rev,
        "order": deck.order,
    }
    return WriteRequest(method="POST", path=MATERIALS, group=group, body=body)


def remove_deck(group: str, session: str, deck: int) -> WriteRequest:
    body = {"session": session, "id": deck}
    return WriteRequest(method="DELETE", path=MATERIALS, group=group, body=body)


def send_decks(group: str, session: str, decks: Sequence[Deck]) -> WriteRequest:
    body = {"session": session, "decks": [deck_fields(deck) for deck in decks]}
    return WriteRequest(method="PUT", path=MATERIALS, group=group, body=body)


def deck_fields(deck: Deck) -> dict[str, Any]:
    return {"id": deck.id, "title": deck.title, "url": deck.url, "rev": deck.rev, "order": deck.order}


def is_doubtful(error: HarvestError) -> bool:
    """Whether Meetecho may have carried out a request that ended in this error."""
    if isinstance(error, MeetechoRefused):
        return False
    return isinstance(error, (Unreachable, VendorError))


def status_of(error: HarvestError) -> int | None:
    """The HTTP status with which Meetecho refused or failed; None if the outcome is unknown, as after a page with 200."""
    status = getattr(error, "status", None)
    return None if isinstance(error, BrokenResponse) or not isinstance(status, int) else status


class WriteClient:
    """Reads a group's rooms and sends requests that change something. Safe for all threads.

    Requests that create, delete or add are sent once: the caller has to look before it sends one again. Refused tokens
    (401, 403) are renewed once, since Meetecho refuses before it acts.
    """

    def __init__(self, settings: Settings, base_url: str, context: Context, groups: Sequence[str]) -> None:
        self._api = Api(VENDOR, base_url, context, classify=_write_classifier(context))
        self._limiter = context.limiters.get(
            "rooms", context, calls=MEETECHO_CALLS_PER_SECOND, share=settings.rate_share
        )
        # The tokens and the list of rooms are read as a harvest reads them.
        self._reading = Api(VENDOR, base_url, context, classify=meetecho_classifier(context))
        self.tokens = GroupTokens(
            self._reading,
            self._limiter,
            context,
            client=settings["MEETECHO_CLIENT_ID"],
            secret=settings["MEETECHO_CLIENT_SECRET"],
            groups=groups,
        )

    def fetch_rooms(self, group: str) -> Fetched:
        """Every room that Meetecho lists for the group. Raises MeetechoRefused if it refuses the group."""
        response = send_with_group_token(
            self.tokens,
            group,
            lambda auth: self._reading.send("GET", f"GET {ROOMS}", ROOMS, auth=auth, limiter=self._limiter),
        )
        return to_rooms(response.body, group), _deletion_tokens(response.body)

    def send(self, request: WriteRequest) -> Response:
        """Send a request with the group's token."""
        return send_with_group_token(self.tokens, request.group, lambda auth: self._send(request, auth))

    def delete(self, request: WriteRequest, deletion_token: str) -> Response:
        return self._send(request, GroupAuth(deletion_token))

    def created_room(self, response: Response, group: str) -> Room:
        """The room in the answer to `create_room`. Raises BrokenResponse unless there is exactly one, as the
        datatracker does (`ietf/meeting/helpers.py`)."""
        rooms = to_rooms(response.body, group)
        if len(rooms) != 1:
            raise BrokenResponse(f"{response.call}: {len(rooms)} rooms in the answer instead of one")
        return rooms[0]

    def _send(self, request: WriteRequest, auth: Auth) -> Response:
        return self._api.send(
            request.method,
            request.call,
            request.path,
            data=request.content(),
            headers=request.headers,
            auth=auth,
            limiter=self._limiter,
            idempotent=request.method == "PUT",
        )


def _write_classifier(context: Context) -> Callable[[Response], Decision]:
    """Like the one for reading, except that the body of a success need not be JSON: `materials` returns none, with 202.

    A 200 with a web page is the answer of something in between, not of Meetecho.
    """
    classify_others = meetecho_classifier(context)

    def classify(response: Response) -> Decision:
        is_page = response.status == 200 and response.content_type == "text/html"
        has_page = is_page and response.broken not in {None, EMPTY}
        if response.status in {200, 202} and not has_page:
            return None
        return classify_others(response)

    return classify


def _deletion_tokens(body: Any) -> dict[str, str]:
    rooms = body.get("rooms") if isinstance(body, dict) else None
    if not isinstance(rooms, dict):
        return {}
    return {
        uuid: entry["deletion_token"]
        for uuid, entry in rooms.items()
        if isinstance(entry, dict)
        and isinstance(entry.get("deletion_token"), str)
        and entry["deletion_token"]
    }
