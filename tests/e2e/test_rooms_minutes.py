"""The pages of `rooms serve` at every minute, on a clock that the test moves, against the simulator's truth.

The calendars are read from a served simulator, and the pages come over HTTP from the application that `rooms serve` starts.
Time passes only when the test says so: no minute is missed, however slow the machine.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
import requests

from connectors.base import Settings
from connectors.google_meet.auth import GoogleTokens
from connectors.google_meet.http_client import GoogleClient
from connectors.google_meet.room_calendar_api import RoomCalendars
from harvester.config import Environment
from harvester.rooms.calendar_copy import CalendarCopy
from harvester.rooms.rooms_file import read_rooms_file
from harvester.rooms.service.access import ClientAccess
from harvester.rooms.service.app import create_app
from harvester.rooms.service.live_changes import LiveChanges
from harvester.rooms.service.server import serving
from harvester.rooms.watcher import Watcher
from tests.e2e.rooms_bench import Bench, rooms_bench
from tests.unit.fake_context import FakeContext

MINUTE = timedelta(minutes=1)
READ_EVERY = 12
"""In minutes: how often the calendars are read, so that the data is old, but not too old, at some of them."""

Part = tuple[str, list[str]]
"""The class of a card or panel, and the texts of its lines."""

TAG = re.compile(r"<[^>]+>")
END = re.compile("</p>|</h1>|</h2>")


class HandClock:
    speed = 1.0

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant

    def elapsed(self) -> float:
        return self.instant.timestamp()


class Pages:
    """The application with its own copies of the simulated calendars."""

    def __init__(self, bench: Bench, clock: HandClock) -> None:
        context = FakeContext(clock.now())
        settings = Settings(values=bench.settings)
        tokens = GoogleTokens(settings, context)
        calendars = RoomCalendars(GoogleClient(settings, tokens, context), tokens)
        rooms = read_rooms_file(bench.config, Environment(values={})).rooms
        self.bench = bench
        self.clock = clock
        self.copies = [CalendarCopy(room, calendars, clock.now, ZoneInfo("UTC")) for room in rooms]
        self.app = create_app(
            Watcher(self.copies, clock), ClientAccess((), clock.elapsed), changes=LiveChanges()
        )
        self.zones = {each.room.name: each.room.zone for each in bench.rooms.store.calendars.values()}
        self.read_at = clock.instant
        self.session = requests.Session()
        self.url = ""

    def read(self) -> None:
        self.read_at = self.clock.instant
        for copy in self.copies:
            assert copy.refresh() is None

    def lines(self, path: str, start: str, end: str) -> list[Part]:
        """The parts of a page from `start` on: the class of each, and the texts of its lines."""
        answer = self.session.get(self.url + path, timeout=60)
        assert answer.status_code == 200
        found = []
        for part in answer.text.split(start)[1:]:
            head, _, body = part.partition(end)[0].partition(">")
            texts = (html.unescape(TAG.sub("", line)).strip() for line in END.split(body))
            found.append((head.partition('"')[0], [text for text in texts if text]))
        return found


@contextmanager
def pages(folder: Path, now: datetime, rooms: int) -> Iterator[Pages]:
    # The speed is that of the quotas: the calendars do not ask the simulator's clock.
    with rooms_bench(folder, rooms=rooms, now=now, speed=10.0) as bench:
        made = Pages(bench, HandClock(now))
        with serving(made.app, LiveChanges(), host="127.0.0.1", port=0) as made.url:
            yield made


def local(stamp: str, zone: str) -> datetime:
    return datetime.fromisoformat(stamp).astimezone(ZoneInfo(zone))


def until(stamp: str, at: datetime, zone: str) -> str:
    """`until 17:00`, with the day if it is another one."""
    when = local(stamp, zone)
    today = at.astimezone(ZoneInfo(zone)).date()
    return f"until {when:%H:%M}" if when.date() == today else f"until {when:%a %d %b %H:%M}"


def times(meeting: dict[str, Any], at: datetime, zone: str) -> str:
    start, end = local(meeting["start"], zone), local(meeting["end"], zone)
    first = f"{start:%H:%M}" if start.date() == at.astimezone(ZoneInfo(zone)).date() else f"{start:%a %d %b %H:%M}"  # fmt: skip
    return f"{first} – {end:%H:%M}" if end.date() == start.date() else f"{first} – {end:%a %d %b %H:%M}"


def titled(meeting: dict[str, Any]) -> str:
    return meeting["title"] + (" (tentative)" if meeting["tentative"] else "")


def state(truth: dict[str, Any], at: datetime) -> str:
    if not truth["busy"]:
        return "free"
    left = datetime.fromisoformat(truth["busy_until"]) - at
    return "soon" if left <= timedelta(minutes=15) else "busy"


def detail(truth: dict[str, Any], at: datetime, zone: str) -> str:
    if truth["text"] == "Free all day":
        return "all day"
    return until(truth["busy_until"] or truth["free_until"], at, zone)


def expected_card(truth: dict[str, Any], at: datetime, zone: str, age: int) -> Part:
    lines = [truth["room"], f"{'Busy' if truth['busy'] else 'Free'} {detail(truth, at, zone)}"]
    if truth["current"]:
        lines.append(titled(truth["current"]))
    if truth["next"]:
        lines.append(f"Next: {times(truth['next'], at, zone)} {truth['next']['title']}")
    lines.append(f"{at.astimezone(ZoneInfo(zone)):%H:%M} in {zone}")
    return state(truth, at) + (" old" if age > 3 else ""), [*lines, *([read(age)] if age > 3 else [])]


def read(age: int) -> str:
    return f"read {age} min ago" if age else "read just now"


def expected_panel(truth: dict[str, Any], at: datetime, zone: str, age: int) -> Part:
    end = truth["busy_until"] or truth["free_until"]
    minutes = None if end is None else -(-(datetime.fromisoformat(end) - at) // MINUTE)
    left = f" · {minutes} min left" if minutes is not None and minutes <= 90 else ""
    lines = [
        truth["room"],
        f"{at.astimezone(ZoneInfo(zone)):%H:%M}",
        "Busy" if truth["busy"] else "Free",
        detail(truth, at, zone) + left,
    ]
    if current := truth["current"]:
        organizer = f" · {current['organizer']}" if current["organizer"] else ""
        lines += [titled(current), times(current, at, zone) + organizer]
    following = truth["next"]
    lines.append(
        f"Next: {times(following, at, zone)} {following['title']}" if following else "No more meetings"
    )
    return state(truth, at) + (" old" if age > 3 else ""), [*lines, read(age), "All rooms"]


def check_minute(pages: Pages, at: datetime) -> None:
    """The whole board, and the panels of two rooms, which are others from minute to minute."""
    truth = pages.bench.truth(at)
    age = (at - pages.read_at) // MINUTE
    shown = pages.lines("", '<li class="card ', "</li>")
    assert shown == [expected_card(each, at, pages.zones[room], age) for room, each in truth.items()], at
    names = list(truth)
    minute = int(at.timestamp()) // 60
    for room in (names[minute % len(names)], names[minute * 7 % len(names)]):
        [panel] = pages.lines(
            f"room/{quote(room)}", '<main id="live" data-kind="panel" class="panel ', "</main>"
        )
        assert panel == expected_panel(truth[room], at, pages.zones[room], age), (at, room)


def follow(pages: Pages, minutes: int) -> None:
    for minute in range(minutes):
        if minute % READ_EVERY == 0:
            pages.read()
        check_minute(pages, pages.clock.instant)
        pages.clock.instant += MINUTE


@pytest.mark.parametrize(
    ("now", "minutes"),
    [
        (datetime(2026, 11, 20, 7, 50, tzinfo=UTC), 160),
        (datetime(2026, 10, 25, 0, 25, tzinfo=UTC), 70),  # Europe leaves summer time at 1:00
        (datetime(2026, 3, 29, 0, 25, tzinfo=UTC), 70),
        (datetime(2026, 11, 1, 8, 35, tzinfo=UTC), 50),  # Los Angeles leaves it at 9:00
    ],
    ids=["a morning", "Europe to winter", "Europe to summer", "Los Angeles to winter"],
)
def test_board_and_panels_are_the_truth_at_every_minute(now: datetime, minutes: int, tmp_path: Path) -> None:
    with pages(tmp_path, now, 20) as shown:
        follow(shown, minutes)
