"""The Calendar API, version 3: `events.list` and `events.get` of a person's own calendar or a colleague's."""

from __future__ import annotations

from typing import Any

from harvester.simulator.google_meet import formats
from harvester.simulator.google_meet.access import require
from harvester.simulator.google_meet.account import Account, can_be_impersonated
from harvester.simulator.google_meet.calendar_events import CalendarEvent, has_calendar
from harvester.simulator.google_meet.error_responses import ErrorResponse, bad_request
from harvester.simulator.google_meet.options import GoogleOptions
from harvester.simulator.google_meet.paging import Pages
from harvester.simulator.google_meet.request import Request
from harvester.simulator.organisation import MINUTE, SECOND, Person, seeded_random

_KINDS = ("default", "outOfOffice", "focusTime", "workingLocation", "birthday", "fromGmail")
_UNSYNCED = ("iCalUID", "orderBy", "q", "timeMin", "timeMax", "updatedMin")


class CalendarApi:
    def __init__(self, account: Account, options: GoogleOptions) -> None:
        self._account = account
        self._options = options
        self._events = account.events
        self._pages = Pages(account.organisation.seed)

    def answer(self, call: str, request: Request) -> dict[str, Any]:
        """Answer `calendars/{id}/events` and `calendars/{id}/events/{id}`."""
        require(request, "calendar", self._options)
        if call not in {"calendars/{id}/events", "calendars/{id}/events/{id}"}:
            raise _not_found()
        owner = self._owner(request)
        if call.endswith("events"):
            return self._list(request, owner)
        return self._get(request, owner)

    def _owner(self, request: Request) -> Person:
        """Return the owner of the requested calendar; those of departed and suspended people cannot be read."""
        person, key = request.person, request.path[1].lower()
        if person is None:
            raise ErrorResponse(
                403, "Service accounts have no calendar of their own here.", reason="forbidden"
            )
        if not has_calendar(person):
            raise ErrorResponse(
                403,
                "The user must be signed up for Google Calendar.",
                reason="notACalendarUser",
                domain="calendar",
            )
        owner = person if key == "primary" else self._account.by_email.get(key)
        if owner is None or not can_be_impersonated(owner) or not has_calendar(owner):
            raise _not_found()
        return owner

    def _get(self, request: Request, owner: Person) -> dict[str, Any]:
        key = request.path[3]
        series = self._events.by_series.get(key)
        event = series[0] if series else self._events.by_id.get(key)
        if event is None or owner not in (event.owner, *event.guests) or event.removed == "notFound":
            raise _not_found()
        if event.removed:
            raise ErrorResponse(410, "Resource has been deleted", reason="deleted")
        return self._row(event, request, owner, master=series is not None)

    def _list(self, request: Request, owner: Person) -> dict[str, Any]:
        single = request.flag("singleEvents")
        order = request.get("orderBy")
        if order not in {None, "startTime", "updated"} or (order == "startTime" and not single):
            raise bad_request("The requested ordering is not available for the particular query.")
        if request.get("syncToken") is not None:
            self._reject_sync_token(request)
        found = self._find_events(request, owner, single=single)
        size = request.count("maxResults", default=250, maximum=2500)
        shown, token = self._pages.page(request, found, size, short=True, empty=True)
        body: dict[str, Any] = {
            "kind": "calendar#events",
            "etag": f'"p{len(found)}"',
            "summary": owner.email,
            "timeZone": "Europe/Berlin",
            "accessRole": "owner" if owner == request.person else "reader",
            "items": [
                self._row(event, request, owner, master=not single and bool(event.series)) for event in shown
            ],
        }
        return body | ({"nextPageToken": token} if token else {"nextSyncToken": f"sync-{request.instant}"})

    def _reject_sync_token(self, request: Request) -> None:
        """Refuse every sync token as too old, which may happen to any of them."""
        if any(request.get(name) is not None for name in _UNSYNCED):
            raise bad_request("Sync token cannot be used with other parameters.")
        raise ErrorResponse(
            410,
            "Sync token is no longer valid, a full sync is required.",
            reason="fullSyncRequired",
            domain="calendar",
        )

    def _find_events(self, request: Request, owner: Person, *, single: bool) -> list[CalendarEvent]:
        """Return the events that end after `timeMin` and start before `timeMax`; an unexpanded recurring
        event counts once."""
        minimum, maximum = request.instant_of("timeMin"), request.instant_of("timeMax")
        if minimum is not None and maximum is not None and minimum >= maximum:
            raise bad_request("The specified time range is empty.", "timeRangeEmpty")
        kinds = request.query.get("eventTypes") or _KINDS
        if set(kinds) - set(_KINDS):
            raise bad_request("Invalid value for eventTypes")
        found: dict[str, CalendarEvent] = {}
        for event in self._events.on_calendar.get(owner.index, ()):
            late = maximum is not None and event.start // SECOND * SECOND >= maximum
            early = minimum is not None and event.end // SECOND * SECOND <= minimum
            if late or early or event.removed or event.kind not in kinds:
                continue
            found.setdefault(event.id if single else event.series or event.id, event)
        return list(found.values())

    def _row(self, event: CalendarEvent, request: Request, owner: Person, *, master: bool) -> dict[str, Any]:
        name = event.series if master and event.series else event.id
        row: dict[str, Any] = {
            "kind": "calendar#event",
            "etag": f'"{seeded_random.number(name, size=4)}"',
            "id": name,
            "status": "confirmed",
            **_times(event),
            "iCalUID": f"{event.series or event.id}@google.com",
            "eventType": event.kind,
        }
        if event.private:
            row["visibility"] = "private"
        if event.series is not None and not master:
            row |= {"recurringEventId": event.series, "originalStartTime": row["start"]}
        elif master:
            row["recurrence"] = ["RRULE:FREQ=WEEKLY"]
        visible = request.person is not None and request.person in (event.owner, *event.guests)
        if event.private and not visible:
            return row
        return row | _details(event, owner)


