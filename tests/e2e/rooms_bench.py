"""The simulated rooms, and `harvester rooms` as processes that read them."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harvester.simulator.arduino.app import ArduinoOptions
from harvester.simulator.expected.room_status import expected_status
from harvester.simulator.google_meet.rooms.app import Rooms
from harvester.simulator.organisation import milliseconds
from harvester.simulator.server import GoogleOptions, Options, Simulator, serving_simulator
from tests.e2e.harness import HANGS_SECONDS, Harvester, command

NOW = datetime(2026, 11, 20, 9, 50, tzinfo=UTC)

WITHOUT_WAITS = {"speed": 60.0, "calendar_speed": 1.0}
"""For commands that read the rooms once: the rate limits of a minute are those of a second, and the calendar stays as it is."""

FAST_CLOCK = """
import sys, time
shown, began, speed = float(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
time.time = lambda: shown + (time.monotonic() - began) * speed
sys.argv[:] = ["harvester", *sys.argv[4:]]
from harvester.pipeline.vendor_clock import VendorClock
VendorClock.now = lambda self: self.clock.now()  # between answers, it would go on at the speed of a real second
from harvester.__main__ import main
sys.exit(main())
"""
"""Runs the command line on a machine whose clock is as fast as the simulator's. Processes share the monotonic clock."""


@dataclass
class Bench:
    folder: Path
    simulator: Simulator
    settings: Mapping[str, str]
    options: Options

    @property
    def rooms(self) -> Rooms:
        return self.simulator.vendors["google-meet"].vendor().rooms  # type: ignore[attr-defined,no-any-return]  # of this vendor, not of every one

    @property
    def config(self) -> Path:
        assert self.options.rooms is not None
        return self.options.rooms

    def __call__(self, *words: str, **more: str) -> subprocess.CompletedProcess[bytes]:
        return Harvester(self.folder, {**self.settings, **more})(
            "rooms", *words, "--config", str(self.config)
        )

    def truth(self, instant: datetime) -> dict[str, dict[str, Any]]:
        at = milliseconds(instant)
        calendars = self.rooms.store.calendars.values()
        return {each.room.name: expected_status(each.room, each.events(), at) for each in calendars}

    def truth_of(self, room: str, instant: datetime) -> dict[str, Any]:
        calendar = self.rooms.store.named(room)
        return expected_status(calendar.room, calendar.events(), milliseconds(instant))

    def things(self) -> dict[str, dict[str, Any]]:
        return {thing.name: dict(thing.values()) for thing in self.simulator.arduino.things}

    def now(self) -> datetime:
        return self.simulator.clock.now()

    @contextmanager
    def running(self, *words: str, stop: bool = True, **more: str) -> Iterator[Running]:
        """Run a long-lived command in a process whose clock is the simulator's."""
        clock = self.simulator.clock
        began = time.monotonic()
        shown = clock.now().timestamp()
        environment = {k: v for k, v in self.settings.items() if k != "HARVESTER_NOW"}
        with (self.folder / "stderr.log").open("ab") as log:
            process = subprocess.Popen(
            [
                *command()[:1], "-c", FAST_CLOCK, repr(shown), repr(began), repr(clock.calendar_speed),
                "rooms", *words, "--config", str(self.config),
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            env=Harvester(self.folder, environment).environment(**more),
            cwd=self.folder,
        )  # fmt: skip
        running = Running(process, self.now)
        try:
            yield running
            if stop:
                process.terminate()
                assert process.wait(HANGS_SECONDS) == 143
        finally:
            process.kill()
            process.wait()
            running.thread.join(HANGS_SECONDS)
            assert process.stdout is not None
            process.stdout.close()


@dataclass
class Running:
    """A process and the states it printed, each with the simulated instant at which it was read."""

    process: subprocess.Popen[bytes]
    now: Callable[[], datetime]
    lines: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append((self.now(), json.loads(line)))

    def states(self) -> dict[str, dict[str, Any]]:
        """The newest state of each room."""
        return {state["room"]: state for _, state in list(self.lines)}


@contextmanager
def rooms_bench(
    folder: Path,
    *,
    rooms: int = 20,
    speed: float = 1.0,
    calendar_speed: float | None = None,
    now: datetime = NOW,
    arduino_rate: int = 1,
    **google: Any,
) -> Iterator[Bench]:
    """Serve rooms. `speed` is that of all waits and, unless another one is given, that of the calendar."""
    folder.mkdir(parents=True, exist_ok=True)
    options = Options(
        size=30,
        days=2,
        now=now,
        speed=speed,
        calendar_speed=speed if calendar_speed is None else calendar_speed,
        vendors=("google-meet",),
        google=GoogleOptions(rooms=rooms, **google),
        arduino=ArduinoOptions(organization="org-1", requests_per_second=arduino_rate),
        rooms=folder / "config.json",
        env=folder / "sim.env",
    )
    with serving_simulator(options) as (simulator, settings):
        yield Bench(folder, simulator, settings, options)


def without_ids(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state as the truth and the command line have it: without ids of events, and without the data's age."""
    kept = {name: value for name, value in state.items() if name not in {"as_of", "stale_seconds"}}
    for name in ("current", "next"):
        kept[name] = kept[name] and {k: v for k, v in kept[name].items() if k != "id"}
    kept["running"] = [{k: v for k, v in each.items() if k != "id"} for each in kept["running"]]
    return kept


def wait_for(condition: Callable[[], bool], seconds: float = HANGS_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def http(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    """The status and the JSON of an answer."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, sent, method=method)  # noqa: S310  # loopback
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # loopback
            content, status = answer.read(), answer.status
    except urllib.error.HTTPError as error:
        content, status = error.read(), error.code
    try:
        return status, json.loads(content)
    except ValueError:
        return status, content.decode()
