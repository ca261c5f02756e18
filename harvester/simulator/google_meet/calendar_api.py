"""Calendar, version 3: `events.list` and `events.get` of a person's own calendar or, within the organisation, another's."""

from __future__ import annotations

from typing import Any

from harvester.simulator.google_meet import formats
from harvester.simulator.google_meet.access import Terms, require
from harvester.simulator.google_meet.account import Account, can_be_acted_for
from harvester.simulator.google_meet.calendar_events import Event, has_calendar
from harvester.simulator.google_meet.error_responses import Refusal, bad
from harvester.simulator.google_meet.paging import Pages
from harvester.simulator.google_meet.request import Question
from harvester.simulator.organisation import MINUTE, SECOND, Person, seeded_random

_KINDS = ("default", "outOfOffice", "focusTime", "workingLocation", "birthday", "fromGmail")
_UNSYNCED = ("iCalUID", "orderBy", "q", "timeMin", "timeMax", "updatedMin")


class Calendars:
    def __init__(self, account: Account, terms: Terms) -> None:
        self._account = account
        self._terms = terms
        self._events = account.events
        self._pages = Pages(account.organisation.seed)

    def answer(self, call: str, asked: Question) -> dict[str, Any]:
        """`calendars/{id}/events` and `calendars/{id}/events/{id}`."""
        require(asked, "calendar", self._terms)
        if call not in {"calendars/{id}/events", "calendars/{id}/events/{id}"}:
            raise _not_found()
        owner = self._owner(asked)
        if call.endswith("events"):
            return self._list(asked, owner)
        return self._get(asked, owner)

    def _owner(self, asked: Question) -> Person:
        """Whose calendar is asked for; of who is gone or suspended nobody reads it any more."""
        person, key = asked.person, asked.path[1].lower()
        if person is None:
            raise Refusal(403, "Service accounts have no calendar of their own here.", reason="forbidden")
        if not has_calendar(person):
            raise Refusal(
                403,
                "The user must be signed up for Google Calendar.",
                reason="notACalendarUser",
                domain="calendar",
            )
        owner = person if key == "primary" else self._account.by_email.get(key)
        if owner is None or not can_be_acted_for(owner) or not has_calendar(owner):
            raise _not_found()
        return owner

    def _get(self, asked: Question, owner: Person) -> dict[str, Any]:
        key = asked.path[3]
        series = self._events.by_series.get(key)
        event = series[0] if series else self._events.by_id.get(key)
        if event is None or owner not in (event.owner, *event.guests) or event.gone == "notFound":
            raise _not_found()
        if event.gone:
            raise Refusal(410, "Resource has been deleted", reason="deleted")
        return self._row(event, asked, owner, master=series is not None)

    def _list(self, asked: Question, owner: Person) -> dict[str, Any]:
        single = asked.flag("singleEvents")
        order = asked.get("orderBy")
        if order not in {None, "startTime", "updated"} or (order == "startTime" and not single):
            raise bad("The requested ordering is not available for the particular query.")
        if asked.get("syncToken") is not None:
            self._synced(asked)
        found = self._found(asked, owner, single=single)
        size = asked.count("maxResults", default=250, most=2500)
        shown, token = self._pages.page(asked, found, size, short=True, empty=True)
        body: dict[str, Any] = {
            "kind": "calendar#events",
            "etag": f'"p{len(found)}"',
            "summary": owner.email,
            "timeZone": "Europe/Berlin",
            "accessRole": "owner" if owner == asked.person else "reader",
            "items": [
                self._row(event, asked, owner, master=not single and bool(event.series)) for event in shown
            ],
        }
        return body | ({"nextPageToken": token} if token else {"nextSyncToken": f"sync-{asked.instant}"})

    def _synced(self, asked: Question) -> None:
        """Every token is too old, as any may be."""
        if any(asked.get(name) is not None for name in _UNSYNCED):
            raise bad("Sync token cannot be used with other parameters.")
        raise Refusal(
            410,
            "Sync token is no longer valid, a full sync is required.",
            reason="fullSyncRequired",
            domain="calendar",
        )

    def _found(self, asked: Question, owner: Person, *, single: bool) -> list[Event]:
        """Ends after `timeMin`, begins before `timeMax`; a recurring event counts once unless it is expanded."""
        least, most = asked.instant_of("timeMin"), asked.instant_of("timeMax")
        if least is not None and most is not None and least >= most:
            raise bad("The specified time range is empty.", "timeRangeEmpty")
        kinds = asked.query.get("eventTypes") or _KINDS
        if set(kinds) - set(_KINDS):
            raise bad("Invalid value for eventTypes")
        found: dict[str, Event] = {}
        for event in self._events.on_calendar.get(owner.index, ()):
            late = most is not None and event.start // SECOND * SECOND >= most
            early = least is not None and event.end // SECOND * SECOND <= least
            if late or early or event.gone or event.kind not in kinds:
                continue
            found.setdefault(event.id if single else event.series or event.id, event)
        return list(found.values())

    def _row(self, event: Event, asked: Question, owner: Person, *, master: bool) -> dict[str, Any]:
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
        mine = asked.person is not None and asked.person in (event.owner, *event.guests)
        if event.private and not mine:
            return row
        return row | _details(event, owner)


def _times(event: Event) -> dict[str, Any]:
    if event.all_day:
        first, last = (formats.stamp(t * formats.MILLISECOND)[:10] for t in (event.start, event.end))
        return {"start": {"date": first}, "end": {"date": last}}
    zone = {"timeZone": "Europe/Berlin"}
    start, end = (formats.stamp(t // SECOND * formats.SECOND) for t in (event.start, event.end))
    return {"start": {"dateTime": start, **zone}, "end": {"dateTime": end, **zone}}


def _details(event: Event, owner: Person) -> dict[str, Any]:
    """What those see who may see all of it."""
    organizer: dict[str, Any] = {"email": event.owner.email}
    if owner == event.owner:
        organizer["self"] = True
    told: dict[str, Any] = {
        "htmlLink": f"https://www.google.com/calendar/event?eid={event.id}",
        "created": formats.to_the_millisecond(event.start - 9000 * MINUTE),
        "updated": formats.to_the_millisecond(event.start - 5000 * MINUTE),
        "creator": organizer,
        "organizer": organizer,
        "sequence": 0,
        "reminders": {"useDefault": True},
    }
    if event.summary is not None:
        told["summary"] = event.summary
    if event.guests:
        told["attendees"] = [
            {"email": event.owner.email, "organizer": True, "responseStatus": "accepted"},
            *({"email": guest.email, "responseStatus": "needsAction"} for guest in event.guests),
        ]
    if event.conferencing == "meet":
        told |= _meet(event)
    elif event.conferencing == "zoom":
        told["conferenceData"] = {
            "conferenceId": "5550100",
            "conferenceSolution": {"key": {"type": "addOn"}, "name": "Zoom Meeting"},
            "entryPoints": [
                {"entryPointType": "video", "uri": "https://zoom.example/j/5550100", "passcode": "invented"}
            ],
        }
    return told


def _meet(event: Event) -> dict[str, Any]:
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


def _not_found() -> Refusal:
    return Refusal(404, "Not Found", reason="notFound")
