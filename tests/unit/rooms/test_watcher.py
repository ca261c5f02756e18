"""harvester/rooms/watcher.py, on a clock that the test moves: each step is one round of the watcher."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest

from connectors.errors import Interrupted, Unreachable
from harvester.rooms import watcher as module
from harvester.rooms.calendar_copy import CalendarCopy
from harvester.rooms.rooms_file import Room
from harvester.rooms.status_json import RoomReading, display_text
from harvester.rooms.watcher import Watcher
from tests.unit.rooms.fake_calendars import FakeCalendars, at, event

UTC = ZoneInfo("UTC")


class TestClock:
    """The calendar can be set apart from the seconds, as a machine's can."""

    __test__ = False
    speed = 1.0

    def __init__(self) -> None:
        self.seconds = 0.0
        self.start = at(10)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    def elapsed(self) -> float:
        return self.seconds


class Building:
    """Rooms, their calendars, and the calls of a listener."""

    def __init__(self, rooms: int, calendars: FakeCalendars | None = None) -> None:
        self.clock = TestClock()
        self.calendars = calendars or FakeCalendars()
        self.changes: list[tuple[str, str]] = []
        self.names = [f"r{number}" for number in range(rooms)]
        copies = [
            CalendarCopy(Room(name=name, calendar=name), self.calendars, self.clock.now, UTC)
            for name in self.names
        ]
        self.watcher = Watcher(copies, self.clock)
        self.watcher.add_listener(self._changed)

    def _changed(self, reading: RoomReading) -> None:
        self.changes.append((reading.room, display_text(reading.status, "show")))

    def run(self, until: float, *, at_second: dict[float, Callable[[], object]] | None = None) -> None:
        """Run second by second until then; calls what `at_second` names at its second."""
        planned = dict(at_second or {})

        def check_stop() -> None:
            if self.settled():
                for second in [second for second in planned if second <= self.clock.seconds]:
                    planned.pop(second)()
                    return
                if self.clock.seconds >= until:
                    raise Interrupted(exit_code=130)
                self.clock.seconds += 1

        with pytest.raises(Interrupted):
            self.watcher.run(check_stop)

    def settled(self) -> bool:
        rooms = self.watcher._rooms.values()
        return self.watcher._messages.empty() and not any(room.is_being_read for room in rooms)


@pytest.fixture(autouse=True)
def _no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_SLEEP", 0.001)


def test_every_room_is_read_at_once_and_then_once_a_minute() -> None:
    building = Building(4)
    building.run(until=300)
    for name in building.names:
        calls = [method for method, calendar in building.calendars.calls if calendar == name]
        assert calls[0] == "read"
        assert 4 <= len(calls) - 1 <= 5
        assert set(calls[1:]) == {"changes"}


def test_readings_are_spread_over_the_minute() -> None:
    building = Building(60)
    seconds: list[float] = []
    plain = building.calendars.changes

    def changes(calendar: str, token: str) -> object:
        seconds.append(building.clock.seconds)
        return plain(calendar, token)

    building.calendars.changes = changes  # type: ignore[method-assign,assignment]  # counts the calls
    building.run(until=180)
    assert max(map(seconds.count, seconds)) <= 2


def test_a_calendar_is_read_in_full_at_longer_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FULL_SECONDS", 300.0)
    building = Building(1)
    building.run(until=2 * 300 + 120)
    assert [method for method, _ in building.calendars.calls].count("read") == 3


def test_a_start_and_an_end_change_the_state_without_a_reading() -> None:
    building = Building(1)
    building.calendars.set("r0", event("Talk", 10.005, 10.01))  # from 18 s to 36 s
    building.run(until=40)
    assert building.changes == [("r0", "Free until 10:00"), ("r0", "Talk"), ("r0", "Free all day")]
    assert len(building.calendars.calls) == 1


def test_a_change_arrives_with_the_next_reading_or_at_once_on_request() -> None:
    building = Building(1)
    building.run(
        until=50,
        at_second={
            5: lambda: building.calendars.set("r0", event("Talk", 9, 18)),
            7: lambda: building.watcher.read_now("r0"),
        },
    )
    assert building.changes == [("r0", "Free all day"), ("r0", "Talk")]
    assert len(building.calendars.calls) == 2


