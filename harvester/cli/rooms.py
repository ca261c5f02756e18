"""`harvester rooms`: whether meeting rooms are busy or free."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from connectors.errors import HarvestError
from connectors.exit_codes import ExitCode
from harvester.background_task import background_task
from harvester.cli import SuggestingGroup
from harvester.cli.from_settings import account_config
from harvester.cli.options import (
    AS_JSON,
    Decorator,
    WholeNumber,
    examples,
    general_options,
    handle_signals,
    pass_env,
    stdout_bytes,
)
from harvester.cli.render import rooms as render
from harvester.cli.render.echo import echo, echo_lines
from harvester.cli.run_environment import RunEnvironment
from harvester.rooms.account import RoomsAccount, open_rooms_account
from harvester.rooms.rooms_file import Room, RoomsFile, read_rooms_file
from harvester.rooms.status_json import Titles, to_json
from harvester.rooms.watcher import Watcher
from harvester.sinks.base import PipeClosed
from harvester.sinks.ndjson import LineWriter

logger = logging.getLogger(__name__)

MAX_MINUTES = 7 * 24 * 60


class Instant(click.ParamType[datetime]):
    """An instant with an offset, such as `2026-11-30T10:00+01:00` or `2026-11-30T09:00Z`."""

    name = "instant"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(str(value))
        except ValueError:
            instant = None
        if instant is None or instant.tzinfo is None:
            raise click.BadParameter(
                "write an instant with its offset, like 2026-11-30T10:00+01:00", ctx, param
            )
        return instant.astimezone(UTC)


class Duration(click.ParamType[timedelta]):
    """`30m`, `2h`, `1h30m`."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        parts = re.fullmatch(r"(?:(\d{1,3})h)?(?:(\d{1,5})m)?", str(value))
        minutes = int(parts[1] or 0) * 60 + int(parts[2] or 0) if parts else 0
        if not 0 < minutes <= MAX_MINUTES:
            raise click.BadParameter("write a duration like 30m, 2h or 1h30m, at most 168h", ctx, param)
        return timedelta(minutes=minutes)


CONFIG: Decorator[Any] = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    default=Path("rooms.toml"),
    help="The rooms: TOML with a table [rooms], or a config.json of arduino-iotcloud-gcal-sync.  [default: rooms.toml]",
)
TITLES: Decorator[Any] = click.option(
    "--titles",
    type=click.Choice(["show", "hide"]),
    help="Show or hide titles and organizers; those of private events are always hidden.  [default: as in FILE, or show]",
)
AT: Decorator[Any] = click.option(
    "--at",
    type=Instant(),
    metavar="INSTANT",
    help="At this instant, such as 2026-11-30T10:00+01:00.  [default: now]",
)


@click.group(
    cls=SuggestingGroup,
    epilog=examples(
        "harvester rooms discover > rooms.toml",
        "harvester rooms status",
        "harvester rooms find --for 30m --seats 6",
    ),
)
def rooms() -> None:
    """Show whether meeting rooms are busy or free, from their Google calendars.

    The settings are those of `harvester google-meet`: a service account acts for GOOGLE_ADMIN, who must be able to see the
    calendars.
    """


@rooms.command(
    epilog=examples("harvester rooms status", "harvester rooms status Blue --json | jq '.[0].busy'")
)
@click.argument("names", metavar="[ROOM]...", nargs=-1)
@AT
@CONFIG
@TITLES
@AS_JSON
@general_options
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
    file = _named(_read_file(env, config, titles), names)
    with _opened(env) as account:
        found = list(account.read_all(file, about=at))
    readings = [reading for _, reading, _ in found]
    if as_json:
        echo(render.as_json(readings))
    else:
        for line in render.status_table(readings):
            echo(line)
    return _report_errors((room.name, error) for room, _, error in found)


@rooms.command(
    epilog=examples(
        "harvester rooms find --for 30m --seats 6", "harvester rooms find --at 2026-11-30T14:00+01:00"
    )
)
@AT
@click.option(
    "--for",
    "duration",
    type=Duration(),
    metavar="DURATION",
    default=timedelta(minutes=30),
    help="Free for at least so long.  [default: 30m]",
)
@click.option("--seats", type=WholeNumber(1, 10_000), metavar="N", help="With at least so many seats.")
@CONFIG
@AS_JSON
@general_options
@pass_env
def find(
    env: RunEnvironment,
    at: datetime | None,
    duration: timedelta,
    seats: int | None,
    config: Path,
    as_json: bool,
) -> int:
    """List the rooms that are free, the smallest first.

    A room without a known number of seats is left out if --seats is given. Exit code 65 if no room is free, 75 if some
    could not be read.
    """
    file = _read_file(env, config, "hide")
    with _opened(env) as account:
        moment = at or account.context.now()
        found = list(account.read_all(file, about=moment))
    fitting = [
        (room, reading)
        for room, reading, _ in found
        if reading.status.busy is False
        and (reading.status.free_until is None or reading.status.free_until >= moment + duration)
        and (seats is None or (room.capacity is not None and room.capacity >= seats))
    ]
    fitting.sort(key=lambda pair: (pair[0].capacity or 0, pair[0].name))
    if as_json:
        echo(render.free_json(fitting))
    else:
        for line in render.free_table(fitting):
            echo(line)
    code = _report_errors((room.name, error) for room, _, error in found)
    return ExitCode.worst([code, ExitCode.OK if fitting else ExitCode.DATAERR])


