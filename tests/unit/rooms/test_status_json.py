"""harvester/rooms/status_json.py: shown and hidden details."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from connectors.google_meet.room_events import RoomEvent
from harvester.rooms.status import status, unknown_status
from harvester.rooms.status_json import RoomReading, Titles, display_text, to_json

ZONE = ZoneInfo("Europe/Rome")
TEN = datetime(2026, 11, 30, 10, tzinfo=UTC)  # 11:00 in Rome
TALK = RoomEvent(
    id="t",
    title="Strategy",
    organizer="Ada",
    start=TEN,
    end=TEN + timedelta(hours=1),
)


def test_the_object_has_all_keys_and_utc_times() -> None:
    later = replace(
        TALK, id="u", title="Review", start=TALK.end, end=TEN + timedelta(hours=2), tentative=True
    )
    reading = RoomReading(
        room="blue", calendar="blue@example.com", status=status([TALK, later], TEN, ZONE), as_of=TEN
    )
    current = {
        "title": "Strategy",
        "organizer": "Ada",
        "start": "2026-11-30T10:00:00Z",
        "end": "2026-11-30T11:00:00Z",
        "tentative": False,
    }
    assert to_json(reading) == {
        "room": "blue",
        "calendar": "blue@example.com",
        "busy": True,
        "current": current,
        "running": [current],
        "next": {
            "title": "Review",
            "organizer": "Ada",
            "start": "2026-11-30T11:00:00Z",
            "end": "2026-11-30T12:00:00Z",
            "tentative": True,
        },
        "busy_until": "2026-11-30T12:00:00Z",
        "free_until": None,
        "text": "Strategy",
        "as_of": "2026-11-30T10:00:00Z",
        "stale_seconds": 0,
    }


@pytest.mark.parametrize(
    ("event", "titles", "title", "organizer"),
    [
        (TALK, "show", "Strategy", "Ada"),
        (TALK, "hide", "Busy", None),
        (replace(TALK, private=True), "show", "Private meeting", None),
        (replace(TALK, private=True), "hide", "Private meeting", None),
        (replace(TALK, title=None), "show", "Private meeting", "Ada"),
    ],
)
def test_titles_and_organizers_are_hidden(
    event: RoomEvent, titles: Titles, title: str, organizer: str | None
) -> None:
    reading = RoomReading(room="b", calendar="c", status=status([event], TEN, ZONE), as_of=TEN, titles=titles)
    found = to_json(reading)
    assert (found["current"]["title"], found["current"]["organizer"], found["text"]) == (
        title,
        organizer,
        title,
    )


def test_a_free_room_shows_until_when_in_its_own_zone() -> None:
    early = TEN - timedelta(hours=1)
    assert display_text(status([TALK], early, ZONE), "show") == "Free until 11:00"
    assert display_text(status([TALK], early - timedelta(days=1), ZONE), "show") == "Free all day"
    assert display_text(status([], early, ZONE), "show") == "Free all day"


def test_an_unreadable_calendar_is_unknown_with_the_age_of_the_data() -> None:
    never = RoomReading(room="b", calendar="c", status=unknown_status(TEN, ZONE), as_of=None)
    assert to_json(never)["text"] == "Unknown"
    assert to_json(never)["busy"] is None
    assert to_json(never)["stale_seconds"] is None
    old = replace(never, as_of=TEN - timedelta(minutes=5))
    assert to_json(old)["stale_seconds"] == 300
