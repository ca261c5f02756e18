"""Whether the Meet of a booking has begun, as its organizer may see it.

Meet discovery document v2, revision 20261029: `conferenceRecords.list` filters by `space.meeting_code`, shows a conference from
its first join on, and a running one without an end. The organizer of a meeting surely lists its conferences; whether other
participants do is not documented consistently.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from connectors.google_meet.auth import GoogleTokens
from connectors.google_meet.endpoints import MEET
from connectors.google_meet.http_client import GoogleClient
from connectors.parsing import as_text, format_milliseconds, parse_instant

BEFORE = timedelta(hours=12)
"""A conference that began earlier is not that of the booking, even if its code is."""

_CODE = re.compile(r"[a-z]+-[a-z]+-[a-z]+")


class RoomConferences:
    """Safe for all threads. Needs the scope meetings.space.readonly, and a service account that acts for the organizers."""

    def __init__(self, client: GoogleClient, tokens: GoogleTokens) -> None:
        self._client = client
        self._tokens = tokens

    def has_begun(self, code: str, organizer: str, start: datetime) -> bool | None:
        """Whether there is a conference of this code that ran at `start` or later; None if no user may be asked.

        Raises HarvestError if Google refuses the organizer or cannot be reached.
        """
        if not self._tokens.impersonates or not _CODE.fullmatch(code):
            return None
        where = f'space.meeting_code = "{code}" AND start_time>="{format_milliseconds(start - BEFORE)}"'
        rows = self._client.all_rows(
            MEET, organizer, "conferenceRecords", "conferenceRecords", filter=where, pageSize=100
        )
        ends = [as_text(row.get("endTime")) for row in rows]
        return any(end is None or ((when := parse_instant(end)) is not None and when > start) for end in ends)
