"""Serves the simulated vendors on a loopback port, and says what a perfect harvest of them would hold."""

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
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from harvester.simulator import VENDORS
from harvester.simulator.clock import Calendar
from harvester.simulator.expected import GoogleSource, Source, write
from harvester.simulator.faults import TRANSPORT, Faults
from harvester.simulator.google_meet import app as google_meet
from harvester.simulator.google_meet import service_account
from harvester.simulator.google_meet.access import Terms as GoogleTerms
from harvester.simulator.google_meet.account import Account as Workspace
from harvester.simulator.lazy_vendor import Late, Vendor
from harvester.simulator.meetecho import app as meetecho
from harvester.simulator.meetecho.access import Terms as MeetechoTerms
from harvester.simulator.organisation import Organisation
from harvester.simulator.webex import app as webex
from harvester.simulator.webex.access import Terms
from harvester.simulator.zoom import app as zoom
from harvester.simulator.zoom.access import Plan

HOST = "127.0.0.1"
READY_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`port` 0 is any free one; `size`: meetings per vendor over `days`; `now`: where the calendar begins, the
    present unless given, and `later` than that; `speed` divides waits; `faults`: the part of the answers that goes wrong. `truth`, `env`:
    files to write. `vendors`: who is served, and in both files. `scopes`: what Zoom's tokens may do, everything unless
    given; `daily_limit`: Heavy calls a day; `webex`, `google`, `meetecho`: what is agreed with the account there. `google_source`: for
    the truth."""

    port: int = 0
    seed: int = 1
    size: int = 200
    days: int = 7
    now: datetime | None = None
    later: timedelta = timedelta()
    speed: float = 1.0
    faults: float = 0.0
    truth: Path | None = None
    truth_source: Source = "dashboard"
    truth_qos: bool = False
    env: Path | None = None
    vendors: Sequence[str] = VENDORS
    zoom_plan: Plan = "business"
    scopes: Sequence[str] | None = None
    daily_limit: int | None = None
    webex: Terms = field(default_factory=Terms)
    google: GoogleTerms = field(default_factory=GoogleTerms)
    google_source: GoogleSource = "auto"
    meetecho: MeetechoTerms = field(default_factory=MeetechoTerms)

    @property
    def shown(self) -> datetime:
        """The organisation's now."""
        return (self.now or datetime.now(UTC).replace(microsecond=0)).astimezone(UTC)