@rooms.command(
    epilog=examples("harvester rooms watch > changes.ndjson", "harvester rooms watch | jq -r .text")
)
@CONFIG
@TITLES
@general_options
@pass_env
def watch(env: RunEnvironment, config: Path, titles: Titles | None) -> int:
    """Watch all rooms, and print a JSON line whenever the state of one changes, until it is stopped.

    Each calendar is read once a minute. The first lines are the present states. If FILE has a table [rooms.arduino], the
    Things of the rooms' names are kept in step.
    """
    file = _read_file(env, config, titles)
    with _opened(env) as account:
        watcher = Watcher([account.copy(room) for room in file.rooms], account.context, titles=file.titles)
        lines = LineWriter(stdout_bytes())
        watcher.add_listener(lambda reading: lines.write(to_json(reading)))
        try:
            with _updating_things(env, account, file, watcher):
                watcher.run(env.stop.check)
        except PipeClosed:
            return ExitCode.OK


@contextmanager
def _updating_things(
    env: RunEnvironment, account: RoomsAccount, file: RoomsFile, watcher: Watcher
) -> Iterator[None]:
    """Keep the Things of the file's Arduino account, if it has one, in step with the watcher."""
    if file.arduino is None:
        yield
        return
    from harvester.rooms.arduino_client import ArduinoClient
    from harvester.rooms.arduino_things import ThingUpdater

    client = ArduinoClient(file.arduino, env.own["ARDUINO_API_URL"], account.context)
    updater = ThingUpdater(client, account.context.elapsed, speed=account.context.speed)
    watcher.add_listener(updater.show)
    with background_task(updater.run, env.stop, name="arduino"):
        yield


@rooms.command(epilog=examples("harvester rooms discover > rooms.toml"))
@general_options
@pass_env
def discover(env: RunEnvironment) -> int:
    """Print the company's meeting rooms as a configuration.

    The admin's delegation must have the scope admin.directory.resource.calendar.readonly.
    """
    with _opened(env) as account:
        resources = account.calendars.resources()
    if not resources:
        logger.warning("the company has no rooms among its resources: write rooms.toml by hand")
        return ExitCode.DATAERR
    echo_lines(render.as_toml(resources).rstrip("\n"))
    return ExitCode.OK


def _read_file(env: RunEnvironment, path: Path, titles: Titles | None) -> RoomsFile:
    file = read_rooms_file(path, env.environment)
    for secret in file.secrets:
        env.redactor.add(secret)
    return replace(file, titles=titles) if titles is not None else file


def _named(file: RoomsFile, names: Sequence[str]) -> RoomsFile:
    """The file with these rooms only."""
    if not names:
        return file
    by_name: dict[str, Room] = {room.name.casefold(): room for room in file.rooms}
    for name in names:
        if name.casefold() not in by_name:
            raise click.UsageError(
                f"there is no room {name!r}; there are {', '.join(room.name for room in file.rooms)}"
            )
    return replace(file, rooms=tuple(by_name[name.casefold()] for name in dict.fromkeys(names)))


@contextmanager
def _opened(env: RunEnvironment) -> Iterator[RoomsAccount]:
    handle_signals(env)
    with open_rooms_account(
        account_config("google-meet", env),
        env.stop,
        rate_share=env.rate_share(None),
        default_zone=env.zone(None),
    ) as account:
        yield account


def _report_errors(found: Any) -> int:
    """Log each room's error; 75 if there is one, the error's own code if all of them have the same."""
    errors: list[HarvestError] = []
    count = 0
    for name, error in found:
        count += 1
        if error is not None:
            errors.append(error)
            logger.error("rooms: %s cannot be read: %s", name, error)
    codes = {error.exit_code for error in errors}
    if errors and len(errors) == count and len(codes) == 1:
        return codes.pop()
    return ExitCode.TEMPFAIL if errors else ExitCode.OK
