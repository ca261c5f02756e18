"""What the commands of `harvester rooms` share."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from connectors.errors import HarvestError
from connectors.exit_codes import ExitCode
from harvester.cli.configured_accounts import one_account
from harvester.cli.from_settings import account_config
from harvester.cli.options import PATH, Decorator, handle_signals
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.time_types import Instant
from harvester.rooms.open_calendars import RoomsAccount, open_rooms_account
from harvester.rooms.rooms_file import Room, RoomsFile, read_rooms_file, with_client
from harvester.rooms.status_json import Titles

logger = logging.getLogger(__name__)

DEFAULT_FILE = Path("rooms.toml")


CONFIG: Decorator[Any] = click.option(
    "--config",
    type=PATH,
    metavar="FILE",
    default=DEFAULT_FILE,
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


def read_file(env: RunEnvironment, path: Path, titles: Titles | None) -> RoomsFile:
    """The rooms. `titles`: overrides the file; if personal data is hashed or dropped, titles are hidden."""
    file = with_client(
        read_rooms_file(path, env.environment),
        env.own.get("ROOMS_CLIENT_ID"),
        env.own.get("ROOMS_CLIENT_SECRET"),
    )
    for secret in file.secrets:
        env.redactor.add(secret)
    if not env.treatment.keeps_all:
        return replace(file, titles="hide")
    return replace(file, titles=titles) if titles is not None else file


def named(file: RoomsFile, names: Sequence[str]) -> RoomsFile:
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
def opened(env: RunEnvironment, *, booking: bool = False) -> Iterator[RoomsAccount]:
    handle_signals(env)
    with open_rooms_account(
        account_config(one_account("google-meet", env), env),
        env.stop,
        rate_share=env.rate_share(None),
        default_zone=env.zone(None),
        booking=booking,
    ) as account:
        yield account


def report_errors(found: Iterable[tuple[str, HarvestError | None]]) -> int:
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
