"""`harvester login`: a person allows the harvester to read at a vendor."""

from __future__ import annotations

import logging
import signal
import webbrowser
from threading import Thread
from types import FrameType
from typing import Any

import click

import connectors
from connectors.base import Token
from connectors.errors import Interrupted
from connectors.oauth import DeviceCode, LoginScope
from harvester.cli.environment import RunEnvironment, common_options
from harvester.oauth_login import in_browser, on_device
from harvester.pipeline.account import Account, opened
from harvester.pipeline.request import HarvestRequest

logger = logging.getLogger(__name__)

PORT = 8976

IN_THE_TERMINAL = frozenset({"www-browser", "links", "elinks", "lynx", "w3m"})
"""Browsers that would take the terminal over, and show no vendor's login page."""


@click.command()
@click.argument("vendor", type=click.Choice(sorted(connectors.logins())))
@click.option("--device", is_flag=True, help="For a machine without a browser: type a code on another one.")
@click.option(
    "--scope",
    "reach",
    type=click.Choice(["admin", "user"]),
    default="admin",
    show_default=True,
    help="admin: the whole organisation; user: the meetings of whoever logs in.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=PORT,
    show_default=True,
    help="The redirect URI to register is http://127.0.0.1:PORT/callback.",
)
@click.option("--no-browser", is_flag=True, help="Only say which address to open.")
@common_options
def login(vendor: str, env_file: str | None, quiet: bool, reach: LoginScope, **how: Any) -> None:
    """Log in to a vendor, and keep what it gives for the runs to come.

    The browser of this machine opens; what the vendor answers comes back to a port of 127.0.0.1 that is open no longer
    than that takes. Ctrl-C ends it.
    """
    _leave_at_once()
    env = RunEnvironment.find(env_file, quiet=quiet)
    with opened(vendor, env, HarvestRequest()) as account:
        way = connectors.load_login(vendor)(account.settings, account.context, scope=reach)
        if how["device"]:
            token = on_device(way, account.context, _show_code)
        else:
            token = in_browser(
                way,
                port=how["port"],
                show=lambda address, redirect: _show_address(
                    address, redirect, open_it=not how["no_browser"]
                ),
            )
        way.save(token)
        logger.info(f"{vendor}: {_kept(token, account)}; harvester check {vendor} tells what it may read")


def _show_address(address: str, redirect_uri: str, *, open_it: bool) -> None:
    # Said with -q as well: without it nobody can log in.
    opened = open_it and _opened(address)
    where = (
        "Your browser opens this address; if it does not, open it there" if opened else "Open this address"
    )
    click.echo(f"{where}, on this machine:\n\n    {address}\n", err=True)
    click.echo(f"Waiting for the answer at {redirect_uri}; Ctrl-C ends it.", err=True)


def _opened(address: str) -> bool:
    """Whether there is a browser to open. It may take its time: some return only when they are closed."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    if getattr(browser, "name", "") in IN_THE_TERMINAL:
        return False
    Thread(target=browser.open, args=(address,), name="browser", daemon=True).start()
    return True


def _show_code(code: DeviceCode) -> None:
    click.echo(f"On any device, open {code.verification_uri} and enter {code.user_code}", err=True)
    if code.verification_uri_complete:
        click.echo(f"or open {code.verification_uri_complete}", err=True)
    click.echo(f"The code is good for {code.expires_in / 60:.0f} minutes; Ctrl-C ends it.", err=True)


def _kept(token: Token, account: Account) -> str:
    until = token.refresh_expires_at if token.refresh else token.expires_at
    days = (
        ""
        if until is None
        else f" until {until:%Y-%m-%d}, {(until - account.context.now()).days} days from now"
    )
    return f"logged in; the login is kept in the state folder and good{days or ' for later runs'}"


def _leave_at_once() -> None:
    """Nothing here is worth finishing: Ctrl-C and SIGTERM end even the wait for an answer."""

    def hear(number: int, _frame: FrameType | None) -> None:
        raise Interrupted(exit_code=128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, hear)
