"""Open what the commands that write to Meetecho need: the account, the log of writes, the clients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from connectors.base import Setting, setting_or_default
from connectors.errors import ConfigurationError
from connectors.meetecho import Meetecho
from connectors.meetecho.datatracker_http_client import DatatrackerClient
from connectors.meetecho.endpoints import VENDOR
from connectors.meetecho.writing.calls import WriteClient
from connectors.meetecho.writing.slide_source import SlideSource
from harvester.pipeline.account import Account, AccountConfig, open_account
from harvester.pipeline.connector_context import RunContext
from harvester.pipeline.stop_signal import StopSignal
from harvester.state.layout import make_private, writes_lock_file
from harvester.state.locks import run_lock
from harvester.state.write_log import WriteLog

CREDENTIALS = ("MEETECHO_CLIENT_ID", "MEETECHO_CLIENT_SECRET")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetechoAccount:
    """Meetecho's account, opened for writing."""

    account: Account
    context: RunContext
    log: WriteLog

    def client(self, groups: Sequence[str]) -> WriteClient:
        """Requests the tokens of all groups in one call."""
        return WriteClient(self.account.settings, self._url("MEETECHO_API_URL"), self.context, groups)

    @property
    def source(self) -> SlideSource:
        client = DatatrackerClient(
            self._url("DATATRACKER_URL"), self.context, self.account.settings.rate_share
        )
        return SlideSource(client)

    def _url(self, name: str) -> str:
        declared: tuple[Setting, ...] = Meetecho.settings
        return setting_or_default(name, declared, self.account.settings)


@contextmanager
def open_meetecho(config: AccountConfig, stop: StopSignal, rate_share: float) -> Iterator[MeetechoAccount]:
    """The account, with the lock that keeps two writing commands apart.

    Raises ConfigurationError if the credentials are not set, AlreadyRunning if another command is writing.
    """
    unset = [name for name in CREDENTIALS if not config.values.get(name)]
    if unset:
        raise ConfigurationError(
            f"{VENDOR}: not set: {', '.join(unset)}; Meetecho gives them to those who create rooms"
        )
    with open_account(config, stop, rate_share=rate_share) as account:
        make_private(account.folder)
        with run_lock(writes_lock_file(account.folder)):
            log = WriteLog(account.folder, config.clock.now)
            try:
                yield MeetechoAccount(account=account, context=account.context(), log=log)
            finally:
                log.close()
