"""`harvester rooms bookings` and the states of `rooms watch` in a real Elasticsearch."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harvester.simulator.google_meet.rooms.room import RoomEvent
from harvester.simulator.organisation import DAY
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.rooms_bench import NOW, WITHOUT_WAITS, Bench, rooms_bench, wait_for


def booked(bench: Bench) -> dict[str, RoomEvent]:
    """By document id, the events that occupy a room and start on the days of the harvest."""
    found = {}
    day = int(NOW.replace(hour=0, minute=0).timestamp() * 1000)
    for calendar in bench.rooms.store.calendars.values():
        for event in calendar.events():
            start, end = event.interval(calendar.room.zone)
            ignored = event.status == "cancelled" or event.transparent or event.answer == "declined"
            if (
                ignored
                or event.kind == "workingLocation"
                or start == end
                or not day - DAY <= start < day + 2 * DAY
            ):
                continue
            found[f"booking:main:{calendar.room.email}:{event.id}"] = event
    return found


def harvest(bench: Bench, sandbox: IndexSandbox) -> dict[str, dict[str, Any]]:
    where = {"ES_HOST": sandbox.node.url, "ES_INDEX_PREFIX": sandbox.prefix}
    ended = bench("bookings", "--from", "2026-11-19", "--to", "2026-11-21", "--timezone", "UTC", **where)
    assert ended.returncode == 0, ended.stderr
    return sandbox.stored()


def check(stored: dict[str, dict[str, Any]], bench: Bench) -> None:
    expected = booked(bench)
    assert set(stored) == set(expected)
    zones = {room.email: room.zone for room in bench.rooms.store.rooms}
    for document_id, event in expected.items():
        document = stored[document_id]
        start, end = event.interval(zones[document["calendar"]])
        assert datetime.fromisoformat(document["start_time"]) == datetime.fromtimestamp(start / 1000, UTC)
        assert document["duration"] == (end - start) // 1000
        assert document.get("topic") == (None if event.private else event.summary)
        assert document.get("host", {}).get("email") == (None if event.private else event.organizer)
        assert document.get("meeting_code") == (event.code or None)
        assert document.get("event_series_id") == event.series
        assert document["all_day"] is event.all_day
        assert document["private"] is event.private


def test_bookings_follow_the_calendars(newest: IndexSandbox, tmp_path: Path) -> None:
    with rooms_bench(tmp_path, rooms=15, **WITHOUT_WAITS) as bench:
        check(harvest(bench, newest), bench)
        assert harvest(bench, newest).keys() == booked(bench).keys()
        chosen = [event for event in booked(bench).values() if not event.all_day][:3]
        control = bench.rooms.control
        rooms = {
            event.id: calendar.room.name
            for calendar in bench.rooms.store.calendars.values()
            for event in calendar.events()
        }
        moved, renamed, cancelled = chosen
        control.put(
            room=rooms[moved.id], id=moved.id, start="2026-11-25T10:00:00Z", end="2026-11-25T11:00:00Z"
        )
        control.put(room=rooms[renamed.id], id=renamed.id, summary="Another title", visibility="default")
        control.change({"cancel": [{"room": rooms[cancelled.id], "id": cancelled.id}]})
        stored = harvest(bench, newest)
        check(stored, bench)
        titles = [document.get("topic") for document in stored.values() if document["event_id"] == renamed.id]
        assert titles == ["Another title"]
        assert not {moved.id, cancelled.id} & {document["event_id"] for document in stored.values()}


def test_a_room_that_cannot_be_read_keeps_its_bookings(newest: IndexSandbox, tmp_path: Path) -> None:
    with rooms_bench(tmp_path, rooms=5, **WITHOUT_WAITS) as bench:
        before = harvest(bench, newest)
        bench.rooms.control.change({"refuse": {"Birch": 404}})
        where = {"ES_HOST": newest.node.url, "ES_INDEX_PREFIX": newest.prefix}
        ended = bench("bookings", "--from", "2026-11-19", "--to", "2026-11-21", "--timezone", "UTC", **where)
        assert ended.returncode == 75
        assert newest.stored().keys() == before.keys()


def test_watching_keeps_one_current_document_per_room(newest: IndexSandbox, tmp_path: Path) -> None:
    with rooms_bench(tmp_path, rooms=15, speed=60.0) as bench:
        where = {"ES_HOST": newest.node.url, "ES_INDEX_PREFIX": newest.prefix}

        def is_right() -> bool:
            documents = {document["room"]: document for document in newest.stored().values()}
            truth = bench.truth(bench.now())
            return documents.keys() == truth.keys() and all(
                (documents[room]["busy"], documents[room]["text"]) == (state["busy"], state["text"])
                for room, state in truth.items()
            )

        with bench.running("watch", **where):
            wait_for(is_right)
            start = bench.now()
            bench.rooms.control.put(
                room="Öresund", summary="Added", start=start.isoformat(), end="2026-11-20T23:00:00Z"
            )
            wait_for(lambda: "Added" in [document["text"] for document in newest.stored().values()])
            wait_for(is_right)
        assert newest.indices() == [f"{newest.prefix}rooms"]
