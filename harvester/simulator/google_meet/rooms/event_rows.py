"""Events of room calendars as rows of the Calendar API, and the parsing of the body of `events.insert`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from harvester.simulator.google_meet import formats
from harvester.simulator.google_meet.error_responses import bad_request
from harvester.simulator.google_meet.rooms.room import Room, RoomEvent, local_time
from harvester.simulator.organisation import milliseconds

_ID = re.compile(r"[a-v0-9]{5,1024}")


def event_row(event: RoomEvent, room: Room) -> dict[str, Any]:
    row: dict[str, Any] = {
        "kind": "calendar#event",
        "etag": f'"{event.updated}"',
        "id": event.id,
        "status": event.status,
        "htmlLink": f"https://www.google.com/calendar/event?eid={event.id}",
        "created": formats.milliseconds_stamp(event.created),
        "updated": formats.milliseconds_stamp(event.updated),
        "creator": {"email": event.organizer},
        "organizer": _organizer(event),
        "start": _time(event.start, event.zone),
        "end": _time(event.end, event.zone),
        "iCalUID": f"{event.series or event.id}@google.com",
        "sequence": 0,
        "reminders": {"useDefault": True},
        "eventType": event.kind,
        **({} if event.summary is None else {"summary": event.summary}),
        **({"transparency": "transparent"} if event.transparent else {}),
        **({} if event.visibility == "default" else {"visibility": event.visibility}),
        **({"attendees": _attendees(event, room)} if event.invited else {}),
        **({"extendedProperties": {"private": dict(event.properties)}} if event.properties else {}),
        **_series(event),
        **_conference(event),
    }
    return row


def cancelled_row(event: RoomEvent) -> dict[str, Any]:
    """Return what an incremental sync has of a cancelled event: of most, the id only."""
    row = {"kind": "calendar#event", "etag": f'"{event.updated}"', "id": event.id, "status": "cancelled"}
    return row | _series(event)


def _organizer(event: RoomEvent) -> dict[str, Any]:
    return {"email": event.organizer} | (
        {"displayName": event.organizer_name} if event.organizer_name else {}
    )


def _attendees(event: RoomEvent, room: Room) -> list[dict[str, Any]]:
    return [
        {"email": event.organizer, "organizer": True, "responseStatus": "accepted"},
        *({"email": guest, "responseStatus": "needsAction"} for guest in event.guests),
        {
            "email": room.email,
            "displayName": room.name,
            "resource": True,
            "self": True,
            "responseStatus": event.answer,
        },
    ]


def _series(event: RoomEvent) -> dict[str, Any]:
    if event.series is None:
        return {}
    return {"recurringEventId": event.series, "originalStartTime": _time(event.start, event.zone)}


def _time(value: int | date, zone: str) -> dict[str, str]:
    if not isinstance(value, int):
        return {"date": value.isoformat()}
    return {"dateTime": local_time(value, zone).isoformat(timespec="seconds"), "timeZone": zone}


def _conference(event: RoomEvent) -> dict[str, Any]:
    if not event.code:
        return {}
    uri = f"https://meet.google.com/{event.code}"
    return {
        "hangoutLink": uri,
        "conferenceData": {
            "conferenceId": event.code,
            "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"},
            "entryPoints": [{"entryPointType": "video", "uri": uri, "label": uri.removeprefix("https://")}],
        },
    }


def parse_event(
    body: Mapping[str, Any], room: Room, *, organizer: str, new_id: str, instant: int
) -> RoomEvent:
    """Return the event of an insertion; ErrorResponse (400) if Google would refuse it."""
    event_id = body.get("id", new_id)
    if not isinstance(event_id, str) or not _ID.fullmatch(event_id):
        raise bad_request("Invalid resource id value.")
    zone = str(_part(body, "start").get("timeZone") or room.zone)
    start, end = _parse_time(body, "start", room.zone), _parse_time(body, "end", room.zone)
    if isinstance(start, int) is not isinstance(end, int):
        raise bad_request("Start and end times must either both be date or both be dateTime.")
    event = RoomEvent(
        id=event_id,
        start=start,
        end=end,
        zone=zone if isinstance(start, int) else room.zone,
        organizer=organizer,
        summary=body.get("summary"),
        status="tentative" if body.get("status") == "tentative" else "confirmed",
        transparent=body.get("transparency") == "transparent",
        visibility=body.get("visibility", "default"),
        properties=dict((body.get("extendedProperties") or {}).get("private") or {}),
        invited=False,
        guests=tuple(row["email"] for row in body.get("attendees", ()) if row.get("email") != room.email),
        created=instant,
        updated=instant,
    )
    first, last = event.interval(room.zone)
    if last < first:
        raise bad_request("The specified time range is empty.", "timeRangeEmpty")
    return event


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = body.get(name)
    if not isinstance(part, Mapping):
        raise bad_request(f"Missing {name} time.", "required")
    return part


def _parse_time(body: Mapping[str, Any], name: str, zone: str) -> int | date:
    part = _part(body, name)
    try:
        if "date" in part:
            return date.fromisoformat(part["date"])
        instant = datetime.fromisoformat(part["dateTime"])
        if instant.tzinfo is None:
            if "timeZone" not in part:
                raise bad_request(f"Missing time zone definition for {name} time.", "required")
            instant = instant.replace(tzinfo=ZoneInfo(part["timeZone"] or zone))
    except (KeyError, TypeError, ValueError):
        raise bad_request(f"Invalid {name} time.", "invalid") from None
    return milliseconds(instant) // 1000 * 1000
