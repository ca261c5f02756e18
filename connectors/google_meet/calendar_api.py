"""Read Calendar: the titles of past meetings, and planned meetings.

`events.get` and `events.list` (discovery document calendar.v3, 2026-10). Reports names an event of the organizer's
calendar. Whether that is the series or the instance is not documented; both have the same title. The titles of private
events are not read, although the owner's token could read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from threading import Lock
from typing import Any

from cachetools import LRUCache

from connectors.base import Context
from connectors.errors import BrokenResponse, VendorError
from connectors.google_meet.auth import GoogleTokens, UserUnavailable
from connectors.google_meet.endpoints import CALENDAR, VENDOR
from connectors.google_meet.errors import ApiNotAllowed, Forbidden
from connectors.google_meet.http_client import GoogleClient, Row
from connectors.google_meet.redaction_rules import EVENT_FIELDS, redact_event
from connectors.parsing import as_text, format_milliseconds

PAGE_SIZE = 2500
MAX_CACHED_EVENTS = 2000
"""Events kept for the next conference of a series."""

_NO_EVENT: Mapping[str, Any] = {}


class CalendarApi:
    """Thread-safe. After a refusal for all users, it makes no more calls."""

    def __init__(self, client: GoogleClient, tokens: GoogleTokens, context: Context) -> None:
        self._client = client
        self._tokens = tokens
        self._context = context
        self._lock = Lock()
        self._events: LRUCache[tuple[str, str], Row] = LRUCache(MAX_CACHED_EVENTS)
        self._refused = False

    def event(self, owner: str | None, event: str | None, *, refresh: bool = False) -> Row:
        """An event of a user's calendar; empty if there is none, or it may not be read. Cached unless `refresh`."""
        if owner is None or event is None or self._refused or "*" in owner:
            return _NO_EVENT
        key = owner.lower(), event
        with self._lock:
            if key in self._events and not refresh:
                return self._events[key]
        row = self._read(owner, event)
        with self._lock:
            self._events[key] = row
        return row

    def _read(self, owner: str, event: str) -> Row:
        try:
            row = self._client.call(
                CALENDAR, owner, "events", "get", calendarId=owner, eventId=event, fields=EVENT_FIELDS
            )
        except ApiNotAllowed as error:
            self._refused = True
            self._context.notify_once(f"{VENDOR}: meetings are stored without titles: {error}")
            return _NO_EVENT
        except (UserUnavailable, Forbidden):
            return _NO_EVENT
        except VendorError as error:
            if error.status in {400, 404, 410}:
                return _NO_EVENT
            raise
        if as_text(row.get("id")) is None:
            raise BrokenResponse(f"{VENDOR}: events.get: a response without an id")
        return redact_event(row)

    def require_access(self) -> None:
        """Makes one call. Raises the error if it is refused."""
        owner = self._tokens.admin or "primary"
        self._client.call(
            CALENDAR, owner, "events", "list", calendarId=owner, maxResults=1, fields="items(id)"
        )

    def list_events(self, owner: str, start: datetime, end: datetime) -> Iterator[Row]:
        """The events of one calendar that overlap this interval. Each instance of a recurring event is listed."""
        rows = self._client.all_rows(
            CALENDAR,
            owner,
            "events",
            "items",
            calendarId=owner or "primary",
            timeMin=format_milliseconds(start),
            timeMax=format_milliseconds(end),
            singleEvents=True,
            eventTypes="default",
            maxResults=PAGE_SIZE,
            fields=f"nextPageToken,items({EVENT_FIELDS})",
        )
        for row in rows:
            yield redact_event(row)


def title(event: Row) -> str | None:
    """The title of an event; `None` if the event is private."""
    if as_text(event.get("visibility")) in {"private", "confidential"}:
        return None
    summary = event.get("summary")
    return summary if isinstance(summary, str) and summary else None
