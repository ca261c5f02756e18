"""`harvester rooms book` and `cancel` as commands: conflicts, doubtful answers, other people's events."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from harvester.simulator.google_meet.rooms.room import RoomEvent
from tests.e2e.harness import Harvester
from tests.e2e.rooms_bench import WITHOUT_WAITS, Bench, rooms_bench

NOON = datetime(2026, 11, 22, 12, 7, tzinfo=UTC)
"""A Sunday, when most rooms are free."""
INSERT = "POST calendar calendars/{id}/events"
READ = "GET calendar calendars/{id}/events/{id}"
DELETE = "DELETE calendar calendars/{id}/events/{id}"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with rooms_bench(tmp_path_factory.mktemp("booking"), rooms=40, now=NOON, **WITHOUT_WAITS) as bench:
        yield bench


@pytest.fixture
def room(bench: Bench) -> str:
    """A room that is free for hours, and in which nothing was booked by another test."""
    bench.rooms.control.change({"faults": []})
    until = (bench.now() + timedelta(hours=5)).isoformat()
    return next(
        name
        for name, state in bench.truth(bench.now()).items()
        if not state["busy"] and (state["free_until"] or "9") > until and not added(bench, name)
    )


def added(bench: Bench, room: str) -> list[RoomEvent]:
    """The events that were inserted since the simulation began, cancelled ones included."""
    began = bench.simulator.organisation.now
    return [event for event in bench.rooms.store.named(room).events() if event.created >= began]


def requests(bench: Bench, room: str) -> list[str]:
    return [row["call"] for row in bench.rooms.requests.log if row["room"] == room]


def book(bench: Bench, room: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    return bench("book", room, *words)


def test_a_booking_is_made_shown_and_cancelled(bench: Bench, room: str) -> None:
    booked = book(bench, room, "--for", "30m", "--json", "--title", "Walk-in")
    assert booked.returncode == 0, booked.stderr
    shown = json.loads(booked.stdout)
    [event] = added(bench, room)
    assert (event.id, event.summary, event.status) == (shown["id"], "Walk-in", "confirmed")
    start, end = event.interval("UTC")
    assert datetime.fromtimestamp(start / 1000, UTC) == NOON.replace(minute=0)  # rounded down to a quarter
    assert end - start == 30 * 60_000
    [state] = json.loads(bench("status", room, "--json").stdout)
    assert (state["busy"], state["text"]) == (True, "Walk-in")
    again = book(bench, room)
    assert (again.returncode, b"the room is busy" in again.stderr) == (75, True)
    assert len(added(bench, room)) == 1
    cancelled = bench("cancel", room, event.id)
    assert cancelled.returncode == 0, cancelled.stderr
    assert [each.status for each in added(bench, room)] == ["cancelled"]
    twice = bench("cancel", room, event.id)
    assert (twice.returncode, b"no such event any more" in twice.stderr) == (0, True)


def test_the_printed_line_cancels_the_booking(bench: Bench, room: str) -> None:
    booked = book(bench, room)
    assert booked.returncode == 0, booked.stderr
    line = booked.stdout.decode().strip()
    words = shlex.split(line.partition("to cancel: harvester ")[2])
    cancelled = Harvester(bench.folder, bench.settings)(*words)
    assert cancelled.returncode == 0, cancelled.stderr
    assert [event.status for event in added(bench, room)] == ["cancelled"]


def test_a_booking_that_would_run_into_the_next_meeting_is_refused_or_shortened(
    bench: Bench, room: str
) -> None:
    start = NOON + timedelta(minutes=40)
    put = bench.rooms.control.put(
        room=room, summary="Soon", start=start.isoformat(), end=(start + timedelta(hours=1)).isoformat()
    )
    refused = book(bench, room, "--for", "2h")
    assert refused.returncode == 75
    assert b"minutes only" in refused.stderr
    assert added(bench, room) == [put]
    fitted = book(bench, room, "--for", "2h", "--fit")
    assert fitted.returncode == 0, fitted.stderr
    [event] = [event for event in added(bench, room) if event.id != put.id]
    assert event.interval("UTC")[1] == start.timestamp() * 1000


@pytest.mark.parametrize("kind", ["lost_reply", "error_after"])
def test_after_a_doubtful_answer_the_event_is_read_and_not_inserted_again(
    kind: str, bench: Bench, room: str
) -> None:
    bench.rooms.control.change({"faults": [{"kind": kind, "call": INSERT, "room": room}]})
    before = len(requests(bench, room))
    booked = book(bench, room, "--json")
    assert booked.returncode == 0, booked.stderr
    [event] = added(bench, room)
    assert event.id == json.loads(booked.stdout)["id"]
    made = requests(bench, room)[before:]
    assert made.count(INSERT) == 1
    assert made[made.index(INSERT) + 1] == READ


@pytest.mark.parametrize(("kind", "code"), [("lost_request", 69), ("error", 75)])
def test_a_booking_that_never_arrived_is_not_repeated(kind: str, code: int, bench: Bench, room: str) -> None:
    bench.rooms.control.change({"faults": [{"kind": kind, "call": INSERT, "room": room, "times": -1}]})
    before = len(requests(bench, room))
    failed = book(bench, room)
    assert failed.returncode == code, failed.stderr
    assert added(bench, room) == []
    made = requests(bench, room)[before:]
    assert made.count(INSERT) == 1
    assert made[made.index(INSERT) + 1] == READ


def test_a_lost_answer_to_a_deletion_deletes_once(bench: Bench, room: str) -> None:
    booked = json.loads(book(bench, room, "--json").stdout)
    bench.rooms.control.change({"faults": [{"kind": "lost_reply", "call": DELETE, "room": room}]})
    cancelled = bench("cancel", room, booked["id"])
    assert cancelled.returncode == 0, cancelled.stderr
    assert [event.status for event in added(bench, room)] == ["cancelled"]


def test_of_several_commands_at_once_one_books(bench: Bench, room: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(lambda _: book(bench, room), range(4)))
    kept = [event for event in added(bench, room) if event.status != "cancelled"]
    assert sorted(each.returncode for each in ended) == [0, 75, 75, 75]
    assert len(kept) == 1


def test_other_peoples_events_are_not_deleted(bench: Bench, room: str) -> None:
    start = NOON + timedelta(hours=8)
    foreign = bench.rooms.control.put(
        room=room, summary="Foreign", start=start.isoformat(), end=(start + timedelta(hours=1)).isoformat()
    )
    refused = bench("cancel", room, foreign.id)
    assert (refused.returncode, b"not booked with" in refused.stderr) == (77, True)
    assert bench.rooms.store.named(room).find(foreign.id) == foreign