class Simulator:
    """The vendors of one organisation behind one ASGI application, and one calendar for all of them.

    `settled` is called whenever a vendor has been made.
    """

    def __init__(self, options: Options, settled: Callable[[], None] = lambda: None) -> None:
        self.options = options
        self.organisation = Organisation(
            seed=options.seed, size=options.size, days=options.days, now=options.shown
        )
        self.calendar = Calendar(options.shown + options.later, speed=options.speed)
        self.vendors = {name: Late(self._made[name], settled) for name in options.vendors}
        if len(self.vendors) == 1:  # nobody to spare the time for
            next(iter(self.vendors.values())).vendor()
        routes: list[BaseRoute] = [Route("/_simulator/traffic", self._traffic)]
        for name, vendor in self.vendors.items():
            routes += [Mount(prefix, app=vendor) for prefix in _PREFIXES[name]]
        self.faults = Faults(
            Starlette(routes=routes), probability=options.faults, seed=options.seed, calendar=self.calendar
        )
        # Without faults nothing stands between the server and the vendors.
        self.app: ASGIApp = self.faults if options.faults else Starlette(routes=routes)

    @property
    def _made(self) -> Mapping[str, Callable[[], Vendor]]:
        options = self.options
        return {
            "zoom": lambda: zoom.Zoom(
                self.organisation,
                self.calendar,
                plan=options.zoom_plan,
                scopes=options.scopes,
                daily_limit=options.daily_limit,
            ),
            "webex": lambda: webex.Webex(self.organisation, self.calendar, options.webex),
            "google-meet": lambda: google_meet.GoogleMeet(self.organisation, self.calendar, options.google),
            "meetecho": lambda: meetecho.Meetecho(self.organisation, self.calendar, options.meetecho),
        }

    async def _traffic(self, _request: Request) -> JSONResponse:
        return JSONResponse(self.traffic())

    def traffic(self) -> dict[str, Any]:
        """How each vendor was asked; of one that nobody has asked anything, nothing."""
        return {
            "vendors": {name: vendor.traffic() for name, vendor in self.vendors.items()},
            "faults": dict(self.faults.injected),
        }

    def environment(self, base: str) -> dict[str, str]:
        """The settings that point the harvester here, its clock with them."""
        options = self.options
        settings: Mapping[str, Callable[[], dict[str, str]]] = {
            "zoom": lambda: zoom.environment(base, options.zoom_plan),
            "webex": lambda: webex.environment(base, options.webex, options.seed),
            "google-meet": lambda: google_meet.environment(
                base, self.organisation, options.google, str(self._credentials(base))
            ),
            "meetecho": lambda: meetecho.environment(base, options.meetecho),
        }
        told = {name: value for vendor in self.vendors for name, value in settings[vendor]().items()}
        return {
            **told,
            "HARVESTER_NOW": self.calendar.spelled,
            "HARVESTER_SPEED": f"{options.speed:g}",
        }

    def _credentials(self, base: str) -> Path:
        """Google's are a file: beside that with the settings, or where none is wanted in a folder that goes away."""
        options = self.options
        if options.env is not None:
            path = options.env.absolute().with_name(options.env.name + ".google.json")
        else:
            folder = Path(tempfile.mkdtemp(prefix="simulated-google-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            path = folder / "credentials.json"
        workspace = Workspace(self.organisation, options.google.ids) if options.google.user else None
        service_account.write(path, google_meet.credentials(base, workspace, self.calendar, options.google))
        return path

    def write_truth(self) -> None:
        options = self.options
        if options.truth is not None:
            write(
                options.truth,
                self.organisation,
                vendors=options.vendors,
                source=options.truth_source,
                qos=options.truth_qos,
                terms=options.webex,
                google=options.google,
                google_source=options.google_source,
                meetecho=options.meetecho,
                later=options.later,
            )


_PREFIXES = {
    "zoom": (zoom.PREFIX,),
    "webex": webex.PREFIXES,
    "google-meet": (google_meet.PREFIX,),
    "meetecho": meetecho.PREFIXES,
}


class _Protocol(H11Protocol):
    """HTTP with the connection lent to the application: breaking it is what a simulator is for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        served: Any = self.app

        async def lent(scope: Scope, receive: Receive, send: Send) -> None:
            scope["extensions"] = {TRANSPORT: self.transport}
            await served(scope, receive, send)

        self.app = lent


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


def _server(app: ASGIApp) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            http=_Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=1,
            backlog=2048,
        )
    )


def _listener(port: int) -> tuple[socket.socket, str]:
    """A bound socket and the base URL of what it will serve."""
    # With the protocol named: asyncio turns Nagle's algorithm off only then, and an answer is two writes.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise
    return listener, f"http://{HOST}:{listener.getsockname()[1]}"


def run(options: Options) -> None:
    """Serve until SIGTERM or SIGINT. The settings are written once it listens. OSError: port or file not to be had."""
    listener, base = _listener(options.port)
    with listener:
        simulator = Simulator(options, _settle)
        simulator.write_truth()
        _settle()
        asyncio.run(_serve(simulator, listener, base))


async def _serve(simulator: Simulator, listener: socket.socket, base: str) -> None:
    server = _server(simulator.app)
    serving_task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.listening.is_set() and not serving_task.done():
        await asyncio.sleep(0.005)
    if server.listening.is_set():
        if simulator.options.env is not None:
            write_environment(simulator.options.env, simulator.environment(base))
        for line in told(simulator.options, base):
            print(line, file=sys.stderr, flush=True)  # noqa: T201  # what it is for is to be told
    await serving_task


def told(options: Options, base: str) -> Iterator[str]:
    """Where it listens, which files it wrote, and what to run next."""
    yield f"ready: {base}"
    if options.truth is not None:
        yield f"wrote {options.truth}: what a perfect harvest would hold"
    if options.env is None:
        yield "to harvest from it, begin it with --env FILE: the settings that point the harvester here"
        return
    first = (options.shown - timedelta(days=options.days)).date()
    yield f"wrote {options.env}: the settings that point the harvester here; in a second terminal:"
    file = shlex.quote(str(options.env))
    yield f"  harvester all --env-file {file} --from {first} --destination stdout > documents.ndjson"


def _settle() -> None:
    # What there is now stays: the collector need not walk through it while requests are counted by the millisecond.
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(0.001)


def write_environment(path: Path, settings: dict[str, str]) -> None:
    """`NAME=value` lines, whole or not at all: whoever waits for the file may read it at once."""
    unfinished = path.with_name(path.name + ".new")
    try:
        unfinished.write_text(
            "".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8"
        )
        unfinished.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


@contextmanager
def serving(options: Options) -> Iterator[dict[str, str]]:
    """The same in a thread of this process; yields the settings that point the harvester at it."""
    listener, base = _listener(options.port)
    with listener:
        simulator = Simulator(options)
        simulator.write_truth()
        server = _server(simulator.app)
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
            yield settings
        finally:
            server.should_exit = True
            thread.join(READY_SECONDS)


__all__ = [
    "GoogleTerms",
    "MeetechoTerms",
    "Options",
    "Simulator",
    "Terms",
    "run",
    "serving",
    "write_environment",
]
