"""Accounts that read the same data, which would be stored once for each of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence

import connectors
from connectors.base import Settings
from connectors.errors import BrokenPlugin, ConfigurationError
from harvester.cli.configured_accounts import AccountSettings
from harvester.cli.settings_on_demand import SettingsOnDemand
from harvester.pipeline.account import api_url

logger = logging.getLogger(__name__)

REMEDY = "keep one of them"


def readers_of_same_data(accounts: Iterable[AccountSettings]) -> Iterator[Sequence[AccountSettings]]:
    """Groups of accounts of one vendor whose settings name the same data. Each group comes once."""
    readers: dict[tuple[str, str, str], list[AccountSettings]] = {}
    for account in accounts:
        for place in _places(account):
            readers.setdefault(place, []).append(account)
    found = {tuple(each.full_name for each in group): group for group in readers.values() if len(group) > 1}
    yield from found.values()


def warn_of_same_data(accounts: Iterable[AccountSettings]) -> None:
    for group in readers_of_same_data(accounts):
        logger.warning(f"{same_data_message(group)}: {REMEDY}")


def same_data_message(group: Sequence[AccountSettings]) -> str:
    """It names the accounts, and nothing of their settings."""
    *others, last = [account.full_name for account in group]
    return f"{', '.join(others)} and {last} read the same meetings, which are stored once for each of these names"


def _places(account: AccountSettings) -> Iterator[tuple[str, str, str]]:
    """Where the account reads. Nothing if its settings cannot be read: the account then fails by itself."""
    try:
        connector = connectors.load(account.vendor)
        values = SettingsOnDemand(connector.settings, account.environment)
        url = api_url(values)
        settings = Settings(account=account.label, values=values)
        names = connector.read_data(settings) if hasattr(connector, "read_data") else frozenset()
    except (BrokenPlugin, ConfigurationError):
        return
    for name in sorted(names):
        yield account.vendor, url, name