def _times(event: CalendarEvent) -> dict[str, Any]:
    if event.all_day:
        first, last = (formats.stamp(t * formats.MILLISECOND)[:10] for t in (event.start, event.end))
        return {"start": {"date": first}, "end": {"date": last}}
    zone = {"timeZone": "Europe/Berlin"}
    start, end = (formats.stamp(t // SECOND * formats.SECOND) for t in (event.start, event.end))
    return {"start": {"dateTime": start, **zone}, "end": {"dateTime": end, **zone}}


def _details(event: CalendarEvent, owner: Person) -> dict[str, Any]:
    """Return the fields for those who may see everything."""
    organizer: dict[str, Any] = {"email": event.owner.email}
    if owner == event.owner:
        organizer["self"] = True
    details: dict[str, Any] = {
        "htmlLink": f"https://www.google.com/calendar/event?eid={event.id}",
        "created": formats.milliseconds_stamp(event.start - 9000 * MINUTE),
        "updated": formats.milliseconds_stamp(event.start - 5000 * MINUTE),
        "creator": organizer,
        "organizer": organizer,
        "sequence": 0,
        "reminders": {"useDefault": True},
    }
    if event.summary is not None:
        details["summary"] = event.summary
    if event.guests:
        details["attendees"] = [
            {"email": event.owner.email, "organizer": True, "responseStatus": "accepted"},
            *({"email": guest.email, "responseStatus": "needsAction"} for guest in event.guests),
        ]
    if event.conferencing == "meet":
        details |= _meet(event)
    elif event.conferencing == "zoom":
        details["conferenceData"] = {
            "conferenceId": "5550100",
            "conferenceSolution": {"key": {"type": "addOn"}, "name": "Zoom Meeting"},
            "entryPoints": [
                {"entryPointType": "video", "uri": "https://zoom.example/j/5550100", "passcode": "invented"}
            ],
        }
    return details


def _meet(event: CalendarEvent) -> dict[str, Any]:
    pin = str(seeded_random.number("event pin", event.code) % 10**9)
    video = {
        "entryPointType": "video",
        "uri": f"https://meet.google.com/{event.code}",
        "label": f"meet.google.com/{event.code}",
    }
    phone = {"entryPointType": "phone", "uri": "tel:+1-555-0100", "label": "+1 555-0100", "pin": pin}
    return {
        "hangoutLink": video["uri"],
        "conferenceData": {
            "entryPoints": [video, phone],
            "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"},
            "conferenceId": event.code,
        },
    }


def _not_found() -> ErrorResponse:
    return ErrorResponse(404, "Not Found", reason="notFound")
