"""The events of room calendars as documents of the kind `booking`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.google_meet.room_events import RoomEvent
from connectors.models import Window
from harvester.rooms.rooms_file import Room
from harvester.rooms.status_json import Titles, is_hidden

KIND = "booking"


def booking_documents(
    room: Room,
    events: Iterable[RoomEvent],
    window: Window,
    *,
    zone: ZoneInfo,
    account: str,
    harvested_at: datetime,
    titles: Titles,
) -> Iterator[dict[str, Any]]:
    """A document for each event that occupies the room and starts in the window. `zone`: that of whole-day events.

    What the calendar does not have is left out; so are titles and organizers that are not to be shown.
    """
    for event in events:
        if not event.occupies:
            continue
        start, end = event.interval(zone)
        if start in window and start < end:
            yield {
                name: value
                for name, value in _fields(room, event, start, end, account, harvested_at, titles).items()
                if value is not None and value != {}
            }


def booking_id(account: str, calendar: str, event_id: str) -> str:
    return f"booking:{account}:{calendar}:{event_id}"


def _fields(
    room: Room,
    event: RoomEvent,
    start: datetime,
    end: datetime,
    account: str,
    harvested_at: datetime,
    titles: Titles,
) -> dict[str, Any]:
    hidden = is_hidden(event, titles)
    name = None if event.organizer == event.organizer_email else event.organizer
    host = {"name": name, "email": event.organizer_email}
    return {
        "document_id": booking_id(account, room.calendar, event.id),
        "kind": KIND,
        "account": account,
        "@timestamp": start,
        "harvested_at": harvested_at,
        "room": room.name,
        "calendar": room.calendar,
        "event_id": event.id,
        "event_series_id": event.series_id,
        "ical_uid": event.ical_uid,
        "topic": None if hidden else event.title,
        "host": {} if hidden else {key: value for key, value in host.items() if value is not None},
        "start_time": start,
        "end_time": end,
        "duration": int((end - start) / timedelta(seconds=1)),
        "all_day": event.all_day,
        "private": event.private,
        "attendees": event.guests,
        "meeting_code": event.meet_code,
        "status": "tentative" if event.tentative else "confirmed",
    }
