"""harvester/rooms/booking_documents.py"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from connectors.google_meet.room_events import RoomEvent
from connectors.models import Window
from harvester.rooms.booking_documents import booking_documents
from harvester.rooms.rooms_file import Room
from harvester.rooms.status_json import Titles
from tests.unit.rooms.fake_calendars import at, event

ROOM = Room(name="Blue", calendar="blue@example.org")
ROME = ZoneInfo("Europe/Rome")
TALK = replace(
    event("e1_1", 10, 11),
    title="Talk",
    organizer="Ada",
    organizer_email="ada@example.org",
    series_id="e1",
    ical_uid="e1@google.com",
    meet_code="abc-defg-hij",
    guests=3,
)


def documents(*events: RoomEvent, titles: Titles = "show") -> list[dict[str, Any]]:
    window = Window(start=at(0), end=at(24))
    return list(
        booking_documents(ROOM, events, window, zone=ROME, account="main", harvested_at=at(9), titles=titles)
    )


def test_every_field() -> None:
    assert documents(TALK) == [
        {
            "document_id": "booking:main:blue@example.org:e1_1",
            "kind": "booking",
            "account": "main",
            "@timestamp": at(10),
            "harvested_at": at(9),
            "room": "Blue",
            "calendar": "blue@example.org",
            "event_id": "e1_1",
            "event_series_id": "e1",
            "ical_uid": "e1@google.com",
            "topic": "Talk",
            "host": {"name": "Ada", "email": "ada@example.org"},
            "start_time": at(10),
            "end_time": at(11),
            "duration": 3600,
            "all_day": False,
            "private": False,
            "attendees": 3,
            "meeting_code": "abc-defg-hij",
            "status": "confirmed",
        }
    ]


def test_what_is_unknown_is_absent() -> None:
    (found,) = documents(RoomEvent(id="e", start=at(10), end=at(11), tentative=True))
    assert not {"topic", "host", "event_series_id", "ical_uid", "attendees", "meeting_code"} & set(found)
    assert found["status"] == "tentative"


def test_titles_and_organizers_of_private_events_are_left_out() -> None:
    for found in (documents(replace(TALK, private=True)), documents(TALK, titles="hide")):
        assert "topic" not in found[0]
        assert "host" not in found[0]
        assert found[0]["attendees"] == 3


def test_an_address_alone_is_no_name() -> None:
    (found,) = documents(replace(TALK, organizer="ada@example.org"))
    assert found["host"] == {"email": "ada@example.org"}


def test_only_events_that_occupy_the_room_and_start_in_the_window() -> None:
    assert (
        documents(
            replace(TALK, occupies=False),
            event("before", -1, 1),
            event("after", 24, 25),
            event("none", 10, 10),
        )
        == []
    )


def test_a_whole_day_is_that_of_the_zone() -> None:
    day = RoomEvent(id="d", start=date(2026, 12, 1), end=date(2026, 12, 2))
    (found,) = documents(day)
    assert (found["@timestamp"], found["duration"], found["all_day"]) == (at(23), 86400, True)
