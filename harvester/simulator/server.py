"""Serves the simulated vendors on a loopback port and writes the documents that a perfect harvest would hold."""

from __future__ import annotations

import asyncio
import gc
import shlex
import shutil
import socket
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from harvester.output_file import wait_uninterrupted, write_output
from harvester.simulator import VENDORS
from harvester.simulator.arduino import app as arduino
from harvester.simulator.arduino.app import ArduinoOptions
from harvester.simulator.arduino.rooms_config_file import write_rooms
from harvester.simulator.clock import SimulatedClock
from harvester.simulator.expected import GoogleSource, ZoomSource, write
from harvester.simulator.faults import FaultInjector
from harvester.simulator.google_meet import app as google_meet
from harvester.simulator.google_meet import service_account
from harvester.simulator.google_meet.account import Account as Workspace
from harvester.simulator.google_meet.options import GoogleOptions
from harvester.simulator.google_meet.rooms.control_endpoint import PATH as ROOMS
from harvester.simulator.google_meet.rooms.invented_events import invent_rooms
from harvester.simulator.http_server import create_server, listen
from harvester.simulator.meetecho import app as meetecho
from harvester.simulator.meetecho.options import MeetechoOptions
from harvester.simulator.organisation import Organisation
from harvester.simulator.teams import app as teams
from harvester.simulator.teams.control_endpoint import PATH as TEAMS
from harvester.simulator.teams.options import TeamsOptions
from harvester.simulator.vendor_interface import LazyVendor, Vendor
from harvester.simulator.webex import app as webex
from harvester.simulator.webex.options import WebexOptions
from harvester.simulator.zoom import app as zoom
from harvester.simulator.zoom.access import Plan

ACCOUNT = "main"
"""The account of the expected documents."""

READY_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the simulator.

    port: 0 takes any free port.
    size, days: meetings per vendor, and the number of days they are spread over.
    now, later: where the calendar starts (by default the present), and how long after that the simulator
        starts.
    speed, calendar_speed: divides waits; how fast the calendar moves.
    faults: the fraction of answers that fail.
    truth, env: files to write, each covering `vendors` only.
    rooms: file to write: the rooms, as `harvester rooms` reads them.
    vendors: the vendors to serve.
    scopes: the scopes of Zoom's tokens, by default all of them.
    daily_limit: Zoom's Heavy calls per day.
    webex, google, meetecho, teams, arduino: options of the account.
    truth_source, truth_qos, google_source, teams_calls, teams_titles: what the file `truth` assumes was harvested.
    """

    port: int = 0
    seed: int = 1
    size: int = 200
    days: int = 7
    now: datetime | None = None
    later: timedelta = timedelta()
    speed: float = 1.0
    calendar_speed: float = 1.0
    faults: float = 0.0
    truth: Path | None = None
    truth_source: ZoomSource = "dashboard"
    truth_qos: bool = False
    env: Path | None = None
    rooms: Path | None = None
    vendors: Sequence[str] = VENDORS
    zoom_plan: Plan = "business"
    scopes: Sequence[str] | None = None
    daily_limit: int | None = None
    webex: WebexOptions = field(default_factory=WebexOptions)
    google: GoogleOptions = field(default_factory=GoogleOptions)
    google_source: GoogleSource = "auto"
    meetecho: MeetechoOptions = field(default_factory=MeetechoOptions)
    teams: TeamsOptions = field(default_factory=TeamsOptions)
    teams_calls: bool = False
    teams_titles: bool = False
    arduino: ArduinoOptions = field(default_factory=ArduinoOptions)

    @property
    def organisation_now(self) -> datetime:
        """The organisation's "now"."""
        return (self.now or datetime.now(UTC).replace(microsecond=0)).astimezone(UTC)


