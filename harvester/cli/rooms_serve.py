"""`harvester rooms serve`: the watcher with a REST API and pages."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from connectors.errors import ConfigurationError
from harvester.background_task import background_task
from harvester.cli.configured_accounts import one_account
from harvester.cli.from_settings import account_config
from harvester.cli.options import (
    ONE_ACCOUNT,
    Decorator,
    WholeNumber,
    examples,
    general_options_without_config,
    pass_env,
)
from harvester.cli.rooms_options import CONFIG, TITLES, opened, read_file
from harvester.cli.rooms_watch import feeding_displays
from harvester.cli.run_environment import RunEnvironment
from harvester.optional_libraries import require
from harvester.pipeline.stop_signal import StopSignal
from harvester.rooms.booking import RoomBooker
from harvester.rooms.meet_starts import MeetStarts
from harvester.rooms.open_calendars import RoomsAccount, open_rooms_account
from harvester.rooms.push_channels import PushChannels
from harvester.rooms.rooms_file import RoomsFile
from harvester.rooms.status_json import Titles
from harvester.rooms.watcher import Watcher
from harvester.setting_checks import checked_url

if TYPE_CHECKING:
    from harvester.rooms.service.live_changes import LiveChanges

WEBHOOK = "/webhook"

logger = logging.getLogger(__name__)

PUSH: Decorator[Any] = click.option(
    "--push",
    metavar="URL",
    help="Let Google send a message to URL/webhook when a calendar changes; URL is the public https:// address of this "
    "service.",
)
MEET: Decorator[Any] = click.option(
    "--meet",
    is_flag=True,
    help="Show a booked room in yellow until a participant has joined its Meet. Asks Google Meet as the organizers of the events, "
    "with the scope meetings.space.readonly.",
)


@click.command(
    epilog=examples(
        "harvester rooms serve",
        "harvester rooms serve --booking --host 0.0.0.0",
        "harvester rooms serve --push https://rooms.example.org",
    )
)
@click.option(
    "--host", default="127.0.0.1", metavar="ADDRESS", help="Listen on ADDRESS.  [default: 127.0.0.1]"
)
@click.option(
    "--port",
    type=WholeNumber(0, 65535),
    default=8080,
    metavar="N",
    help="Listen on this port.  [default: 8080]",
)
@click.option(
    "--booking", is_flag=True, help="Let clients with a secret book rooms. Needs the scope calendar.events."
)
@PUSH
@MEET
@CONFIG
@TITLES
@ONE_ACCOUNT
@general_options_without_config
@pass_env
def serve(
    env: RunEnvironment,
    host: str,
    port: int,
    booking: bool,
    push: str | None,
    meet: bool,
    config: Path,
    titles: Titles | None,
) -> int:
    """Serve the state of all rooms until it is stopped: pages at / and /room/NAME, a REST API at /meetings.

    The pages are for everyone who can reach them; the API wants the secret of a client. See /openapi.json.
    """
    run_service(env, config, titles, host=host, port=port, booking=booking, push=push, meet=meet)


def run_service(
    env: RunEnvironment,
    config: Path,
    titles: Titles | None,
    *,
    host: str,
    port: int,
    booking: bool,
    push: str | None = None,
    meet: bool = False,
) -> NoReturn:
    """Serve the rooms of a file until the program is stopped."""
    for library in ("starlette", "uvicorn", "jinja2"):
        require(library, extra="rooms")
    from harvester.rooms.service.access import ClientAccess
    from harvester.rooms.service.app import create_app
    from harvester.rooms.service.live_changes import LiveChanges
    from harvester.rooms.service.server import serving

    file = _file_with_clients(env, config, titles, booking=booking)
    address = None if push is None else _webhook(push)
    with ExitStack() as stack:
        account = stack.enter_context(opened(env, booking=booking))
        copies = [account.copy(room) for room in file.rooms]
        watcher = Watcher(copies, account.context, titles=file.titles)
        changes = LiveChanges()
        watcher.add_listener(changes.publish)
        channels = None
        if address is not None:
            channels = stack.enter_context(_receiving_messages(env, file, address, booking=booking))
        meets = stack.enter_context(_following_meets(env, account, watcher, changes, asked=meet))
        app = create_app(
            watcher,
            ClientAccess(file.clients, account.context.stopwatch),
            changes=changes,
            booker=RoomBooker(account.calendars, copies, account.context.now) if booking else None,
            channels=channels,
            no_one_joined=meets.no_one_joined,
            count_requests=lambda: account.context.request_stats.requests,
        )
        stack.enter_context(feeding_displays(env, account, file, watcher))
        url = stack.enter_context(serving(app, changes, host=host, port=port))
        logger.info("rooms: serving %s", url)
        watcher.run(env.stop.check)


def _file_with_clients(
    env: RunEnvironment, config: Path, titles: Titles | None, *, booking: bool
) -> RoomsFile:
    file = read_file(env, config, titles)
    if booking and not file.clients:
        raise ConfigurationError(
            "--booking needs a client with a secret: add a table [[rooms.client]] to the file, or set ROOMS_CLIENT_SECRET"
        )
    return file


@contextmanager
def _following_meets(
    env: RunEnvironment, account: RoomsAccount, watcher: Watcher, changes: LiveChanges, *, asked: bool
) -> Iterator[MeetStarts]:
    """Whether someone has joined the meetings of booked rooms: Meet is read only if it is `asked`."""
    meets = MeetStarts(
        account.conferences, lambda: watcher.readings().values(), account.context, changes.publish
    )
    with background_task(meets.run, env.stop, name="meets") if asked else nullcontext():
        yield meets


@contextmanager
def _receiving_messages(
    env: RunEnvironment, file: RoomsFile, address: str, *, booking: bool
) -> Iterator[PushChannels]:
    """Channels with a stop signal of their own: they are stopped at Google after the program's own signal."""
    with open_rooms_account(
        account_config(one_account("google-meet", env), env),
        StopSignal(),
        rate_share=env.rate_share(None),
        default_zone=env.zone(None),
        booking=booking,
    ) as account:
        channels = PushChannels(file.rooms, account.calendars, account.context, address)
        with background_task(channels.run, env.stop, name="push"):
            yield channels


def _webhook(url: str) -> str:
    address = checked_url("--push", url)
    if not address.startswith("https://"):
        raise click.BadParameter("Google sends messages to https:// only", param_hint="'--push'")
    return address + WEBHOOK
