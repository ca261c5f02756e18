"""The service on a loopback port, over calendars in memory and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import requests
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.google_meet.room_calendar_api import Channel
from harvester.rooms.booking import RoomBooker
from harvester.rooms.calendar_copy import CalendarCopy
from harvester.rooms.push_channels import PushChannels
from harvester.rooms.rooms_file import Room, ServiceClient
from harvester.rooms.service.access import ClientAccess
from harvester.rooms.service.app import create_app
from harvester.rooms.service.live_changes import LiveChanges
from harvester.rooms.service.server import serving
from harvester.rooms.watcher import Watcher
from tests.unit.fake_context import FakeContext
from tests.unit.rooms.fake_calendars import FakeCalendars, at, event

SECRET = "invented-secret-of-the-panels"
OTHER_SECRET = "invented-secret-of-another-client"
CLIENTS = (ServiceClient(id="panels", secret=SECRET), ServiceClient(id="other", secret=OTHER_SECRET))
TOKEN = "invented-token-of-the-channel"


class StandingClock:
    speed = 1.0

    def __init__(self) -> None:
        self.time = at(10)
        self.seconds = 0.0

    def now(self) -> datetime:
        return self.time

    def elapsed(self) -> float:
        return self.seconds


class KnownChannels(PushChannels):
    """One open channel, to room Blue."""

    def __init__(self) -> None:
        room = Room(name="Blue", calendar="blue")
        super().__init__([room], FakeCalendars(), FakeContext(), "https://rooms.example.org/webhook")
        self.remember("blue", Channel(id="c1", resource_id="r", expires_at=at(20), token=TOKEN), at(10))


class Service:
    """Rooms Blue and Réd <1>; the first has a meeting from 12 to 13."""

    def __init__(self, *, booking: bool = True) -> None:
        self.clock = StandingClock()
        self.calendars = FakeCalendars()
        self.calendars.set("blue", replace(event("lunch", 12, 13), title="Lunch <b>", organizer="Ada"))
        rooms = [Room(name="Blue", calendar="blue"), Room(name="Réd <1>", calendar="red")]
        self.copies = [
            CalendarCopy(room, self.calendars, self.clock.now, ZoneInfo("Europe/Rome")) for room in rooms
        ]
        self.read()
        self.watcher = Watcher(self.copies, self.clock)
        self.read_now: list[str] = []
        self.watcher.read_now = self.read_now.append  # type: ignore[method-assign]  # records what is asked for
        self.changes = LiveChanges()
        self.no_one_joined: set[str] = set()
        """Rooms that are booked, and whose Meet has not begun."""
        booker = RoomBooker(self.calendars, self.copies, self.clock.now) if booking else None
        self.app = create_app(
            self.watcher,
            ClientAccess(CLIENTS, self.clock.elapsed),
            changes=self.changes,
            booker=booker,
            channels=KnownChannels(),
            no_one_joined=lambda reading: reading.room in self.no_one_joined,
        )
        self.url = ""

    def read(self) -> None:
        for copy in self.copies:
            copy.refresh()

    def count(self, method: str) -> int:
        return [name for name, _ in self.calendars.calls].count(method)

    def ask(self, method: str, path: str, *, secret: str = SECRET, **more: object) -> requests.Response:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return requests.request(method, self.url + path, headers=headers, timeout=30, **more)  # type: ignore[arg-type]  # requests' own options

    def book(self, *, secret: str = SECRET, **body: object) -> requests.Response:
        values = {"room_name": "Blue", "client_id": "panels", **body}
        return self.ask("POST", "meetings", secret=secret, json=values)


class Switch:
    """The application that a server serves at the moment: starting a server for each test would take longer than the test."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)

    def start(self, *, booking: bool = True) -> Service:
        service = Service(booking=booking)
        service.url = self.url
        self.app = service.app
        return service


@contextmanager
def served() -> Iterator[Switch]:
    switch = Switch()
    with serving(switch, LiveChanges(), host="127.0.0.1", port=0) as switch.url:
        yield switch
