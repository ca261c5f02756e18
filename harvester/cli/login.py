"""`harvester login`: a person grants the harvester access to a vendor."""

from __future__ import annotations

import logging
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import click

import connectors
from connectors.base import Token
from connectors.exit_codes import ExitCode
from connectors.oauth import DeviceCode, LoginScope
from harvester.cli.configured_accounts import one_account
from harvester.cli.from_settings import incomplete_account_config
from harvester.cli.options import ONE_ACCOUNT, WholeNumber, apply, examples, general_options, pass_env
from harvester.cli.render.echo import echo
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.shared_state import STATE, StateKind, shared_state
from harvester.formatting import plural
from harvester.oauth_login import run_browser_flow, run_device_flow
from harvester.pipeline.account import Account, open_account
from harvester.pipeline.connector_context import RunContext
from harvester.state.shared.token_sealing import needs_key

logger = logging.getLogger(__name__)

PORT = 8976

TERMINAL_BROWSERS = frozenset({"www-browser", "links", "elinks", "lynx", "w3m"})
"""Browsers that would take over the terminal, and cannot show a vendor's login page."""


@click.command(
    epilog=examples(
        "harvester login webex",
        "harvester login webex --device --scope user",
        "harvester login google-meet --port 9000 --no-browser",
    )
)
@click.argument("vendor", type=click.Choice(sorted(connectors.logins())))
@click.option(
    "--device", is_flag=True, help="Enter a code on another device; for a machine without a browser."
)
@click.option(
    "--scope",
    type=click.Choice(["admin", "user"]),
    default="admin",
    show_default=True,
    help="Ask for access to the whole organisation (admin) or to your own meetings only (user).",
)
@click.option(
    "--port",
    type=WholeNumber(1, 65535),
    metavar="PORT",
    default=PORT,
    show_default=True,
    help="Port of the redirect URI to register: http://127.0.0.1:PORT/callback.",
)
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening it.")
@apply([ONE_ACCOUNT, STATE])
@general_options
@pass_env
def login(
    env: RunEnvironment,
    vendor: str,
    scope: LoginScope,
    device: bool,
    port: int,
    no_browser: bool,
    state: StateKind | None,
) -> int:
    """Log in to a vendor and store the tokens for later runs.

    Opens a browser and waits for the redirect on a temporary port on 127.0.0.1. Press Ctrl-C to cancel.
    """
    with _opened(vendor, env, state) as account:
        context = account.context()
        flow = connectors.load_login(vendor)(account.settings, context, scope=scope)
        if device:
            token = run_device_flow(flow, context, _show_code)
        else:
            token = run_browser_flow(
                flow,
                port=port,
                show=lambda address, redirect: _show_address(address, redirect, open_it=not no_browser),
            )
        flow.save(token)
        logger.info(
            "%s: %s; run `harvester check %s` to see what it can read",
            vendor,
            _stored(token, context),
            vendor,
        )
    return ExitCode.OK


@contextmanager
def _opened(vendor: str, env: RunEnvironment, state: StateKind | None) -> Iterator[Account]:
    with shared_state(env, state):
        config = incomplete_account_config(one_account(vendor, env), env)
        if config.shared is not None and not config.shared.has_key:
            raise needs_key()  # before a person logs in for nothing
        with open_account(config, env.stop, rate_share=env.rate_share(None)) as account:
            yield account


def _show_address(address: str, redirect_uri: str, *, open_it: bool) -> None:
    # Printed even with --quiet: a login is not possible without it.
    if open_it and _open_browser(address):
        how = "Opening this address in your browser; if it does not open, open it yourself on this machine:"
    else:
        how = "Open this address in a browser on this machine:"
    for line in (how, "", f"    {address}", ""):
        echo(line, err=True)
    echo(f"Waiting for the redirect to {redirect_uri}; press Ctrl-C to cancel.", err=True)


def _open_browser(address: str) -> bool:
    """Whether there is a browser to open. It runs in a thread: some browsers return only when they are closed."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    if getattr(browser, "name", "") in TERMINAL_BROWSERS:
        return False
    Thread(target=browser.open, args=(address,), name="browser", daemon=True).start()
    return True


def _show_code(code: DeviceCode) -> None:
    echo(f"On any device, open {code.verification_uri} and enter {code.user_code}", err=True)
    if code.verification_uri_complete:
        echo(f"or open {code.verification_uri_complete}", err=True)
    echo(f"The code is valid for {code.expires_in / 60:.0f} minutes; press Ctrl-C to cancel.", err=True)


def _stored(token: Token, context: RunContext) -> str:
    until = token.refresh_expires_at if token.refresh else token.expires_at
    if until is None:
        return "logged in; the login is stored in the state folder"
    days = (until - context.now()).days
    return f"logged in; the login is stored in the state folder and valid until {until:%Y-%m-%d} ({plural(days, 'day')})"
