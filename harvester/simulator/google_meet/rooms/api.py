"""The Calendar API of room calendars: reading, incremental sync, insertion, deletion, free/busy and push channels."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from harvester.simulator.google_meet import formats
from harvester.simulator.google_meet.access import require_scope
from harvester.simulator.google_meet.error_responses import ErrorResponse, bad_request
from harvester.simulator.google_meet.paging import Pages
from harvester.simulator.google_meet.request import Request, instant_of
from harvester.simulator.google_meet.rooms.calendar import RoomCalendar
from harvester.simulator.google_meet.rooms.channels import Channels
from harvester.simulator.google_meet.rooms.event_rows import cancelled_row, event_row, parse_event
from harvester.simulator.google_meet.rooms.room import RoomEvent
from harvester.simulator.google_meet.rooms.room_store import RoomStore
from harvester.simulator.google_meet.service_account import CLIENT_EMAIL
from harvester.simulator.organisation import DAY

_READ = ("calendar.events.readonly", "calendar.readonly", "calendar.events", "calendar")
_WRITE = ("calendar.events", "calendar")
_FREEBUSY = ("calendar.freebusy", "calendar.readonly", "calendar")
_UNSYNCED = (
    "iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin",
)  # fmt: skip
_FREEBUSY_CALENDARS = 50
_FREEBUSY_RANGE = 90 * DAY

Body = dict[str, Any]


class RoomsApi:
    def __init__(self, store: RoomStore, channels: Channels) -> None:
        self._store = store
        self._channels = channels
        self._pages = Pages(store.seed)

    def serves(self, request: Request, call: str) -> bool:
        """Return whether a call to the Calendar API is about rooms."""
        return call in {"freeBusy", "channels/{id}"} or (
            len(request.path) > 2 and request.path[1].lower() in self._store.emails
        )

    def answer(self, call: str, request: Request) -> Body | None:
        """Answer a call; None is an answer without a body (204)."""
        answers: dict[tuple[str, str], Callable[[Request], Body | None]] = {
            ("GET", "calendars/{id}/events"): self._list,
            ("POST", "calendars/{id}/events"): self._insert,
            ("GET", "calendars/{id}/events/{id}"): self._get,
            ("DELETE", "calendars/{id}/events/{id}"): self._delete,
            ("POST", "calendars/{id}/events/{id}"): self._watch,
            ("POST", "freeBusy"): self._freebusy,
            ("POST", "channels/{id}"): self._stop,
        }
        if (request.method, call) not in answers:
            raise _not_found()
        return answers[request.method, call](request)

    def _calendar(self, request: Request, *scopes: str) -> RoomCalendar:
        require_scope(request, *scopes)
        calendar = self._store.calendars[request.path[1].lower()]
        if calendar.refused == 403 or self._store.freebusy_only:
            message = "You need to have reader access to this calendar."
            raise ErrorResponse(403, message, reason="requiredAccessLevel", domain="calendar")
        if calendar.refused:
            raise _not_found()
        return calendar

    def _list(self, request: Request) -> Body:
        calendar = self._calendar(request, *_READ)
        single, order = request.flag("singleEvents"), request.get("orderBy")
        if order not in {None, "startTime", "updated"} or (order == "startTime" and not single):
            raise bad_request("The requested ordering is not available for the particular query.")
        parameters = f"singleEvents={single} eventTypes={sorted(request.query.get('eventTypes') or ())}"
        token = request.get("syncToken")
        if token:
            rows = self._changed_rows(calendar, request, token, parameters)
        else:
            found = self._find(calendar, request)
            rows = (
                [event_row(event, calendar.room) for event in found]
                if single
                else _unexpanded(calendar, found)
            )
        size = request.count("maxResults", default=250, maximum=2500)
        shown, page_token = self._pages.page(request, rows, size, short=True, empty=True)
        last = {"nextPageToken": page_token} if page_token else {
            "nextSyncToken": calendar.sync_token(parameters)
        }  # fmt: skip
        return {
            "kind": "calendar#events",
            "etag": f'"p{len(rows)}"',
            "summary": calendar.room.name,
            "updated": formats.milliseconds_stamp(request.instant),
            "timeZone": calendar.room.zone,
            "accessRole": "writer",
            "defaultReminders": [],
            "items": list(shown),
            **last,
        }

    def _changed_rows(
        self, calendar: RoomCalendar, request: Request, token: str, parameters: str
    ) -> list[Body]:
        if any(request.get(name) is not None for name in _UNSYNCED):
            raise bad_request("Sync token cannot be used with other parameters.")
        if request.get("showDeleted") == "false":
            raise bad_request("Sync token cannot be used with showDeleted=false.")
        changed = calendar.changed_since(token, parameters)
        return [
            cancelled_row(event) if event.status == "cancelled" else event_row(event, calendar.room)
            for event in changed
        ]

    def _find(self, calendar: RoomCalendar, request: Request) -> list[RoomEvent]:
        minimum, maximum = request.instant_of("timeMin"), request.instant_of("timeMax")
        if minimum is not None and maximum is not None and minimum >= maximum:
            raise bad_request("The specified time range is empty.", "timeRangeEmpty")
        deleted, kinds = request.flag("showDeleted"), request.query.get("eventTypes")
        found = []
        for event in calendar.events():
            start, end = event.interval(calendar.room.zone)
            outside = (maximum is not None and start >= maximum) or (minimum is not None and end <= minimum)
            hidden = event.status == "cancelled" and not deleted
            if not (outside or hidden or (kinds and event.kind not in kinds)):
                found.append(event)
        if request.get("orderBy") == "updated":
            found.sort(key=lambda event: event.updated)
        return found

    def _get(self, request: Request) -> Body:
        calendar = self._calendar(request, *_READ)
        event = calendar.find(request.path[3])
        if event is None:
            raise _not_found()
        return event_row(event, calendar.room)

    def _insert(self, request: Request) -> Body:
        calendar = self._calendar(request, *_WRITE)
        event = parse_event(
            _json(request),
            calendar.room,
            organizer=request.person.email if request.person else CLIENT_EMAIL,
            new_id=formats.event(self._store.seed, "inserted", self._store.next_number()),
            instant=request.instant,
        )
        if calendar.find(event.id) is not None:  # a cancelled event keeps its id
            raise ErrorResponse(409, "The requested identifier already exists.", reason="duplicate")
        calendar.put(event)
        self._channels.notify(calendar.room)
        return event_row(event, calendar.room)

    def _delete(self, request: Request) -> None:
        calendar = self._calendar(request, *_WRITE)
        event = calendar.find(request.path[3])
        if event is None:
            raise _not_found()
        if event.status == "cancelled":
            raise ErrorResponse(410, "Resource has been deleted", reason="deleted")
        calendar.cancel(event.id, request.instant)
        self._channels.notify(calendar.room)

    def _watch(self, request: Request) -> Body:
        if request.path[3] != "watch":
            raise _not_found()
        calendar = self._calendar(request, *_READ)
        return self._channels.open(calendar.room, _json(request), request.instant)

    def _stop(self, request: Request) -> None:
        require_scope(request, *_READ)
        body = _json(request)
        if request.path[1] != "stop" or not self._channels.close(body.get("id"), body.get("resourceId")):
            channel = str(body.get("id"))
            raise ErrorResponse(404, f"Channel '{channel}' not found for project", reason="notFound")

    def _freebusy(self, request: Request) -> Body:
        require_scope(request, *_FREEBUSY)
        body = _json(request)
        if not isinstance(body.get("timeMin"), str) or not isinstance(body.get("timeMax"), str):
            raise bad_request("Missing timeMin parameter.", "required")
        start, end = instant_of(body["timeMin"], "timeMin"), instant_of(body["timeMax"], "timeMax")
        if end <= start:
            raise bad_request("The specified time range is empty.", "timeRangeEmpty")
        if end - start > _FREEBUSY_RANGE:
            raise bad_request("The requested time range is too long.", "timeRangeTooLong")
        keys = [str(item.get("id")) for item in body.get("items", ())]
        limit = min(_FREEBUSY_CALENDARS, int(body.get("calendarExpansionMax", _FREEBUSY_CALENDARS)))
        calendars = {
            key: self._busy(key, start, end)
            if number < limit
            else _calendar_error("tooManyCalendarsRequested")
            for number, key in enumerate(keys)
        }
        stamps = {"timeMin": _stamp(start), "timeMax": _stamp(end)}
        return {"kind": "calendar#freeBusy", **stamps, "calendars": calendars}

    def _busy(self, key: str, start: int, end: int) -> Body:
        calendar = self._store.calendars.get(key.lower())
        if calendar is None or calendar.refused:
            return _calendar_error("notFound")
        merged: list[list[int]] = []
        for event in calendar.events():
            first, last = event.interval(calendar.room.zone)
            ignored = event.status == "cancelled" or event.transparent or event.answer == "declined"
            if ignored or event.kind == "workingLocation" or first >= end or last <= start or first == last:
                continue
            first, last = max(first, start), min(last, end)
            if merged and first <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], last)
            else:
                merged.append([first, last])
        return {"busy": [{"start": _stamp(first), "end": _stamp(last)} for first, last in merged]}


def _unexpanded(calendar: RoomCalendar, events: list[RoomEvent]) -> list[Body]:
    """Return rows with one for each recurring event in place of its instances."""
    rows: dict[str, Body] = {}
    for event in events:
        row = event_row(event, calendar.room)
        if event.series is not None:
            del row["recurringEventId"], row["originalStartTime"]
            row |= {"id": event.series, "recurrence": ["RRULE:FREQ=DAILY"]}
        rows.setdefault(row["id"], row)
    return list(rows.values())


def _json(request: Request) -> Body:
    try:
        body = json.loads(request.body)
    except ValueError:
        raise bad_request("Parse Error", "parseError") from None
    if not isinstance(body, dict):
        raise bad_request("Parse Error", "parseError")
    return body


def _stamp(instant: int) -> str:
    return formats.stamp(instant * formats.MILLISECOND)


def _calendar_error(reason: str) -> Body:
    return {"errors": [{"domain": "global", "reason": reason}], "busy": []}


def _not_found() -> ErrorResponse:
    return ErrorResponse(404, "Not Found", reason="notFound")
