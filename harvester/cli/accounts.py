"""`harvester accounts`: the accounts that the settings describe, for programs that spread them over processes."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

import connectors
from connectors.base import Setting, Settings
from connectors.errors import ConfigurationError
from connectors.exit_codes import ExitCode
from harvester.cli.configured_accounts import AccountSettings, find_accounts, none_configured
from harvester.cli.options import VENDORS, WholeNumber, examples, general_options, pass_env
from harvester.cli.render.echo import echo_json, echo_lines
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.settings_on_demand import SettingsOnDemand
from harvester.config import Environment
from harvester.pipeline.account import api_url
from harvester.pipeline.quota_pool import QuotaPool, quota_pool
from harvester.pipeline.spread_accounts import split_into_chunks

logger = logging.getLogger(__name__)

MOST_CHUNKS = 100_000


@click.command(
    "accounts",
    epilog=examples("harvester accounts", "harvester accounts --config accounts.toml --chunks 200 --json"),
)
@VENDORS
@click.option(
    "--chunks",
    type=WholeNumber(1, MOST_CHUNKS),
    metavar="N",
    help="Spread the accounts over N chunks, one a line; a line may be empty.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array instead of text.")
@general_options
@pass_env
def list_accounts(env: RunEnvironment, vendors: tuple[str, ...], *, chunks: int | None, as_json: bool) -> int:
    """Print the names of all accounts, as `harvester all --account` takes them.

    With --chunks, prints N lists of names: a process can harvest each. Every account is in one of them, and
    accounts that share a vendor's limits are in the same one. An account that is added or removed moves no other. It
    makes no request, and needs no secret except the credentials of Google accounts, whose project they name.
    """
    found = find_accounts(env)
    for vendor, error in found.broken.items():
        if not vendors or vendor in vendors:
            logger.error(str(error))
    if not found.configured and not found.broken:
        raise none_configured(env)
    accounts = found.selected(env, vendors)
    names = [account.full_name for account in accounts]
    if chunks is None:
        _print(names, names, as_json=as_json)
    else:
        pools = [known_pool(account) for account in accounts]
        lists = split_into_chunks(zip(names, pools, strict=True), chunks)
        _print(lists, [" ".join(each) for each in lists], as_json=as_json)
    broken = [error.exit_code for vendor, error in found.broken.items() if not vendors or vendor in vendors]
    return ExitCode.worst(broken)


def _print(content: Sequence[object], lines: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        echo_json(json.dumps(content))
    elif lines:
        echo_lines("\n".join(lines))


def known_pool(account: AccountSettings) -> QuotaPool:
    """The quota pool of an account. If its settings cannot be read here, it is in a pool of its own, with a warning: its run
    shows whether they can be read there."""
    settings = connectors.load(account.vendor).settings
    values = SettingsOnDemand(settings, account.environment)
    try:
        _require_files(settings, values, account.environment)
        return quota_pool(account.vendor, api_url(values), Settings(account=account.label, values=values))
    except ConfigurationError as error:
        logger.warning(
            f"{account.full_name}: accounts that share its limits may be in other chunks, since its settings cannot be "
            f"read: {error}"
        )
        return QuotaPool(vendor=account.vendor, api_url="", name="", account=account.label)


def _require_files(settings: Sequence[Setting], values: Mapping[str, str], environment: Environment) -> None:
    """Raises ConfigurationError if the file that a setting names cannot be read."""
    for setting in settings:
        path = values.get(setting.name) if setting.path else None
        if path and not path.lstrip().startswith("{") and not _can_read(path):
            raise ConfigurationError(
                f"{environment.spelled(setting.name)}: {path} is not there, or not readable"
            )


def _can_read(path: str) -> bool:
    try:
        return os.access(Path(path).expanduser(), os.R_OK)
    except (RuntimeError, ValueError):  # an unknown home, a path that no system can have
        return False