def test_a_room_requested_during_its_reading_is_read_once_more() -> None:
    building = Building(1)
    plain = building.calendars.read

    def read(calendar: str, since: datetime) -> object:
        building.watcher.read_now(calendar)
        building.watcher.read_now(calendar)
        return plain(calendar, since)

    building.calendars.read = read  # type: ignore[method-assign,assignment]  # asks in the middle of a reading
    building.run(until=5)
    assert [method for method, _ in building.calendars.calls] == ["read", "changes"]


def test_a_room_that_cannot_be_read_delays_no_other_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    building = Building(2)
    plain = building.calendars.read

    def read(calendar: str, since: datetime) -> object:
        if calendar == "r0" and building.clock.seconds < 200:
            raise Unreachable("no connection")
        return plain(calendar, since)

    building.calendars.read = read  # type: ignore[method-assign,assignment]  # refuses one room
    with caplog.at_level("INFO"):
        building.run(until=300)
    assert ("r1", "Free all day") in building.changes
    assert building.changes.count(("r0", "Unknown")) == 1
    assert building.changes[-1] == ("r0", "Free all day")
    words = [record.message for record in caplog.records if "r0" in record.message]
    assert words == ["rooms: r0 cannot be read: no connection", "rooms: r0 can be read again"]


class SimulatedPool:
    """Threads whose work takes seconds of the test's clock: a reading ends `seconds[room]` after a thread began it."""

    pools: ClassVar[list[SimulatedPool]] = []
    clock: ClassVar[TestClock]
    calendars: ClassVar[LateCalendars]
    seconds: ClassVar[dict[str, float]]

    def __init__(self, workers: int, thread_name_prefix: str) -> None:
        assert thread_name_prefix
        self.workers = workers
        self.waiting: deque[Callable[[], float | None]] = deque()
        self.pools.append(self)

    def submit(self, read: Callable[..., object], watched: Any, *, full: bool) -> Future[object]:
        future: Future[object] = Future()
        took = self.seconds.get(watched.copy.room.name, 0.2)
        ends: list[float] = []

        def work() -> float | None:
            """When it is over; None if it is."""
            if not ends:
                ends.append(self.clock.seconds + took)
            if self.clock.seconds < ends[0]:
                return ends[0]
            now, self.clock.seconds = self.clock.seconds, ends[0] - took
            with self.calendars.answering_at(now):
                future.set_result(read(watched, full=full))
            return None

        self.waiting.append(work)
        return future

    def shutdown(self, *, wait: bool, cancel_futures: bool) -> None:
        assert not wait
        assert cancel_futures

    @classmethod
    def work(cls) -> bool:
        """Let every thread do what it can now. Returns whether any reading has ended."""
        ended = False
        for pool in cls.pools:
            for job in list(islice(pool.waiting, pool.workers)):
                if job() is None:
                    pool.waiting.remove(job)
                    ended = True
        return ended


class LateCalendars(FakeCalendars):
    """Calendars whose answers come at an instant of the clock."""

    clock: TestClock
    answers_at = 0.0

    @contextmanager
    def answering_at(self, seconds: float) -> Iterator[None]:
        self.answers_at = seconds
        yield
        assert self.clock.seconds == seconds

    def _ask(self, method: str, calendar: str) -> None:
        super()._ask(method, calendar)
        self.clock.seconds = self.answers_at


