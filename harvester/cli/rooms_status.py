"""`harvester rooms status`, `find` and `discover`: each reads the calendars once."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path

import click

from connectors.exit_codes import ExitCode
from harvester.cli.options import (
    AS_JSON,
    ONE_ACCOUNT,
    WholeNumber,
    examples,
    general_options_without_config,
    pass_env,
)
from harvester.cli.render import rooms as render
from harvester.cli.render.echo import echo, echo_lines
from harvester.cli.rooms_options import AT, CONFIG, TITLES, named, opened, read_file, report_errors
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.time_types import Duration
from harvester.rooms.status_json import Titles

logger = logging.getLogger(__name__)


@click.command(
    epilog=examples("harvester rooms status", "harvester rooms status Blue --json | jq '.[0].busy'")
)
@click.argument("names", metavar="[ROOM]...", nargs=-1)
@AT
@CONFIG
@TITLES
@AS_JSON
@ONE_ACCOUNT
@general_options_without_config
@pass_env
def status(
    env: RunEnvironment,
    names: tuple[str, ...],
    at: datetime | None,
    config: Path,
    titles: Titles | None,
    as_json: bool,
) -> int:
    """Show the state of each ROOM, or of all rooms in FILE.

    A room whose calendar cannot be read is shown as unknown, and the exit code is 75. Times are those of each room's zone.
    """
    file = named(read_file(env, config, titles), names)
    with opened(env) as account:
        found = list(account.read_all(file, about=at))
    readings = [reading for _, reading, _ in found]
    if as_json:
        echo(render.rooms_json(readings))
    else:
        for line in render.status_table(readings):
            echo(line)
    return report_errors((room.name, error) for room, _, error in found)


@click.command(
    epilog=examples(
        "harvester rooms find --for 30m --seats 6", "harvester rooms find --at 2026-11-30T14:00+01:00"
    )
)
@AT
@click.option("--now", is_flag=True, help="At this moment, which is the default.")
@click.option(
    "--for",
    "duration",
    type=Duration(),
    metavar="DURATION",
    default=timedelta(minutes=30),
    help="Free for at least this long.  [default: 30m]",
)
@click.option("--seats", type=WholeNumber(1, 10_000), metavar="N", help="With at least N seats.")
@CONFIG
@AS_JSON
@ONE_ACCOUNT
@general_options_without_config
@pass_env
def find(
    env: RunEnvironment,
    at: datetime | None,
    now: bool,
    duration: timedelta,
    seats: int | None,
    config: Path,
    as_json: bool,
) -> int:
    """List the rooms that are free, the smallest first; those without a known number of seats are the last.

    A room without a known number of seats is left out if --seats is given. Exit code 65 if no room is free, 75 if some
    could not be read.
    """
    if now and at is not None:
        raise click.UsageError("give either --now or --at")
    file = read_file(env, config, "hide")
    with opened(env) as account:
        moment = at or account.context.now()
        found = list(account.read_all(file, about=moment))
    end = moment.replace(second=0, microsecond=0) + duration  # a minute that has begun is a whole one
    fitting = [
        (room, reading)
        for room, reading, _ in found
        if reading.status.busy is False
        and (reading.status.free_until is None or reading.status.free_until >= end)
        and (seats is None or (room.capacity is not None and room.capacity >= seats))
    ]
    no_capacity = ""
    if seats is not None and all(room.capacity is None for room, _, _ in found):
        no_capacity = f"no room has a capacity in {config}: add capacity to its rooms"
    fitting.sort(key=lambda pair: (pair[0].capacity is None, pair[0].capacity or 0, pair[0].name))
    if as_json:
        echo(render.free_json(fitting))
        if no_capacity:
            logger.warning(f"rooms: {no_capacity}")
    elif no_capacity:
        echo(no_capacity)
    else:
        for line in render.free_table(fitting, seats=seats):
            echo(line)
    code = report_errors((room.name, error) for room, _, error in found)
    return ExitCode.worst([code, ExitCode.OK if fitting else ExitCode.DATAERR])


@click.command(epilog=examples("harvester rooms discover > rooms.toml"))
@ONE_ACCOUNT
@general_options_without_config
@pass_env
def discover(env: RunEnvironment) -> int:
    """Print the company's meeting rooms as a configuration.

    The admin's delegation must have the scope admin.directory.resource.calendar.readonly.
    """
    with opened(env) as account:
        resources = account.calendars.resources()
    if not resources:
        logger.warning("the company has no rooms among its resources: write rooms.toml by hand")
        return ExitCode.DATAERR
    echo_lines(render.as_toml(resources).rstrip("\n"))
    return ExitCode.OK
