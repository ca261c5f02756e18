"""An event on a room's calendar, read from a row of `events.list`.

Calendar discovery document v3, revision 20261030: `start` and `end` have either `dateTime` or `date` (an all-day event),
and the end is exclusive. The attendee marked `self` is the calendar's own, so the room; an event that the room declined is
still listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from connectors.parsing import as_dict, as_dicts, as_text, parse_instant

ROOM_EVENT_FIELDS = (
    "id,iCalUID,recurringEventId,status,summary,visibility,transparency,eventType,start,end,created,"
    "organizer(email,displayName),attendees(self,resource,responseStatus),attendeesOmitted,"
    "conferenceData(conferenceId,conferenceSolution(key)),extendedProperties/private"
)
"""What is requested of an event: no description, no guest's name or address, nothing that opens a meeting."""

_PRIVATE = frozenset({"private", "confidential"})
_NOT_YET_ACCEPTED = frozenset({"tentative", "needsAction"})
_NOT_BOOKINGS = frozenset({"workingLocation", "birthday"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomEvent:
    """One event, or one instance of a recurring event. `end` is exclusive."""

    id: str
    start: datetime | date
    """A date if the event takes whole days: those of the room's zone."""
    end: datetime | date
    title: str | None = None
    organizer: str | None = None
    """The name of the organizer, else the address."""
    organizer_email: str | None = None
    private: bool = False
    tentative: bool = False
    """The event is tentative, or the room has not accepted it yet."""
    occupies: bool = True
    """Whether the room is taken: the event is not cancelled, not transparent, no working location or birthday, and the
    room did not decline it."""
    cancelled: bool = False
    series_id: str | None = None
    ical_uid: str | None = None
    meet_code: str | None = None
    guests: int | None = None
    """How many people are invited, without rooms; None if the calendar omits them."""
    created: datetime | None = None
    properties: Mapping[str, str] | None = None
    """The private extended properties: what a program stored with the event."""

    @property
    def all_day(self) -> bool:
        return not isinstance(self.start, datetime)

    def interval(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Start and end as instants. Whole days are those of `zone`, so they may have 23 or 25 hours."""
        return _instant(self.start, zone), _instant(self.end, zone)


def parse_room_event(row: Mapping[str, Any]) -> RoomEvent | None:
    """The event of a row; None if it has no id or no times that can be read, unless it is cancelled.

    A cancelled event may have nothing but its id.
    """
    event_id = as_text(row.get("id"))
    if event_id is None:
        return None
    cancelled = row.get("status") == "cancelled"
    start, end = _time(as_dict(row.get("start"))), _time(as_dict(row.get("end")))
    if start is None or end is None or isinstance(start, datetime) != isinstance(end, datetime):
        if not cancelled:
            return None
        start = end = date.min
    organizer = as_dict(row.get("organizer"))
    guests = as_dicts(row.get("attendees"))
    response = next(
        (as_text(guest.get("responseStatus")) for guest in guests if guest.get("self") is True), None
    )
    email = as_text(organizer.get("email"))
    return RoomEvent(
        id=event_id,
        start=start,
        end=end,
        title=as_text(row.get("summary")),
        organizer=as_text(organizer.get("displayName")) or email,
        organizer_email=email,
        private=as_text(row.get("visibility")) in _PRIVATE,
        tentative=row.get("status") == "tentative" or response in _NOT_YET_ACCEPTED,
        occupies=not (
            cancelled
            or row.get("transparency") == "transparent"
            or as_text(row.get("eventType")) in _NOT_BOOKINGS
            or response == "declined"
        ),
        cancelled=cancelled,
        series_id=as_text(row.get("recurringEventId")),
        ical_uid=as_text(row.get("iCalUID")),
        meet_code=_meet_code(as_dict(row.get("conferenceData"))),
        guests=None if row.get("attendeesOmitted") is True else _people(guests),
        created=parse_instant(row.get("created")),
        properties=_texts(as_dict(as_dict(row.get("extendedProperties")).get("private"))),
    )


def _time(value: Mapping[str, Any]) -> datetime | date | None:
    """A `dateTime` has an offset; without one it is not used, since its zone would be a guess."""
    text = as_text(value.get("dateTime"))
    if text is not None:
        return parse_instant(text) if text.endswith(("Z", "z")) or _has_offset(text) else None
    try:
        day = date.fromisoformat(str(value.get("date")))
    except ValueError:
        return None
    return day if date.min < day < date.max else None  # the first and last day have no instant in some zones


def _has_offset(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _instant(when: datetime | date, zone: ZoneInfo) -> datetime:
    return when if isinstance(when, datetime) else start_of_day(when, zone)


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day, in UTC: if the zone's clocks skip midnight, the instant at which they do."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _people(guests: list[dict[str, Any]]) -> int:
    return sum(guest.get("resource") is not True for guest in guests)


def _meet_code(conference: Mapping[str, Any]) -> str | None:
    key = as_dict(as_dict(conference.get("conferenceSolution")).get("key"))
    return as_text(conference.get("conferenceId")) if key.get("type") == "hangoutsMeet" else None


def _texts(values: Mapping[str, Any]) -> dict[str, str] | None:
    return {name: value for name, value in values.items() if isinstance(value, str)} or None
