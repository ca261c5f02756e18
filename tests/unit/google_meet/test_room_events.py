"""connectors/google_meet/room_events.py: which events occupy a room, and when."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.google_meet.room_events import RoomEvent, parse_room_event

ROW: dict[str, Any] = {
    "id": "e1_20261130",
    "recurringEventId": "e1",
    "iCalUID": "e1@google.com",
    "status": "confirmed",
    "created": "2026-11-20T08:00:00.000Z",
    "summary": "Strategy",
    "start": {"dateTime": "2026-11-30T10:00:00+01:00"},
    "end": {"dateTime": "2026-11-30T11:00:00+01:00"},
    "organizer": {"email": "ada@example.com", "displayName": "Ada"},
    "attendees": [
        {"responseStatus": "accepted"},
        {"self": True, "resource": True, "responseStatus": "accepted"},
    ],
    "conferenceData": {
        "conferenceId": "abc-defg-hij",
        "conferenceSolution": {"key": {"type": "hangoutsMeet"}},
    },
    "extendedProperties": {"private": {"harvester": "panel"}},
}


def test_every_field_is_read() -> None:
    assert parse_room_event(ROW) == RoomEvent(
        id="e1_20261130",
        start=datetime(2026, 11, 30, 9, tzinfo=UTC),
        end=datetime(2026, 11, 30, 10, tzinfo=UTC),
        title="Strategy",
        organizer="Ada",
        organizer_email="ada@example.com",
        series_id="e1",
        ical_uid="e1@google.com",
        meet_code="abc-defg-hij",
        guests=1,
        created=datetime(2026, 11, 20, 8, tzinfo=UTC),
        properties={"harvester": "panel"},
    )


def room_answers(response: str) -> dict[str, Any]:
    return {"attendees": [{"self": True, "resource": True, "responseStatus": response}]}


@pytest.mark.parametrize(
    ("change", "occupies", "tentative"),
    [
        ({}, True, False),
        ({"status": "cancelled"}, False, False),
        ({"status": "tentative"}, True, True),
        ({"transparency": "transparent"}, False, False),
        ({"transparency": "opaque"}, True, False),
        ({"eventType": "workingLocation"}, False, False),
        ({"eventType": "birthday"}, False, False),
        ({"eventType": "focusTime"}, True, False),
        ({"eventType": "fromGmail"}, True, False),
        (room_answers("declined"), False, False),
        (room_answers("tentative"), True, True),
        (room_answers("needsAction"), True, True),
        ({"attendees": [{"responseStatus": "declined"}]}, True, False),
        ({"attendeesOmitted": True}, True, False),
    ],
)
def test_what_occupies_the_room(change: dict[str, Any], occupies: bool, tentative: bool) -> None:
    event = parse_room_event({**ROW, **change})
    assert event is not None
    assert (event.occupies, event.tentative) == (occupies, tentative)


def test_a_whole_day_event_has_dates_and_the_rooms_days() -> None:
    event = parse_room_event({**ROW, "start": {"date": "2026-11-30"}, "end": {"date": "2026-12-01"}})
    assert event is not None
    assert event.all_day
    assert (event.start, event.end) == (date(2026, 11, 30), date(2026, 12, 1))
    start, end = event.interval(ZoneInfo("America/New_York"))
    assert (start, end) == (datetime(2026, 11, 30, 5, tzinfo=UTC), datetime(2026, 12, 1, 5, tzinfo=UTC))


@pytest.mark.parametrize(
    "times",
    [
        {"start": {}},
        {"start": {"dateTime": "2026-11-30T10:00:00"}},
        {"start": {"date": "2026-11-30"}},
        {"end": {"dateTime": "soon"}},
        {"end": None},
        {"start": {"date": "0001-01-01"}, "end": {"date": "9999-12-31"}},
    ],
)
def test_an_event_without_usable_times_is_not_an_event(times: dict[str, Any]) -> None:
    assert parse_room_event({**ROW, **times}) is None


def test_a_cancelled_event_may_have_nothing_but_its_id() -> None:
    event = parse_room_event({"id": "e1", "status": "cancelled"})
    assert event is not None
    assert (event.cancelled, event.occupies) == (True, False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*ROW, "eventType", "transparency", "visibility"]), JSON))
def test_no_row_ends_in_an_error(row: dict[str, Any]) -> None:
    event = parse_room_event({**ROW, **row})
    if event is not None and event.occupies:
        event.interval(ZoneInfo("Asia/Tokyo"))
