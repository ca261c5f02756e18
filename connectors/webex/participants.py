"""List all participants of one instance, even if the listing has no links to further pages.

`GET /meetingParticipants`: https://github.com/webex/webex-openapi-specs (2026-05). It returns up to 100; a `Link` to
the next page is not documented for it. If a full page has none, the rest is listed by intervals of join time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from connectors.errors import VendorError
from connectors.models import Window
from connectors.parsing import format_seconds, unique_rows
from connectors.webex.endpoints import PARTICIPANTS, VENDOR
from connectors.webex.http_client import LARGEST_PAGE, Row, WebexClient
from connectors.webex.mapping import known_instant

MAX_SLICE = timedelta(days=90)
"""The longest interval from `joinTimeFrom` to `joinTimeTo`."""

MIN_SLICE = timedelta(seconds=2)


class Participants:
    """Lists participants. Thread-safe."""

    def __init__(self, client: WebexClient) -> None:
        self._client = client

    def fetch(self, meeting: str, host_email: str | None, during: Window) -> list[Row]:
        """Every participant, each once. Raises VendorError if not all can be listed.

        `host_email` needs an admin's token. `during` must contain every join.
        """
        try:
            return self._fetch_all(meeting, host_email, during)
        except VendorError as error:
            # The host may have left the organisation. An admin can ask without naming a host.
            if host_email is None or error.status not in {400, 403, 404}:
                raise
        return self._fetch_all(meeting, None, during)

    def _fetch_all(self, meeting: str, host_email: str | None, during: Window) -> list[Row]:
        fixed = {"meetingId": meeting, **({"hostEmail": host_email} if host_email else {})}
        rows, cut = self._pages(fixed)
        if cut:
            for slice_ in during.split(MAX_SLICE):
                rows += self._fetch_joined(fixed, slice_)
        return unique_rows(rows, lambda row: str(row.get("id")))  # slices repeat rows of the first page

    def _fetch_joined(self, fixed: dict[str, str], during: Window) -> Iterator[Row]:
        """The participants who joined in an interval. If there may be more, each half is listed on its own."""
        rows, cut = self._pages(
            {**fixed, "joinTimeFrom": format_seconds(during.start), "joinTimeTo": format_seconds(during.end)}
        )
        if not cut:
            yield from rows
            return
        outside = [row for row in rows if (at := known_instant(row.get("joinedTime"))) and at not in during]
        if outside or during.end - during.start < MIN_SLICE:
            raise VendorError(
                f"{VENDOR}: {PARTICIPANTS.call}: {LARGEST_PAGE} participants, and the others cannot be "
                "listed: there is no Link, and the join times do not divide them"
            )
        half = timedelta(seconds=int((during.end - during.start).total_seconds()) // 2)
        yield from self._fetch_joined(fixed, Window(start=during.start, end=during.start + half))
        yield from self._fetch_joined(fixed, Window(start=during.start + half, end=during.end))

    def _pages(self, params: dict[str, str]) -> tuple[list[Row], bool]:
        """All rows of the linked pages, and whether there may be more: a full page, and no link."""
        rows: list[Row] = []
        linked = False
        for page in self._client.pages(PARTICIPANTS, **params):
            rows += page.rows
            linked = linked or bool(page.next_url)
        return rows, not linked and len(rows) >= LARGEST_PAGE
