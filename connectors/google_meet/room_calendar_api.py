"""The calendars of meeting rooms: read, watched for changes, booked.

Calendar discovery document v3, revision 20261030, and directory_v1 (2026-11). A full listing gives a token, and a listing
with the token gives what has changed since, cancelled events included; an expired token is answered with 410, then the
whole calendar has to be read again. `timeMin` bounds the end of an event, so meetings that run are listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.errors import BrokenResponse, HarvestError, VendorError
from connectors.google_meet.auth import GoogleTokens
from connectors.google_meet.endpoints import (
    CALENDAR,
    CALENDAR_BOOKING,
    CALENDAR_FREE_BUSY,
    ROOM_RESOURCES,
    VENDOR,
    Service,
)
from connectors.google_meet.http_client import GoogleClient, rows_in
from connectors.google_meet.room_events import ROOM_EVENT_FIELDS, RoomEvent, parse_room_event
from connectors.paging import page_token, paginate
from connectors.parsing import as_dict, as_dicts, as_number, as_text, format_milliseconds, parse_instant

PAGE_SIZE = 2500
FREE_BUSY_CALENDARS = 50
"""The calendars that one request may name (`calendarExpansionMax`)."""

_PAGE_FIELDS = f"nextPageToken,nextSyncToken,timeZone,items({ROOM_EVENT_FIELDS})"
_RESOURCE_FIELDS = "nextPageToken,items(resourceEmail,resourceName,generatedResourceName,capacity,buildingId,floorName,resourceCategory)"


class SyncTokenExpired(VendorError):
    """The whole calendar must be read again (410)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarReading:
    """Events of one calendar: all of them, or those that changed. `sync_token`: for the changes after these."""

    events: tuple[RoomEvent, ...]
    sync_token: str
    time_zone: str | None = None
    """The name of the calendar's zone."""
    unreadable: int = 0
    """Rows whose times cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomResource:
    """A room of the company's list of resources."""

    name: str
    calendar: str
    capacity: int | None = None
    building: str | None = None
    floor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """A booking to insert. `id`: chosen by the caller (base32hex, 5 to 1024 characters), so that a second insertion of the
    same booking is refused (409)."""

    id: str
    start: datetime
    end: datetime
    title: str
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A push channel: Calendar sends a request to an address when a calendar changes, until the channel expires."""

    id: str
    resource_id: str
    expires_at: datetime | None
    token: str = field(repr=False)


class RoomCalendars:
    """Safe for all threads. `booking`: ask for the right to change events; otherwise only to read them."""

    def __init__(self, client: GoogleClient, tokens: GoogleTokens, *, booking: bool = False) -> None:
        self._client = client
        self._tokens = tokens
        self._events: Service = CALENDAR_BOOKING if booking else CALENDAR

    def read(self, calendar: str, since: datetime) -> CalendarReading:
        """Every event that ends after `since`, each instance of a series by itself."""
        return self._list(calendar, timeMin=format_milliseconds(since))

    def changes(self, calendar: str, sync_token: str) -> CalendarReading:
        """What has changed since the reading that gave the token. Raises SyncTokenExpired."""
        try:
            return self._list(calendar, syncToken=sync_token)
        except VendorError as error:
            if error.status == 410:
                raise SyncTokenExpired(str(error), status=410) from None
            raise

    def _list(self, calendar: str, **bounds: str) -> CalendarReading:
        call = f"{VENDOR}: events.list"

        def get_page(token: str) -> dict[str, Any]:
            return self._client.call(
                self._events,
                self._tokens.admin,
                "events",
                "list",
                calendarId=calendar,
                singleEvents=True,
                maxResults=PAGE_SIZE,
                fields=_PAGE_FIELDS,
                **bounds,
                **({"pageToken": token} if token else {}),
            )

        rows: list[Mapping[str, Any]] = []
        sync_token, time_zone = "", None
        pages = paginate(
            get_page,
            lambda page: page_token(page.get("nextPageToken"), call=call),
            lambda page: rows_in(page, "items", call),
            call=call,
        )
        for page in pages:
            rows += rows_in(page, "items", call)
            sync_token = as_text(page.get("nextSyncToken")) or ""
            time_zone = as_text(page.get("timeZone")) or time_zone
        if not sync_token:
            raise BrokenResponse(f"{call}: the last page has no sync token")
        events = [parse_room_event(row) for row in rows]
        readable = tuple(event for event in events if event is not None)
        return CalendarReading(
            events=readable,
            sync_token=sync_token,
            time_zone=time_zone,
            unreadable=len(events) - len(readable),
        )

    def free_busy(
        self, calendars: Sequence[str], start: datetime, end: datetime
    ) -> Iterator[tuple[str, tuple[RoomEvent, ...] | VendorError]]:
        """The busy intervals of each calendar as events without titles, or why it cannot be read."""
        for first in range(0, len(calendars), FREE_BUSY_CALENDARS):
            some = calendars[first : first + FREE_BUSY_CALENDARS]
            body = {
                "timeMin": format_milliseconds(start),
                "timeMax": format_milliseconds(end),
                "items": [{"id": calendar} for calendar in some],
            }
            answer = self._client.call(CALENDAR_FREE_BUSY, self._tokens.admin, "freebusy", "query", body=body)
            found = as_dict(answer.get("calendars"))
            for calendar in some:
                yield calendar, _busy_events(found.get(calendar))

    def resources(self) -> list[RoomResource]:
        """The conference rooms of the company, as the Directory lists them."""
        rows = self._client.all_rows(
            ROOM_RESOURCES,
            self._tokens.admin,
            "resources.calendars",
            "items",
            customer="my_customer",
            maxResults=500,
            fields=_RESOURCE_FIELDS,
        )
        return [
            room
            for row in rows
            if row.get("resourceCategory") != "OTHER" and (room := _resource(row)) is not None
        ]

    def get(self, calendar: str, event: str) -> RoomEvent | None:
        """One event; None if there is none, also if it was deleted."""
        try:
            row = self._client.call(
                self._events,
                self._tokens.admin,
                "events",
                "get",
                calendarId=calendar,
                eventId=event,
                fields=ROOM_EVENT_FIELDS,
            )
        except VendorError as error:
            if error.status in {404, 410}:
                return None
            raise
        found = parse_room_event(row)
        return None if found is None or found.cancelled else found

    def insert(self, calendar: str, event: NewEvent) -> RoomEvent:
        """Books the room, with one attempt. Raises VendorError with status 409 if an event has this id.

        After any other error but a refusal it is unknown whether the event exists: `get` it before anything else.
        """
        body = {
            "id": event.id,
            "summary": event.title,
            "start": {"dateTime": format_milliseconds(event.start), "timeZone": "UTC"},
            "end": {"dateTime": format_milliseconds(event.end), "timeZone": "UTC"},
            "extendedProperties": {"private": dict(event.properties)},
        }
        row = self._client.call_once(
            CALENDAR_BOOKING,
            self._tokens.admin,
            "events",
            "insert",
            calendarId=calendar,
            body=body,
            fields=ROOM_EVENT_FIELDS,
        )
        booked = parse_room_event(row)
        if booked is None:
            raise BrokenResponse(f"{VENDOR}: events.insert: a response without an event")
        return booked

    def delete(self, calendar: str, event: str) -> bool:
        """Deletes an event; False if it was deleted already."""
        try:
            self._client.call(
                CALENDAR_BOOKING,
                self._tokens.admin,
                "events",
                "delete",
                calendarId=calendar,
                eventId=event,
            )
        except VendorError as error:
            if error.status in {404, 410}:
                return False
            raise
        return True

    def watch(self, calendar: str, *, channel: str, token: str, address: str) -> Channel:
        """Opens a push channel to `address` (HTTPS). `channel`: an id that no channel of the project ever had; `token`: the
        secret that each message repeats."""
        answer = self._client.call_once(
            self._events,
            self._tokens.admin,
            "events",
            "watch",
            calendarId=calendar,
            body={"id": channel, "type": "web_hook", "address": address, "token": token},
        )
        resource = as_text(answer.get("resourceId"))
        if resource is None:
            raise BrokenResponse(f"{VENDOR}: events.watch: a response without a resource id")
        return Channel(
            id=channel, resource_id=resource, expires_at=_milliseconds(answer.get("expiration")), token=token
        )

    def stop(self, channel: Channel) -> None:
        """Ends a channel; one that has ended already is not an error."""
        try:
            self._client.call(
                self._events,
                self._tokens.admin,
                "channels",
                "stop",
                body={"id": channel.id, "resourceId": channel.resource_id},
            )
        except VendorError as error:
            if error.status != 404:
                raise


def is_doubtful(error: HarvestError) -> bool:
    """Whether Calendar may have carried out an insertion that ended in this error."""
    return not isinstance(error, VendorError) or error.status is None or error.status >= 500


def _busy_events(answer: Any) -> tuple[RoomEvent, ...] | VendorError:
    calendar = as_dict(answer)
    for problem in as_dicts(calendar.get("errors")) or ([{}] if not isinstance(answer, dict) else []):
        reason = as_text(problem.get("reason"))
        words = "no such calendar, or it is not shared" if reason == "notFound" else "it cannot be read"
        return VendorError(f"{VENDOR}: freebusy.query: {words}", status=404 if reason == "notFound" else None)
    events = []
    for number, busy in enumerate(as_dicts(calendar.get("busy"))):
        start, end = parse_instant(busy.get("start")), parse_instant(busy.get("end"))
        if start is not None and end is not None:
            events.append(RoomEvent(id=f"busy-{number}", start=start, end=end))
    return tuple(events)


def _resource(row: Mapping[str, Any]) -> RoomResource | None:
    calendar = as_text(row.get("resourceEmail"))
    name = as_text(row.get("resourceName")) or as_text(row.get("generatedResourceName")) or calendar
    if calendar is None or name is None:
        return None
    capacity = as_number(row.get("capacity"))
    return RoomResource(
        name=name,
        calendar=calendar,
        capacity=None if capacity is None else int(capacity),
        building=as_text(row.get("buildingId")),
        floor=as_text(row.get("floorName")),
    )


def _milliseconds(value: Any) -> datetime | None:
    """`expiration`: milliseconds since 1970, as a text."""
    text = as_text(value)
    try:
        return None if text is None else datetime.fromtimestamp(int(text) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
