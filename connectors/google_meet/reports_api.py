"""Read Reports: a row for every endpoint that left a call, for the whole company.

`activities.list` of the application `meet` (https://developers.google.com/workspace/admin/reports/reference/rest, 2026):
newest first, up to 1,000 a page, 180 days back. A filter needs the name of the event, is case-sensitive, and is ignored if
its parameter is unknown, so results are checked again here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from connectors.base import Context
from connectors.errors import VendorError
from connectors.google_meet.auth import GoogleTokens
from connectors.google_meet.endpoints import REPORTS, REPORTS_RETENTION, VENDOR
from connectors.google_meet.http_client import RESTARTS, GoogleClient, PageTokenRefused, Row
from connectors.google_meet.refused_users import unknown_users
from connectors.google_meet.reports_rows import EVENT, flatten, leave_time, row_identity
from connectors.parsing import format_milliseconds

PAGE_SIZE = 1000
ALL_USERS = "all"

Rows = list[Row]


class ReportsApi:
    def __init__(self, client: GoogleClient, tokens: GoogleTokens, context: Context) -> None:
        self._client = client
        self._tokens = tokens
        self._context = context

    def require_access(self) -> None:
        """Makes one call. Raises the error if it is refused."""
        hour_ago = self._context.now() - timedelta(hours=1)
        next(self._pages(hour_ago, None, ALL_USERS, "", size=1), None)

    def row_pages(
        self, start: datetime, end: datetime | None = None, *, user: str = ALL_USERS, where: str = ""
    ) -> Iterator[Rows]:
        """Pages of the rows in this interval, newest first. Without `end`, up to now.

        After a refused page token, the listing continues from the second of the last row; rows of that second are
        listed twice, and yielded once.
        """
        last: Rows = []
        for restarts_left in reversed(range(RESTARTS + 1)):
            try:
                for page in self._pages(start, end, user, where):
                    seen = {row_identity(row) for row in last}
                    new = [row for row in page if row_identity(row) not in seen]
                    last = page or last
                    yield new
            except PageTokenRefused:
                if not restarts_left:
                    raise
                oldest = min((at for row in last if (at := leave_time(row)) is not None), default=end)
                end = None if oldest is None else oldest + timedelta(seconds=1)
            else:
                return

    def conference_rows(self, conference: str, since: datetime | None) -> Rows:
        """Every row of one conference, up to now."""
        begin = (since or self._context.now()) - timedelta(days=2)
        pages = self.row_pages(begin, where=f"conference_id=={conference}")
        return [row for page in pages for row in page if row.get("conference_id") == conference]

    def _pages(
        self, start: datetime, end: datetime | None, user: str, where: str, *, size: int = PAGE_SIZE
    ) -> Iterator[Rows]:
        now = self._context.now()
        times = {"startTime": format_milliseconds(max(start, now - REPORTS_RETENTION + timedelta(minutes=1)))}
        if end is not None and end < now:
            times["endTime"] = format_milliseconds(end)
        pages = self._client.pages(
            REPORTS,
            self._tokens.admin,
            "activities",
            "items",
            userKey=user,
            applicationName="meet",
            eventName=EVENT,
            maxResults=size,
            **times,
            **({"filters": where} if where else {}),
        )
        try:
            for page in pages:
                yield self._with_conference(page)
        except VendorError as error:
            if user != ALL_USERS and error.status in {400, 404} and not isinstance(error, PageTokenRefused):
                raise unknown_users([user], error.status) from None
            raise

    def _with_conference(self, page: Sequence[Row]) -> Rows:
        rows = [row for item in page for row in flatten(item)]
        known: Rows = [row for row in rows if row.get("conference_id")]
        if len(known) < len(rows):
            self._context.notify_once(
                f"{VENDOR}: some endpoints have no conference_id, and belong to no meeting"
            )
        return known
