"""The report of bookings and conferences, from a real Elasticsearch and from a file, against the simulator's own events."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harvester.documents import encode
from harvester.simulator.google_meet.account import Conference
from tests.e2e.harness import Harvester
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.rooms_bench import NOW, WITHOUT_WAITS, Bench, rooms_bench
from tests.e2e.test_rooms_index import booked

FIRST, LAST = "2026-11-19", "2026-11-20"
DAYS = ("--from", FIRST, "--to", LAST, "--timezone", "UTC")


def conferences(bench: Bench) -> list[Conference]:
    """Those that began on the days of the harvest."""
    google: Any = bench.simulator.vendors["google-meet"].vendor()
    now = int(NOW.timestamp() * 1000)
    return [
        each
        for each in google.account.conferences
        if each.meeting.start < now and day_of(each.meeting.start) >= FIRST
    ]


def day_of(instant: int) -> str:
    return datetime.fromtimestamp(instant / 1000, UTC).date().isoformat()


def book_rooms_for_conferences(bench: Bench) -> None:
    """Every third conference has a room; its code is also booked on the evening before, without any participant."""
    rooms = sorted(calendar.room.name for calendar in bench.rooms.store.calendars.values())
    for number, conference in enumerate(conferences(bench)[::3]):
        room = rooms[number % len(rooms)]
        start, end = conference.meeting.start // 1000, conference.meeting.end // 1000
        for begin, finish in ((start, end + 60), (start - 40 * 3600, start - 39 * 3600)):
            times = [datetime.fromtimestamp(moment, UTC).isoformat() for moment in (begin, finish)]
            bench.rooms.control.put(room=room, start=times[0], end=times[1], code=conference.code)


def expected_outcomes(bench: Bench) -> dict[str, int]:
    """By the days of the report: a count over the simulator's events and conferences."""
    spans = [(each.meeting.start, each.meeting.end, each.code) for each in conferences(bench)]
    first, last = min(span[0] for span in spans), max(span[0] for span in spans)
    zones = {calendar.room.email: calendar.room.zone for calendar in bench.rooms.store.calendars.values()}
    intervals = [
        (*event.interval(zones[document_id.split(":")[2]]), event.code)
        for document_id, event in booked(bench).items()
    ]
    found: Counter[str] = Counter()
    for start, end, code in intervals:
        if not FIRST <= day_of(start) <= LAST:
            continue
        if any(code == each and begin < end and finish > start for begin, finish, each in spans):
            found["booked and held"] += 1
        elif not code:
            found["booked, no Meet code"] += 1
        elif first <= start and end <= last:
            found["booked, never held"] += 1
        else:
            found["booked, not known"] += 1
    for begin, finish, code in spans:
        if not any(code == each and begin < end and finish > start for start, end, each in intervals):
            found["held, not booked"] += 1
    return dict(found)


@pytest.mark.long
def test_what_was_booked_and_what_was_held_are_those_of_the_simulator(
    newest: IndexSandbox, tmp_path: Path
) -> None:
    with rooms_bench(tmp_path, rooms=15, **WITHOUT_WAITS) as bench:
        book_rooms_for_conferences(bench)
        where = {"ES_HOST": newest.node.url, "ES_INDEX_PREFIX": newest.prefix}
        harvester = Harvester(tmp_path, {**bench.settings, **where})
        for words in (("google-meet", *DAYS), ("rooms", "bookings", "--config", str(bench.config), *DAYS)):
            ended = harvester(*words)
            assert ended.returncode == 0, ended.stderr.decode()
        (tmp_path / "documents.ndjson").write_bytes(
            b"".join(encode(document) + b"\n" for document in newest.stored().values())
        )
        for name, source in (("index", "--from-index"), ("file", "documents.ndjson")):
            ended = harvester("report", source, *DAYS, "--csv", name, "-o", f"{name}.html")
            assert ended.returncode == 0, ended.stderr.decode()
        expected = expected_outcomes(bench)
    made = {
        name: {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        | {"page": (tmp_path / f"{name}.html").read_bytes()}
        for name in ("index", "file")
    }
    assert made["index"] == made["file"]
    with (tmp_path / "index" / "bookings-and-meetings.csv").open(encoding="utf-8") as file:
        found = {row["outcome"]: int(row["count"]) for row in csv.DictReader(file)}
    assert found == expected
    assert min(expected.values()) > 0
    assert len(expected) == 5
