"""Tests the invented rooms and events."""

from __future__ import annotations

from datetime import UTC, datetime

from harvester.simulator.google_meet.rooms.invented_events import invent_events, invent_rooms
from harvester.simulator.google_meet.rooms.room import RoomEvent
from harvester.simulator.organisation import DAY, MINUTE, Organisation
from tests.unit.simulator.clients import organisation


def every_event(now: datetime | None = None) -> list[tuple[str, RoomEvent]]:
    built = organisation() if now is None else Organisation(seed=7, size=20, days=2, now=now)
    rooms = invent_rooms(7, 40)
    return [(room.zone, event) for room in rooms for event in invent_events(built, room)]


def test_rooms_have_unique_names_and_addresses() -> None:
    rooms = invent_rooms(7, 300)
    assert len({room.name for room in rooms}) == len({room.email for room in rooms}) == 300
    assert len({room.zone for room in rooms}) == 7


def test_the_calendars_have_every_awkward_case() -> None:
    pairs = every_event()
    events = [event for _, event in pairs]
    assert {event.status for event in events} == {"confirmed", "tentative", "cancelled"}
    assert {event.answer for event in events} == {"accepted", "declined", "needsAction", "tentative"}
    assert {event.visibility for event in events} == {"default", "private", "confidential"}
    assert {"default", "workingLocation", "outOfOffice", "focusTime"} == {event.kind for event in events}
    assert any(event.transparent for event in events)
    assert any(event.summary is None for event in events)
    assert any(event.series for event in events)
    assert any(event.all_day for event in events)
    lengths = [end - start for start, end in (event.interval(zone) for zone, event in pairs)]
    assert 0 in lengths
    assert max(lengths) > DAY
    assert any(isinstance(event.start, int) and event.start % MINUTE for event in events)
    assert len({event.id for event in events}) == len(events)


def test_a_day_on_which_the_clock_changes_is_shorter_or_longer() -> None:
    for now, hours in (
        (datetime(2026, 10, 25, 12, tzinfo=UTC), 25),
        (datetime(2026, 3, 29, 12, tzinfo=UTC), 23),
    ):
        lengths = {
            (end - start) // (60 * MINUTE)
            for zone, event in every_event(now)
            if event.all_day and event.summary == "Open house" and zone == "Europe/Berlin"
            for start, end in [event.interval(zone)]
        }
        assert lengths == {24, hours}
