"""Calendar: the title of what took place, and what is coming up.

`events.get` and `events.list` (discovery document calendar.v3, 2026-10). Reports names an event of the organizer's
calendar; whether it is the series or the instance is not documented, and the title is the same. What is marked private
keeps its title to itself, though its owner's token could read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from threading import Lock
from typing import Any

from cachetools import LRUCache

from connectors.base import Context
from connectors.errors import VendorError
from connectors.google_meet.auth import GoogleTokens, UserUnavailable
from connectors.google_meet.client import GoogleClient, Row
from connectors.google_meet.endpoints import CALENDAR, VENDOR
from connectors.google_meet.errors import ApiNotAllowed, Forbidden
from connectors.google_meet.redaction import EVENT_FIELDS, redact_event
from connectors.google_meet.reports_api import spelled

PAGE_SIZE = 2500
MAX_CACHED_EVENTS = 2000
"""Events of which the title is kept for the next conference of a series."""

_NO_EVENT: Mapping[str, Any] = {}


class CalendarApi:
    """Safe for many threads. Once refused to everybody, it is not asked again."""

    def __init__(self, client: GoogleClient, tokens: GoogleTokens, context: Context) -> None:
        self._client = client
        self._tokens = tokens
        self._context = context
        self._lock = Lock()
        self._events: LRUCache[tuple[str, str], Row] = LRUCache(MAX_CACHED_EVENTS)
        self._refused = False

    def event(self, owner: str | None, event: str | None, *, refresh: bool = False) -> Row:
        """An event of somebody's calendar; empty where there is none, or none for us."""
        if owner is None or event is None or self._refused or "*" in owner:
            return _NO_EVENT
        key = owner.lower(), event
        with self._lock:
            if key in self._events and not refresh:
                return self._events[key]
        found = self._read(owner, event)
        with self._lock:
            self._events[key] = found
        return found

    def _read(self, owner: str, event: str) -> Row:
        try:
            told = self._client.call(
                CALENDAR, owner, "events", "get", calendarId=owner, eventId=event, fields=EVENT_FIELDS
            )
        except ApiNotAllowed as error:
            self._refused = True
            self._context.notify_once(f"{VENDOR}: meetings come without their titles: {error}")
            return _NO_EVENT
        except (UserUnavailable, Forbidden):
            return _NO_EVENT
        except VendorError as error:
            if error.status in {400, 404, 410}:
                return _NO_EVENT
            raise
        return redact_event(told)

    def require_access(self) -> None:
        """Raises what refuses it."""
        owner = self._tokens.admin or "primary"
        self._client.call(
            CALENDAR, owner, "events", "list", calendarId=owner, maxResults=1, fields="items(id)"
        )

    def list_events(self, owner: str, start: datetime, end: datetime) -> Iterator[Row]:
        """Events of one calendar that run or begin in this time, recurring ones one by one."""
        rows = self._client.all_rows(
            CALENDAR,
            owner,
            "events",
            "items",
            calendarId=owner or "primary",
            timeMin=spelled(start),
            timeMax=spelled(end),
            singleEvents=True,
            eventTypes="default",
            maxResults=PAGE_SIZE,
            fields=f"nextPageToken,items({EVENT_FIELDS})",
        )
        for row in rows:
            yield redact_event(row)


def title(event: Row) -> str | None:
    if event.get("visibility") in {"private", "confidential"}:
        return None
    told = event.get("summary")
    return told if isinstance(told, str) and told else None