class Simulator:
    """The vendors of one organisation in one ASGI application, with one clock for all of them.

    `on_created` is called whenever a vendor has been created.
    """

    def __init__(self, options: Options, on_created: Callable[[], None] = lambda: None) -> None:
        self.options = options
        self._remove_folder: Callable[[], object] = lambda: None
        self.organisation = Organisation(
            seed=options.seed, size=options.size, days=options.days, now=options.organisation_now
        )
        self.rooms = invent_rooms(options.seed, options.google.rooms)
        start, calendar_speed = options.organisation_now + options.later, options.calendar_speed
        self.clock = SimulatedClock(start, speed=options.speed, calendar_speed=calendar_speed)
        self.vendors = {name: LazyVendor(self._factories[name], on_created) for name in options.vendors}
        if len(self.vendors) == 1:  # no other vendor to save the time for
            next(iter(self.vendors.values())).vendor()
        routes: list[BaseRoute] = [Route("/_simulator/traffic", self._traffic), Route("/", self._front_page)]
        for name, vendor in self.vendors.items():
            routes += [Mount(prefix, app=vendor) for prefix in _PREFIXES[name]]
        if "google-meet" in self.vendors:
            self.arduino = arduino.Arduino(self.organisation, self.clock, self.rooms, options.arduino)
            routes[:0] = [Route(ROOMS, self.vendors["google-meet"]), *arduino.routes(self.arduino)]
        if "teams" in self.vendors:
            routes.insert(0, Route(TEAMS, self.vendors["teams"]))
        self.faults = FaultInjector(
            Starlette(routes=routes), probability=options.faults, seed=options.seed, clock=self.clock
        )
        # Without faults, no wrapper stands between the server and the vendors.
        self.app: ASGIApp = self.faults if options.faults else Starlette(routes=routes)

    @property
    def _factories(self) -> Mapping[str, Callable[[], Vendor]]:
        options = self.options
        return {
            "zoom": lambda: zoom.Zoom(
                self.organisation,
                self.clock,
                plan=options.zoom_plan,
                scopes=options.scopes,
                daily_limit=options.daily_limit,
            ),
            "webex": lambda: webex.Webex(self.organisation, self.clock, options.webex),
            "google-meet": lambda: google_meet.GoogleMeet(self.organisation, self.clock, options.google),
            "meetecho": lambda: meetecho.Meetecho(self.organisation, self.clock, options.meetecho),
            "teams": lambda: teams.Teams(self.organisation, self.clock, options.teams),
        }

    async def _front_page(self, _request: Request) -> JSONResponse:
        """The page that the datatracker has at its root, whose headers show the time."""
        return JSONResponse({}, headers={"date": self.clock.date_header().decode()})

    async def _traffic(self, _request: Request) -> JSONResponse:
        return JSONResponse(self.traffic())

    def traffic(self) -> dict[str, Any]:
        """Return the counted requests per vendor; empty counts for a vendor without requests."""
        return {
            "vendors": {name: vendor.traffic() for name, vendor in self.vendors.items()},
            "faults": dict(self.faults.injected),
            **({"arduino": self.arduino.traffic()} if "google-meet" in self.vendors else {}),
        }

    def environment(self, base: str) -> dict[str, str]:
        """Return the settings that point the harvester at this simulator, including its clock."""
        options = self.options
        settings: Mapping[str, Callable[[], dict[str, str]]] = {
            "zoom": lambda: zoom.environment(base, options.zoom_plan),
            "webex": lambda: webex.environment(base, options.webex, options.seed),
            "google-meet": lambda: google_meet.environment(
                base, self.organisation, options.google, str(self._write_google_credentials(base))
            ),
            "meetecho": lambda: meetecho.environment(base, options.meetecho),
            "teams": lambda: teams.environment(base),
        }
        variables = {name: value for vendor in self.vendors for name, value in settings[vendor]().items()}
        return {
            **variables,
            **self._state_settings(),
            "HARVESTER_NOW": self.clock.as_setting,
            "HARVESTER_SPEED": f"{options.speed:g}",
        }

    def _state_settings(self) -> dict[str, str]:
        """With an `env` file, harvests keep their state in a folder beside it, apart from that of real accounts."""
        env = self.options.env
        if env is None:
            return {}
        return {
            "HARVESTER_ACCOUNT": ACCOUNT,
            "HARVESTER_STATE_DIR": str(env.absolute().with_name(env.name + ".state")),
        }

    def _write_google_credentials(self, base: str) -> Path:
        """Write Google's credentials file beside `env`, or into a temporary folder if there is no `env`, and
        return its path."""
        options = self.options
        if options.env is not None:
            path = options.env.absolute().with_name(options.env.name + ".google.json")
        else:
            folder = tempfile.mkdtemp(prefix="simulated-google-")
            self._remove_folder = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            path = Path(folder) / "credentials.json"
        workspace = Workspace(self.organisation, options.google.ids) if options.google.user else None
        service_account.write_private_file(
            path, google_meet.credentials(base, workspace, self.clock, options.google)
        )
        return path

    def close(self) -> None:
        self._remove_folder()

    def write_expected(self) -> None:
        options = self.options
        if options.rooms is not None:
            write_rooms(options.rooms, self.rooms, options.arduino)
        if options.truth is not None:
            write(
                options.truth,
                self.organisation,
                vendors=options.vendors,
                source=options.truth_source,
                qos=options.truth_qos,
                webex=options.webex,
                google=options.google,
                google_source=options.google_source,
                meetecho=options.meetecho,
                teams=options.teams,
                teams_calls=options.teams_calls,
                teams_titles=options.teams_titles,
                later=options.later,
            )


