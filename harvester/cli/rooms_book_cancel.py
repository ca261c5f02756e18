"""`harvester rooms book` and `cancel`."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import click

from connectors.exit_codes import ExitCode
from harvester.cli.options import AS_JSON, ONE_ACCOUNT, examples, general_options_without_config, pass_env
from harvester.cli.render import rooms as render
from harvester.cli.render.echo import echo
from harvester.cli.rooms_options import CONFIG, DEFAULT_FILE, named, opened, read_file
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.time_types import Duration
from harvester.rooms.booking import LONGEST, SHORTEST, TITLE, BookingRefused, NotYourBooking, RoomBooker

CLIENT = "command line"
"""Who books, in the events that `book` creates."""

logger = logging.getLogger(__name__)


@click.command(
    epilog=examples("harvester rooms book Blue --for 30m", "harvester rooms book Blue --for 2h --fit --json")
)
@click.argument("room")
@click.option(
    "--for",
    "duration",
    type=Duration(),
    metavar="DURATION",
    default=timedelta(hours=1),
    help="How long to book the room, from 15m to 8h.  [default: 1h]",
)
@click.option("--fit", is_flag=True, help="Shorten the booking to the start of the next meeting.")
@click.option("--title", default=TITLE, metavar="TEXT", help=f"Title of the event.  [default: {TITLE}]")
@CONFIG
@AS_JSON
@ONE_ACCOUNT
@general_options_without_config
@pass_env
def book(
    env: RunEnvironment,
    room: str,
    duration: timedelta,
    fit: bool,
    title: str,
    config: Path,
    as_json: bool,
) -> int:
    """Book ROOM from now on.

    The start is rounded down to 15 minutes, but is not before the end of the last meeting. Exit code 75 if the room is busy,
    or is not free for that long. Needs the scope calendar.events.
    """
    if not SHORTEST <= duration <= LONGEST:
        raise click.BadParameter("a booking takes from 15m to 8h", param_hint="'--for'")
    file = named(read_file(env, config, None), [room])
    with opened(env, booking=True) as account:
        copy = account.copy(file.rooms[0])
        booker = RoomBooker(account.calendars, [copy], account.context.now)
        try:
            booked = booker.book(copy.room.name, duration, client=CLIENT, fit=fit, title=title)
        except BookingRefused as refused:
            logger.error("rooms: %s: %s", copy.room.name, refused)
            return ExitCode.TEMPFAIL
    named_file = None if config == DEFAULT_FILE else config
    echo(render.booking_json(booked) if as_json else render.booking_line(booked, copy.zone, named_file))
    return ExitCode.OK


@click.command(epilog=examples("harvester rooms cancel Blue 3f9c0q7k2m5t8v1b4d6g"))
@click.argument("room")
@click.argument("event")
@CONFIG
@ONE_ACCOUNT
@general_options_without_config
@pass_env
def cancel(env: RunEnvironment, room: str, event: str, config: Path) -> int:
    """Delete the EVENT that `harvester rooms book` created in ROOM. No other event is ever deleted."""
    file = named(read_file(env, config, None), [room])
    with opened(env, booking=True) as account:
        copy = account.copy(file.rooms[0])
        booker = RoomBooker(account.calendars, [copy], account.context.now)
        try:
            deleted = booker.cancel(copy.room.name, event, client=CLIENT)
        except NotYourBooking:
            logger.error("rooms: %s: this event was not booked with `harvester rooms book`", copy.room.name)
            return ExitCode.NOPERM
    outcome = "cancelled" if deleted else "there is no such event any more"
    logger.info("rooms: %s: %s", copy.room.name, outcome)
    return ExitCode.OK
