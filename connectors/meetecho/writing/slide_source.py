"""A session's slide decks as the datatracker has them.

`GET /api/meeting/session/<pk>/materials` (`ietf/meeting/views.py`, 2026) is public, and is what Meetecho itself reads.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from connectors.errors import BrokenResponse
from connectors.exit_codes import ExitCode
from connectors.meetecho.datatracker_api import Datatracker, PlannedTime, id_from_uri
from connectors.meetecho.datatracker_http_client import DatatrackerClient
from connectors.meetecho.endpoints import GROUPS, VENDOR, call_name
from connectors.meetecho.writing.desired_state import Deck, to_decks

MATERIALS_CALL = call_name("/api/meeting/session/{id}/materials")

NOTIFY_TIME = timedelta(minutes=15)
"""The datatracker's `slides_notify_time`, if it is not set otherwise."""


class UnknownSession(BrokenResponse):
    """The datatracker has no such session: the number is wrong."""

    exit_code = ExitCode.CONFIG


class SlideSource:
    """Reads decks and sessions from the datatracker."""

    def __init__(self, client: DatatrackerClient) -> None:
        self._client = client
        self._datatracker = Datatracker(client)

    def decks(self, session: str) -> tuple[Deck, ...]:
        """The decks of the session in their order. Raises BrokenResponse if the list is missing, ValueError with the deck if
        one has no revision, title or URL, as after a failed upload (ietf-tools/datatracker#11439)."""
        body = self._client.get_object(MATERIALS_CALL, f"/api/meeting/session/{session}/materials")
        if body is None:
            raise UnknownSession(
                f"{VENDOR}: {MATERIALS_CALL}: the datatracker has no session {session}: check the number"
            )
        slides = body.get("slides")
        rows: Any = slides.get("decks") if isinstance(slides, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise BrokenResponse(f"{VENDOR}: {MATERIALS_CALL}: a response without the list `slides.decks`")
        try:
            return to_decks(rows)
        except ValueError as error:
            raise ValueError(f"{error}; correct it in the datatracker") from None

    def group(self, session: str) -> str:
        """The acronym of the session's group. Raises UnknownSession if there is no such session, BrokenResponse if the
        datatracker does not have its group."""
        row = self._datatracker.session(session)
        if row is None:
            raise UnknownSession(
                f"{VENDOR}: the datatracker has no session {session}: check the number, or name the group with --group"
            )
        number = id_from_uri(row.get("group"))
        group = self._client.get(GROUPS, number) if number is not None else None
        acronym = group.get("acronym") if group is not None else None
        if not isinstance(acronym, str) or not acronym:
            raise BrokenResponse(
                f"{VENDOR}: the datatracker has no group for session {session}: name the group with --group"
            )
        return acronym

    def is_near(self, session: str, now: datetime) -> bool:
        """Whether the session takes place now, or within a quarter of an hour: then the datatracker, too, sends changes of
        its slides (`SlidesManager`, by default). Also if the session is not scheduled."""
        time = self._planned_time(session)
        if time is None:
            return True
        return time.start - NOTIFY_TIME <= now <= (time.end or time.start) + NOTIFY_TIME

    def _planned_time(self, session: str) -> PlannedTime | None:
        row = self._datatracker.session(session)
        meeting = self._datatracker.meeting(row) if row is not None else None
        return self._datatracker.planned_time(session, meeting) if meeting is not None else None