_PREFIXES = {
    "zoom": (zoom.PREFIX,),
    "webex": webex.PREFIXES,
    "google-meet": (google_meet.PREFIX,),
    "meetecho": meetecho.PREFIXES,
    "teams": (teams.PREFIX,),
}


def run(options: Options, announce: Callable[[str], None]) -> None:
    """Serve until a signal; `announce` is called with each line of text for the user.

    The settings are written once the server listens. Raises ConfigurationError if the port is not available, OSError
    if a file is not.
    """
    listener, base = listen(options.port)
    with listener, closing(Simulator(options, _freeze_memory)) as simulator:
        if options.truth is not None:
            announce(
                f"computing the documents of a perfect harvest into {options.truth}; the simulator answers after that"
            )
        simulator.write_expected()
        _freeze_memory()
        asyncio.run(_serve(simulator, listener, base, announce))


async def _serve(
    simulator: Simulator, listener: socket.socket, base: str, announce: Callable[[str], None]
) -> None:
    server = create_server(simulator.app)
    serving_task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.listening.is_set() and not serving_task.done():
        await asyncio.sleep(0.005)
    if server.listening.is_set():
        if (env := simulator.options.env) is not None:
            # In another thread, since a FIFO may have no reader: the server goes on and hears signals meanwhile.
            settings = simulator.environment(base)
            with suppress(_Ended):
                await asyncio.to_thread(write_environment, env, settings, partial(_wait, serving_task))
        if not serving_task.done():
            for line in startup_lines(simulator.options, base):
                announce(line)
    await serving_task


class _Ended(Exception):
    """The server has ended."""


def _wait(serving: asyncio.Task[None], seconds: float) -> None:
    if serving.done():
        raise _Ended
    wait_uninterrupted(seconds)


def startup_lines(options: Options, base: str) -> Iterator[str]:
    """Yield the lines to print at the start: the address, the files written, and what to run next."""
    yield f"ready: {base}"
    if options.truth is not None:
        yield f"wrote {options.truth}: the documents of a perfect harvest"
    if options.env is None:
        yield "to harvest from it, restart it with --env FILE, which writes the settings for the harvester"
        return
    first = (options.organisation_now - timedelta(days=options.days)).date()
    yield f"wrote {options.env}: the settings for the harvester. In a second terminal, run:"
    file = shlex.quote(str(options.env))
    yield f"  harvester all --env-file {file} --from {first} --destination stdout > documents.ndjson"


def _freeze_memory() -> None:
    # Everything created so far stays: keep the garbage collector from walking through it while requests are
    # timed in milliseconds.
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(0.001)


def write_environment(
    path: Path, settings: dict[str, str], wait: Callable[[float], object] = wait_uninterrupted
) -> None:
    """Write `NAME=value` lines atomically, for a process that waits for the file; private, as secrets should be."""
    content = "".join(f"{name}={value}\n" for name, value in settings.items())
    write_output(path, content.encode(), private=True, wait=wait)


@contextmanager
def serving(options: Options) -> Iterator[dict[str, str]]:
    """Serve in a thread of this process; yields the settings that point the harvester at it."""
    with serving_simulator(options) as (_simulator, settings):
        yield settings


@contextmanager
def serving_simulator(options: Options) -> Iterator[tuple[Simulator, dict[str, str]]]:
    """Serve in a thread of this process; yields the simulator, to change and observe it, and the settings that
    point the harvester at it."""
    listener, base = listen(options.port)
    with listener, closing(Simulator(options)) as simulator:
        simulator.write_expected()
        server = create_server(simulator.app)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="simulator", daemon=True
        )
        thread.start()
        try:
            if not server.listening.wait(READY_SECONDS):
                raise RuntimeError("the simulator does not start")
            settings = simulator.environment(base)
            if options.env is not None:
                write_environment(options.env, settings)
            yield simulator, settings
        finally:
            server.should_exit = True
            thread.join(READY_SECONDS)


__all__ = [
    "ArduinoOptions",
    "GoogleOptions",
    "MeetechoOptions",
    "Options",
    "Simulator",
    "TeamsOptions",
    "WebexOptions",
    "run",
    "serving",
    "serving_simulator",
    "write_environment",
]
