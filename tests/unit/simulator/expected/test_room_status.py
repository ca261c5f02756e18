"""Tests the expected status of rooms."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from harvester.simulator.expected.room_status import expected_status
from harvester.simulator.google_meet.rooms.invented_events import invent_rooms
from harvester.simulator.google_meet.rooms.room import RoomEvent
from harvester.simulator.organisation import milliseconds

ROOM = invent_rooms(7, 1)[0]


def at(text: str) -> int:
    """Return the instant of a clock time in the room's zone on a winter's day."""
    return milliseconds(datetime.fromisoformat(f"2026-11-20T{text}:00+01:00"))


def event(event_id: str, start: str, end: str, **more: Any) -> RoomEvent:
    booked = {"zone": ROOM.zone, "organizer": "a@example.org", "summary": event_id}
    return RoomEvent(id=event_id, start=at(start), end=at(end), **{**booked, **more})


def status(instant: str, *events: RoomEvent) -> dict[str, Any]:
    return expected_status(ROOM, events, at(instant))


def test_an_empty_calendar_is_free_all_day() -> None:
    found = status("10:00")
    assert (found["busy"], found["text"], found["free_until"]) == (False, "Free all day", None)


@pytest.mark.parametrize(
    ("instant", "busy", "text"),
    [("09:59", False, "Free until 10:00"), ("10:00", True, "a"), ("10:59", True, "a"), ("11:00", False, "Free all day")],
)  # fmt: skip
def test_intervals_are_half_open(instant: str, busy: bool, text: str) -> None:
    found = status(instant, event("a", "10:00", "11:00"))
    assert (found["busy"], found["text"]) == (busy, text)


def test_busy_until_is_the_end_of_the_unbroken_chain() -> None:
    chain = [event("a", "10:00", "11:00"), event("b", "11:00", "12:00"), event("c", "12:01", "13:00")]
    found = status("10:30", *chain)
    assert found["busy_until"] == "2026-11-20T11:00:00Z"
    assert found["next"]["title"] == "b"
    assert found["free_until"] is None


def test_the_meeting_that_started_last_is_current_then_the_one_that_ends_first() -> None:
    events = [
        event("long", "09:00", "15:00"),
        event("b", "10:00", "12:00"),
        event("a", "10:00", "12:00"),
        event("short", "10:00", "11:00"),
    ]
    assert status("10:30", *events)["current"]["id"] == "short"
    assert status("11:00", *events)["current"]["id"] == "a"
    assert [each["id"] for each in status("10:30", *events)["running"]] == ["long", "short", "a", "b"]


@pytest.mark.parametrize(
    "changed",
    [{"status": "cancelled"}, {"transparent": True}, {"kind": "workingLocation"}, {"answer": "declined"}],
)
def test_some_events_do_not_count(changed: dict[str, Any]) -> None:
    assert status("10:30", event("a", "10:00", "11:00", **changed))["busy"] is False


@pytest.mark.parametrize(
    "changed", [{"status": "tentative"}, {"answer": "tentative"}, {"answer": "needsAction"}]
)
def test_tentative_meetings_count_and_are_marked(changed: dict[str, Any]) -> None:
    assert status("10:30", event("a", "10:00", "11:00", **changed))["current"]["tentative"] is True


def test_an_unanswered_invitation_counts() -> None:
    assert status("10:30", event("a", "10:00", "11:00", answer="needsAction"))["busy"] is True


def test_private_meetings_have_neither_title_nor_organizer() -> None:
    private = event("a", "10:00", "11:00", visibility="private")
    assert status("10:30", private)["text"] == "Private meeting"
    assert status("10:30", private)["current"]["organizer"] is None
    untitled = replace(private, visibility="default", summary=None)
    assert status("10:30", untitled)["current"]["title"] == "Private meeting"
    assert status("10:30", untitled)["current"]["organizer"] == "a@example.org"


def test_an_all_day_event_lasts_from_midnight_to_midnight_in_the_rooms_zone() -> None:
    whole = replace(event("a", "10:00", "11:00"), start=date(2026, 11, 20), end=date(2026, 11, 21))
    assert status("00:00", whole)["busy_until"] == "2026-11-20T23:00:00Z"
    assert expected_status(ROOM, [whole], at("00:00") - 1)["busy"] is False


def test_tomorrows_meeting_leaves_the_room_free_all_day() -> None:
    tomorrow = replace(
        event("a", "10:00", "11:00"), start=at("00:00") + 86_400_000, end=at("01:00") + 86_400_000
    )
    assert status("23:59", tomorrow)["text"] == "Free all day"
    assert status("23:59", tomorrow)["free_until"] == "2026-11-20T23:00:00Z"