class Tower(Building):
    """Three hundred rooms, of which some answer late, on a clock that goes by fifths of seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, slow: dict[str, float]) -> None:
        calendars = LateCalendars()
        super().__init__(300, calendars)
        calendars.clock = self.clock
        SimulatedPool.pools, SimulatedPool.clock, SimulatedPool.seconds = [], self.clock, slow
        SimulatedPool.calendars = calendars
        monkeypatch.setattr(module, "ThreadPoolExecutor", SimulatedPool)
        self.shown: dict[str, float] = {}
        """When each room showed a meeting called Change."""

    def _changed(self, reading: RoomReading) -> None:
        if display_text(reading.status, "show") == "Change":
            self.shown.setdefault(reading.room, self.clock.seconds)

    def follow(self, until: float, changed_at: float) -> None:
        """Run until then; every room gets a meeting at `changed_at`."""

        def check_stop() -> None:
            if not self.watcher._messages.empty() or SimulatedPool.work():
                return
            if self.clock.seconds >= until:
                raise Interrupted(exit_code=130)
            before = self.clock.seconds
            self.clock.seconds = round(before + 0.2, 1)
            if before < changed_at <= self.clock.seconds:
                for name in self.names:
                    self.calendars.set(name, event("Change", 9, 18))

        with pytest.raises(Interrupted):
            self.watcher.run(check_stop)


@pytest.mark.slow
def test_of_three_hundred_rooms_each_shows_a_change_within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    tower = Tower(monkeypatch, {})
    tower.follow(until=190, changed_at=120)
    assert tower.shown.keys() == set(tower.names)
    assert max(tower.shown.values()) <= 120 + module.POLL_SECONDS + 1


@pytest.mark.slow
def test_rooms_that_answer_late_delay_no_other_however_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fifth room answers after 25 seconds only, which would take more threads than there are."""
    slow = {f"r{number}": 25.0 for number in range(0, 300, 5)}
    assert sum(slow.values()) > module.WORKERS * module.POLL_SECONDS
    tower = Tower(monkeypatch, slow)
    tower.follow(until=320, changed_at=120)
    prompt = [when for name, when in tower.shown.items() if name not in slow]
    assert len(prompt) == 240
    assert max(prompt) <= 120 + module.POLL_SECONDS + 1
    assert set(slow) <= tower.shown.keys()


def test_after_ten_minutes_without_a_network_all_is_right_within_a_minute() -> None:
    building = Building(3)
    building.calendars.set("r1", event("Talk", 10.1, 10.25))

    def cut() -> None:
        building.calendars.refused = dict.fromkeys(("read", "changes"), Unreachable("no connection"))

    def restore() -> None:
        building.calendars.refused = {}
        building.calendars.set("r2", event("Visit", 10, 12))

    building.run(until=30 + 600 + 61, at_second={30: cut, 31 + 600: restore})
    assert ("r1", "Talk") in building.changes  # known before, shown while nothing could be read
    assert building.changes[-1] == ("r2", "Visit")


def test_a_clock_that_is_set_back_does_not_keep_a_future_state() -> None:
    building = Building(1)
    building.calendars.set("r0", event("Talk", 10, 11))

    def set_back() -> None:
        building.clock.start -= timedelta(hours=1)

    building.run(until=10, at_second={5: set_back})
    assert building.changes == [("r0", "Talk"), ("r0", "Free until 10:00")]


def test_a_clock_that_is_set_ahead_ends_the_meeting() -> None:
    building = Building(1)
    building.calendars.set("r0", event("Talk", 10, 11))

    def set_ahead() -> None:
        building.clock.start += timedelta(hours=2)

    building.run(until=70, at_second={5: set_ahead})
    assert building.changes[0] == ("r0", "Talk")
    assert building.changes[-1] == ("r0", "Free all day")


def test_a_bug_in_a_reading_is_not_hidden() -> None:
    building = Building(1)
    building.calendars.refused["read"] = ZeroDivisionError("bug")  # type: ignore[assignment]  # no HarvestError
    with pytest.raises(ZeroDivisionError):
        building.watcher.run(lambda: None)


def test_a_booking_shows_before_the_next_reading() -> None:
    building = Building(1)

    def book() -> None:
        building.watcher._rooms["r0"].copy.put(event("Walk-in", 9, 18))
        building.watcher.show_change("r0")

    building.run(until=10, at_second={5: book})
    assert building.changes == [("r0", "Free all day"), ("r0", "Walk-in")]


def test_readings_are_as_of_now() -> None:
    building = Building(2)
    building.run(until=30)
    building.clock.seconds = 45
    found = building.watcher.readings()
    assert list(found) == ["r0", "r1"]
    assert found["r0"].stale_seconds == 45


def test_an_unknown_room_is_ignored() -> None:
    building = Building(1)
    building.run(until=3, at_second={1: lambda: building.watcher.read_now("none")})
    assert len(building.calendars.calls) == 1
