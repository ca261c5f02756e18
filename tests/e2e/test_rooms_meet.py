"""`harvester rooms serve --meet`: yellow until the Meet of a booked room begins, as the simulated Meet API has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from harvester.simulator.google_meet.account import Conference
from harvester.simulator.google_meet.rooms.room import RoomEvent
from tests.e2e.rooms_bench import NOW, Bench, free_port, http, rooms_bench, wait_for

CARD = re.compile(r'<li class="card (\w+)(?: old)?".*?<h2><a[^>]*>(.*?)</a>', re.DOTALL)


def colours(url: str) -> Mapping[str, str]:
    """The state of each room on the board."""
    status, page = http(f"{url}/")
    assert status == 200
    return {room: state for state, room in CARD.findall(page)}


def running_conference(bench: Bench) -> Conference:
    google: Any = bench.simulator.vendors["google-meet"].vendor()
    now = int(NOW.timestamp() * 1000)
    return next(
        each
        for each in google.account.conferences
        if each.meeting.start < now and each.meeting.end > now + 3_600_000 and each.owner is not None
    )


def put(bench: Bench, room: str, **more: Any) -> RoomEvent:
    """A meeting in a room in which nothing else runs."""
    calendar = bench.rooms.store.named(room)
    for event in calendar.events():
        calendar.cancel(event.id, 0)
    start, end = NOW - timedelta(minutes=5), NOW + timedelta(hours=10)
    return bench.rooms.control.put(room=room, start=start.isoformat(), end=end.isoformat(), **more)


def answers(url: str) -> bool:
    try:
        return http(f"{url}/healthz")[0] == 200
    except OSError:
        return False


def test_a_booked_room_is_yellow_until_its_meet_begins(tmp_path: Path) -> None:
    with rooms_bench(tmp_path, rooms=5, speed=60.0) as bench:
        conference = running_conference(bench)
        assert conference.owner is not None
        owner = conference.owner.email
        waiting = put(bench, "Aurora", code="nob-odyc-ame", organizer=owner)
        put(bench, "Birch", code=conference.code, organizer=owner)
        put(bench, "Cedar", code="", organizer=owner)
        put(bench, "Delta", code="nob-odyc-ame", organizer="someone@elsewhere.example")
        put(bench, "Ember", code="nob-odyc-ame", organizer=owner, transparent=True)
        url = f"http://127.0.0.1:{free_port()}"
        with bench.running("serve", "--meet", "--port", url.rpartition(":")[2]):
            wait_for(lambda: answers(url))
            expected = {
                "Aurora": "waiting",
                "Birch": "busy",
                "Cedar": "busy",
                "Delta": "busy",
                "Ember": "free",
            }
            wait_for(lambda: colours(url) == expected)
            assert "No one has joined the meeting yet" in http(f"{url}/room/Aurora")[1]
            # A participant joins: from now on the event has the code of a conference that runs.
            bench.rooms.control.put(room="Aurora", id=waiting.id, code=conference.code)
            wait_for(lambda: colours(url) == {**expected, "Aurora": "busy"})
        log = (tmp_path / "stderr.log").read_text()
        assert "Traceback" not in log
        assert log.count("whether a Meet has begun is not known") <= 1
