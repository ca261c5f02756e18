"""The accounts that the settings describe: those of the settings file, and for each vendor that of the environment."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from difflib import get_close_matches

import click

import connectors
from connectors.errors import BrokenPlugin, ConfigurationError, HarvestError
from harvester.accounts_file import FileAccount
from harvester.cli.run_environment import RunEnvironment
from harvester.config import OWN, RETIRED, Environment
from harvester.env_file_warnings import setting_names, unknown_settings
from harvester.logging_setup import ONCE, messages_of
from harvester.pipeline.account import SETTINGS_HINT, is_partly_set, missing_settings, not_set
from harvester.pipeline.request import VendorOptions

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """One account, and where its settings are. They are checked when the account is opened."""

    vendor: str
    label: str
    name: str
    """How messages call it: by its vendor, or as `zoom/berlin` if it is in the settings file or has siblings."""
    environment: Environment
    options: VendorOptions = field(default_factory=VendorOptions)
    """What every run of this account asks for."""
    raw: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.vendor}/{self.label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """All accounts, and the vendors without one."""

    configured: Sequence[AccountSettings]
    missing: Mapping[str, Sequence[str]]
    """For a vendor without an account: the settings that are not set."""
    broken: Mapping[str, HarvestError]
    """Vendors that cannot be used, and why: some of their required settings are missing, or their package is broken."""

    def selected(self, env: RunEnvironment, vendors: Sequence[str] = ()) -> Sequence[AccountSettings]:
        """Those of these vendors that --account names. Raises UsageError if there is none of a given name."""
        return select([each for each in self.configured if not vendors or each.vendor in vendors], env)


def require_known(vendors: Iterable[str]) -> None:
    """Raises UsageError if there is no connector of this name."""
    known = sorted(connectors.table())
    for name in vendors:
        if name not in known:
            raise click.UsageError(f"{name} is not one of {', '.join(known)}{_suggestion(name, known)}")


def _suggestion(name: str, names: Iterable[str]) -> str:
    similar = get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f"; did you mean {similar[0]}?" if similar else ""


def messages_about(account: AccountSettings) -> AbstractContextManager[None]:
    """Every message of the block names the account, unless its vendor has no other one."""
    return messages_of(account.name if "/" in account.name else "")


def find_accounts(env: RunEnvironment) -> Accounts:
    """The accounts of all vendors, by vendor, in the order of the file; that of the environment comes last."""
    configured: list[AccountSettings] = []
    missing: dict[str, Sequence[str]] = {}
    broken: dict[str, HarvestError] = {}
    for vendor in sorted(connectors.table()):
        try:
            unset = missing_settings(vendor, env.environment)
        except BrokenPlugin as error:
            broken[vendor] = error
            continue
        found = list(_accounts(vendor, env, is_in_environment=not unset))
        configured += found
        if not found and is_partly_set(vendor, env.environment):
            broken[vendor] = ConfigurationError(f"{vendor}: {not_set(vendor, unset, env.environment)}")
        elif not found:
            missing[vendor] = unset
    known = [name for name in connectors.table() if not isinstance(broken.get(name), BrokenPlugin)]
    warn_of_unknown_settings(env, known)
    return Accounts(configured=configured, missing=missing, broken=broken)


def accounts_of(vendor: str, env: RunEnvironment) -> Sequence[AccountSettings]:
    """The accounts of one vendor that --account selects. If there is none at all, that of the environment, which lacks
    settings."""
    in_environment = not missing_settings(vendor, env.environment)
    return select(
        list(_accounts(vendor, env, is_in_environment=in_environment)) or [_of_environment(vendor, env)], env
    )


def one_account(vendor: str, env: RunEnvironment) -> AccountSettings:
    """The account that a command works with that takes one. Raises UsageError if several could be meant."""
    accounts = accounts_of(vendor, env)
    if len(accounts) > 1:
        names = ", ".join(each.label for each in accounts)
        raise click.UsageError(f"{vendor} has several accounts: choose one with --account ({names})")
    return accounts[0]


def select(accounts: Sequence[AccountSettings], env: RunEnvironment) -> Sequence[AccountSettings]:
    """The accounts that --account names; all if it is not given."""
    for name in env.only_accounts:
        if not any(name in {each.label, each.full_name} for each in accounts):
            known = f"; there are {', '.join(each.full_name for each in accounts)}" if accounts else ""
            names = [each for account in accounts for each in (account.label, account.full_name)]
            raise click.UsageError(f"there is no account {name}{known}{_suggestion(name, names)}")
    return [
        each
        for each in accounts
        if not env.only_accounts or each.label in env.only_accounts or each.full_name in env.only_accounts
    ]


def warn_of_unknown_settings(env: RunEnvironment, vendors: Sequence[str]) -> None:
    """Warn of names in .env that look like settings of these vendors or of the harvester, and are none, or no longer."""
    if env.env_file is None:
        return
    for name in setting_names(env.env_file):
        if name in RETIRED and name.partition("_")[0].lower() in vendors:
            text = (
                f"{env.env_file}: {name} no longer works: {RETIRED[name]}; docs/zoom.md has what replaces it"
            )
            logger.warning(text, extra=ONCE)
    known = [setting.name for setting in OWN] + _setting_names(vendors)
    in_accounts_file = env.accounts_file.variables if env.accounts_file is not None else frozenset()
    accepted = [*RETIRED, *in_accounts_file, *(f"{name}_FILE" for name in in_accounts_file)]
    if not any(unknown_settings(env.env_file, known, accepted=accepted)):
        return
    # Only now, since it imports them: settings of other vendors may resemble those of these.
    others = _setting_names([name for name in connectors.table() if name not in vendors])
    accepted += [*others, *(f"{name}_FILE" for name in others)]
    for message in unknown_settings(env.env_file, known, accepted=accepted):
        logger.warning(message, extra=ONCE)


def _setting_names(vendors: Iterable[str]) -> list[str]:
    """Those of vendors of other packages that cannot be used are left out."""
    names: list[str] = []
    for vendor in vendors:
        with suppress(BrokenPlugin):
            names += [setting.name for setting in connectors.load(vendor).settings]
    return names


def none_configured(env: RunEnvironment) -> ConfigurationError:
    hint = env.environment.retired() or f"{SETTINGS_HINT}; see example.env for what to set"
    return ConfigurationError(
        f"no vendor is configured: {hint} (settings are read from {env.settings_source})"
    )


def _accounts(vendor: str, env: RunEnvironment, *, is_in_environment: bool) -> Iterator[AccountSettings]:
    file = env.accounts_file
    in_file = [each for each in file.accounts if each.vendor == vendor] if file is not None else []
    yield from (_of_file(each, env) for each in in_file)
    if is_in_environment and not _has(in_file, env):
        yield _of_environment(vendor, env, has_siblings=bool(in_file))


def _has(accounts: Iterable[FileAccount], env: RunEnvironment) -> bool:
    """Whether the account of the environment is in the file, too: then the file decides."""
    labels = {each.label for each in accounts}
    return bool(labels) and env.label in labels


def _of_environment(vendor: str, env: RunEnvironment, *, has_siblings: bool = False) -> AccountSettings:
    name = f"{vendor}/{env.label}" if has_siblings else vendor
    return AccountSettings(vendor=vendor, label=env.label, name=name, environment=env.environment)


def _of_file(account: FileAccount, env: RunEnvironment) -> AccountSettings:
    table = account.settings
    environment = Environment(
        values=table.values,
        references=table.references,
        variables=env.environment,
        spelling=table.spelling,
    )
    return AccountSettings(
        vendor=account.vendor,
        label=account.label,
        name=f"{account.vendor}/{account.label}",
        environment=environment,
        options=account.options,
        raw=account.raw,
    )
