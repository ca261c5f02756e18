"""What `harvester meetecho rooms` and `harvester meetecho slides` share."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import click

from connectors.meetecho.writing.calls import WriteRequest
from connectors.meetecho.writing.desired_state import to_acronym
from harvester.cli.configured_accounts import one_account
from harvester.cli.from_settings import incomplete_account_config
from harvester.cli.options import Decorator, handle_signals
from harvester.cli.render.echo import echo, echo_lines
from harvester.cli.run_environment import RunEnvironment
from harvester.meetecho_write_account import MeetechoAccount, open_meetecho

FORMAT: Decorator[Any] = click.option(
    "--format",
    "format_",
    type=click.Choice(["ndjson", "csv", "toml"]),
    help="Format of FILE.  [default: by its name; ndjson for standard input]",
)
DRY_RUN: Decorator[Any] = click.option(
    "--dry-run", is_flag=True, help="Print the requests that would be sent, and send none of them."
)


@contextmanager
def opened(env: RunEnvironment) -> Iterator[MeetechoAccount]:
    config = incomplete_account_config(one_account("meetecho", env), env)
    handle_signals(env)
    with open_meetecho(config, env.stop, env.rate_share(None)) as account:
        yield account


def acronyms(groups: Iterable[str]) -> list[str]:
    """Each once, in lower case. Raises click.BadParameter."""
    try:
        return list(dict.fromkeys(to_acronym(group) for group in groups))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def standard_input() -> BinaryIO | None:
    return sys.stdin.buffer if sys.stdin is not None else None


def print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        echo(line)


def print_requests(requests: Iterable[WriteRequest]) -> None:
    for request in requests:
        echo_lines(request.describe())
        echo("")
