"""The account that the commands for Meetecho's rooms and slides open."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.errors import AlreadyRunning, ConfigurationError
from harvester.meetecho_write_account import CREDENTIALS, open_meetecho
from harvester.pipeline.account import AccountConfig
from harvester.pipeline.run_clock import Clock
from harvester.pipeline.stop_signal import StopSignal
from harvester.privacy.settings import to_privacy
from harvester.state.secrets_and_forgotten_people import PrivacyState
from tests.unit.fake_context import NOW


def config(folder: Path, *unset: str) -> AccountConfig:
    return AccountConfig(
        vendor="meetecho",
        label="main",
        values={name: "x" for name in CREDENTIALS if name not in unset},
        state_folder=folder,
        clock=Clock(wall=NOW.timestamp, monotonic=lambda: 0.0),
        privacy=to_privacy({}, PrivacyState(folder)),
    )


@pytest.mark.parametrize("name", CREDENTIALS)
def test_missing_credentials_are_named_first(name: str, tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match=f"not set: {name};"),
        open_meetecho(config(tmp_path, name), StopSignal(), 1.0),
    ):
        pytest.fail("the account was opened")
    assert list(tmp_path.iterdir()) == []


def test_two_commands_never_write_at_once(tmp_path: Path) -> None:
    with (
        open_meetecho(config(tmp_path), StopSignal(), 1.0),
        pytest.raises(AlreadyRunning),
        open_meetecho(config(tmp_path), StopSignal(), 1.0),
    ):
        pytest.fail("both hold the lock")
    with open_meetecho(config(tmp_path), StopSignal(), 1.0) as account:
        assert account.log.newest(10) == []


def test_the_state_folder_of_the_account_is_private(tmp_path: Path) -> None:
    with open_meetecho(config(tmp_path), StopSignal(), 1.0) as account:
        assert account.account.folder.stat().st_mode & 0o777 == 0o700
