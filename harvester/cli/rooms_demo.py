"""`harvester rooms demo`: the board of an invented organisation in a browser."""

from __future__ import annotations

import logging
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click

from harvester.cli.demo import pointed_at_simulator
from harvester.cli.options import WholeNumber, examples, general_options_without_config, pass_env
from harvester.cli.rooms_serve import run_service
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.simulate import simulator
from harvester.logging_setup import LINES

CLIENT, SECRET = "demo", "invented-demo-secret"

logger = logging.getLogger(__name__)


@click.command(epilog=examples("harvester rooms demo", "harvester rooms demo --rooms 40 --port 8090"))
@click.option("--rooms", type=WholeNumber(1, 300), metavar="N", default=20, help="Rooms.  [default: 20]")
@click.option(
    "--port",
    type=WholeNumber(1, 65535),
    default=8080,
    metavar="N",
    help="Listen on this port.  [default: 8080]",
)
@general_options_without_config
@pass_env
def demo(env: RunEnvironment, rooms: int, port: int) -> int:
    """Simulate the room calendars of an invented organisation, and serve its board and door panels until Ctrl-C.

    Nothing is stored, and no other machine is asked. Rooms can be booked after a login.
    """
    server = simulator()
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="harvester-demo-", ignore_cleanup_errors=True)
            )
        )
        options = server.Options(
            size=60,
            days=2,
            vendors=("google-meet",),
            google=server.GoogleOptions(rooms=rooms),
            arduino=server.ArduinoOptions(requests_per_second=10, complete=True),
            rooms=folder / "config.json",
        )
        simulated = stack.enter_context(server.serving(options))
        pointed = pointed_at_simulator(env.environment, simulated, str(folder))
        kept = {name: value for name, value in pointed.values.items() if name != "ES_HOST"}
        client = {"ROOMS_CLIENT_ID": CLIENT, "ROOMS_CLIENT_SECRET": SECRET}
        env.environment = replace(pointed, values={**kept, **client})
        env.accounts_file = None
        logger.info(
            f"Open http://127.0.0.1:{port}/ in a browser. To book rooms, log in as {CLIENT!r} with the secret {SECRET!r}. Ctrl-C ends it.",
            extra=LINES,
        )
        run_service(env, folder / "config.json", None, host="127.0.0.1", port=port, booking=True)
