"""Who was there: all participants of one instance, whether or not the listing has links to its next pages.

`GET /meetingParticipants`: https://github.com/webex/webex-openapi-specs (2026-05). It shows up to 100; whether a `Link`
leads on is not documented for it. Where none comes with a full page, the times of joining cut the rest into pieces.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from connectors.errors import VendorError
from connectors.models import Window
from connectors.parsing import unique_rows
from connectors.webex.client import LARGEST_PAGE, Row, WebexClient
from connectors.webex.endpoints import PARTICIPANTS, VENDOR
from connectors.webex.mapping import known_instant

MAX_SLICE = timedelta(days=90)
"""The longest that `joinTimeFrom` and `joinTimeTo` may be apart."""

MIN_SLICE = timedelta(seconds=2)


class Participants:
    def __init__(self, client: WebexClient) -> None:
        self._client = client

    def fetch(self, meeting: str, host_email: str | None, during: Window) -> list[Row]:
        """Every participant, each once. `host_email` only with an admin's token; `during`: from before the first join
        to after the last. Raises VendorError where they cannot all be had."""
        try:
            return self._fetch_all(meeting, host_email, during)
        except VendorError as error:
            # The host may have left the organisation since: an admin may ask without naming anybody.
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
        """Those who joined in a piece of time, by halves where they are too many."""
        rows, cut = self._pages(
            {**fixed, "joinTimeFrom": _spelled(during.start), "joinTimeTo": _spelled(during.end)}
        )
        if not cut:
            yield from rows
            return
        strangers = [row for row in rows if (at := known_instant(row.get("joinedTime"))) and at not in during]
        if strangers or during.end - during.start < MIN_SLICE:
            raise VendorError(
                f"{VENDOR}: {PARTICIPANTS.call}: {LARGEST_PAGE} participants and no way to the others: no Link, and the "
                "times of joining do not part them"
            )
        half = timedelta(seconds=int((during.end - during.start).total_seconds()) // 2)
        yield from self._fetch_joined(fixed, Window(start=during.start, end=during.start + half))
        yield from self._fetch_joined(fixed, Window(start=during.start + half, end=during.end))

    def _pages(self, params: dict[str, str]) -> tuple[list[Row], bool]:
        """All rows that links lead to, and whether there may be more: a full page, and no link ever."""
        found: list[Row] = []
        linked = False
        for page in self._client.pages(PARTICIPANTS, **params):
            found += page.rows
            linked = linked or bool(page.next_url)
        return found, not linked and len(found) >= LARGEST_PAGE


def _spelled(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
