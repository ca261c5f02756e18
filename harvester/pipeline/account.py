"""Opens an account of a vendor: reads its settings, opens its state, and builds the connector. It harvests nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import connectors
from connectors.base import (
    DEFAULT_MAX_BYTES,
    Connector,
    ResponseLimits,
    Settings,
    unset_settings,
    where_to_find,
)
from connectors.errors import ConfigurationError
from harvester.config import Environment
from harvester.logging_setup import ONCE
from harvester.pipeline.connector_context import RunContext, no_lease, no_refused_partitions, no_stored_refs
from harvester.pipeline.quota_pool import QuotaPool, SharedLimiters, quota_pool
from harvester.pipeline.request import VendorOptions
from harvester.pipeline.run_clock import Clock
from harvester.pipeline.stop_signal import StopSignal
from harvester.pipeline.vendor_clock import VendorClock, ask_vendor_time
from harvester.privacy.private_connector import private
from harvester.privacy.run_privacy import Privacy
from harvester.state.layout import account_folder, can_write_account, quota_folder
from harvester.state.quotas_and_tokens import AccountState
from harvester.state.shared.log import DatabaseRecorder
from harvester.state.shared.shared_pool import QUOTAS, SharedPool, SharedState, account_log
from harvester.state.shared.token_sealing import needs_key

if TYPE_CHECKING:
    from harvester.state.journal_reader import JournalReader

logger = logging.getLogger(__name__)

REFRESH_SETTINGS = "_REFRESH_TOKEN"
"""How settings with refresh tokens end. A vendor may replace such a token whenever it is used."""

SETTINGS_HINT = (
    "put the settings as NAME=value lines into a file .env in this folder, or one that --env-file names"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConfig:
    """Which account of which vendor, and where its state is kept."""

    vendor: str
    label: str
    """The account's name in documents and in the state folder."""
    name: str = ""
    """How messages call it: `zoom`, or `zoom/berlin`."""
    values: Mapping[str, str]
    """The vendor's settings by name."""
    options: VendorOptions = field(default_factory=VendorOptions)
    """What every run of this account asks for, whatever the command asks for."""
    raw: bool = False
    state_folder: Path
    clock: Clock
    privacy: Privacy
    max_response_bytes: int = DEFAULT_MAX_BYTES
    """The largest answer of the vendor, after decompression."""
    limiters: SharedLimiters = field(default_factory=SharedLimiters)
    """Those of the command, for all of its accounts."""
    shared: SharedState | None = None
    """The state that other workers share; `None`: that of the folder, which no other machine uses."""

    @property
    def api_url(self) -> str:
        """The base URL of the vendor's API, by which the state of accounts is kept apart."""
        return api_url(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedAccount:
    """An account with the connector that reads it."""

    config: AccountConfig
    connector: Connector
    context: RunContext
    state: AccountState

    @property
    def vendor(self) -> str:
        return self.config.vendor

    @property
    def quota_left(self) -> int | None:
        """How many of today's calls are left; `None` if the vendor has no daily quota."""
        quota = self.connector.daily_quota
        return None if quota is None else quota[1] - self.state.quota_used(quota[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account whose state is open."""

    config: AccountConfig
    settings: Settings
    state: AccountState
    folder: Path
    stop: StopSignal
    calendar: VendorClock
    pool: QuotaPool
    state_folder: Path
    """Where the account's folder and the rejects are."""
    shared: SharedPool | None = None
    """The pool, if its state is shared."""

    def recorder(self, database: str) -> DatabaseRecorder | None:
        """What the database with this name is opened with, if it is shared."""
        return self.shared.recorder(database) if self.shared is not None else None

    def context(
        self, journal: JournalReader | None = None, *, asks_refused_again: bool = False
    ) -> RunContext:
        """`journal`: that of the run, if it has one. `asks_refused_again`: the run asks for every partition that the
        vendor has refused for good, however recently."""
        return RunContext(
            self.calendar,
            self.state,
            self.stop,
            self.config.vendor,
            journal.stored_refs if journal is not None else no_stored_refs,
            no_refused_partitions if journal is None or asks_refused_again else journal.refused_partitions,
            ResponseLimits(max_bytes=self.config.max_response_bytes),
            self.config.privacy.text,
            limiters=self.config.limiters.of(self.pool),
            require_lease=self.shared.require if self.shared is not None else no_lease,
        )

    def connect(
        self, journal: JournalReader | None = None, *, asks_refused_again: bool = False
    ) -> ConnectedAccount:
        """Build the connector, which makes no request yet, and whose answers are treated as the privacy settings say. The
        arguments are those of `context`."""
        context = self.context(journal, asks_refused_again=asks_refused_again)
        connector = private(connectors.load(self.config.vendor)(self.settings, context), self.config.privacy)
        return ConnectedAccount(config=self.config, connector=connector, context=context, state=self.state)

    def ask_vendor_time(self) -> None:
        """Make the vendor's time that of the account, with one request. Raises ConfigurationError if this machine's clock is
        so wrong that the run must not go on."""
        account = self.connect()
        url = getattr(account.connector, "time_url", "")  # a connector of another package may lack it
        if url:
            ask_vendor_time(self.config.vendor, url, self.calendar, account.context, self.stop.wait)


@contextmanager
def open_account(
    config: AccountConfig,
    stop: StopSignal,
    *,
    options: VendorOptions | None = None,
    raw: bool = False,
    rate_share: float = 1.0,
    stops_if_clock_is_wrong: bool = False,
    only_lists: bool = False,
) -> Iterator[Account]:
    """Open the state of an account; its settings may be incomplete. The options are those of `HarvestRequest`.

    `stops_if_clock_is_wrong`: for what writes into an index; others only warn. `only_lists`: nothing is stored, so a state
    folder that cannot be written is enough.
    """
    options = config.options.joined(options or VendorOptions())
    settings = Settings(
        account=config.label,
        values=config.values,
        options=options.switches,
        option_values=options.values,
        rate_share=rate_share,
        raw=raw or config.raw,
    )
    calendar = VendorClock(config.vendor, config.clock, stops=stops_if_clock_is_wrong)
    pool = quota_pool(config.vendor, config.api_url, settings)
    with _opened_pool(config, pool) as shared:
        if shared is not None:
            config = replace(config, privacy=config.privacy.with_others(shared.forgotten))
        state_folder = config.state_folder if shared is None else shared.folder
        folder = account_folder(state_folder, config.vendor, config.label, config.api_url)
        with closing(
            _open_state(config, pool, state_folder, folder, shared, calendar, only_lists=only_lists)
        ) as state:
            yield Account(
                config=config,
                settings=settings,
                state=state,
                folder=folder,
                stop=stop,
                calendar=calendar,
                pool=pool,
                state_folder=state_folder,
                shared=shared,
            )


def _opened_pool(config: AccountConfig, pool: QuotaPool) -> AbstractContextManager[SharedPool | None]:
    """The pool with its lease, if the state is shared. Raises ConfigurationError for a refresh token that could not be."""
    if config.shared is None:
        return nullcontext()
    if not config.shared.has_key and any(
        value for name, value in config.values.items() if name.endswith(REFRESH_SETTINGS)
    ):
        raise needs_key()
    return config.shared.open(vendor=pool.vendor, api_url=pool.api_url, pool=pool.name, account=pool.account)


def _open_state(
    config: AccountConfig,
    pool: QuotaPool,
    state_folder: Path,
    folder: Path,
    shared: SharedPool | None,
    calendar: VendorClock,
    *,
    only_lists: bool,
) -> AccountState:
    quotas = quota_folder(state_folder, pool.vendor, pool.api_url, pool.name) if pool.name else None
    if shared is None:
        is_writable = not only_lists or can_write_account(folder, quotas)
        if not is_writable:
            logger.warning(
                f"the state folder {state_folder} cannot be written: the calls of this command are not counted against the "
                "daily quotas of runs",
                extra=ONCE,
            )
        return AccountState(folder, calendar.now, quotas=quotas, in_memory=not is_writable)
    return AccountState(
        folder,
        calendar.now,
        quotas=quotas,
        recorder=shared.recorder(account_log(config.label)),
        quota_recorder=shared.recorder(QUOTAS) if quotas is not None else None,
    )


def api_url(values: Mapping[str, str]) -> str:
    """The base URL of a vendor's API among its settings; empty if there is none."""
    return next((values[name] for name in values if name.endswith("_API_URL")), "")


def missing_settings(vendor: str, environment: Environment) -> list[str]:
    """The required settings of a vendor that are not set."""
    settings = unset_settings(connectors.load(vendor).settings, environment.is_set)
    return [setting.name for setting in settings]


def is_partly_set(vendor: str, environment: Environment) -> bool:
    """Whether some of the required settings of a vendor are set and others are not: a mistake, and no vendor that is left
    out on purpose."""
    required = [setting for setting in connectors.load(vendor).settings if setting.required]
    missing = unset_settings(tuple(required), environment.is_set)
    return 0 < len(missing) < len(required)


def read_settings(vendor: str, environment: Environment) -> dict[str, str]:
    """The settings of a vendor. Raises ConfigurationError if a required one is not set."""
    if missing := missing_settings(vendor, environment):
        raise ConfigurationError(environment.retired(vendor) or not_set(vendor, missing, environment))
    return environment.of(connectors.load(vendor).settings)


def not_set(vendor: str, missing: Sequence[str], environment: Environment) -> str:
    """What to do about missing settings, in words."""
    settings = connectors.load(vendor).settings
    found = where_to_find([setting for setting in settings if setting.name in missing])
    names = ", ".join(environment.spelled(name) for name in missing)
    is_in_file = any(not text.startswith("--") for text in environment.spelling.values())
    hint = "" if is_in_file else f"; {SETTINGS_HINT}"
    return f"not set: {names}{hint}{found}"
