"""Opening an account: missing settings, and its state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError
from harvester.config import Environment
from harvester.pipeline.account import AccountConfig, missing_settings, open_account, read_settings
from harvester.pipeline.run_clock import Clock
from harvester.pipeline.stop_signal import StopSignal
from harvester.privacy.forgotten_people import ForgottenList, Identifier, forget_identifiers
from harvester.privacy.settings import to_privacy
from harvester.state.secrets_and_forgotten_people import PrivacyState
from tests.unit.fake_context import NOW
from tests.unit.state.shared.machine import Machine
from tests.unit.state.shared.memory_store import Documents

SETTINGS = {"ZOOM_ACCOUNT_ID": "x", "ZOOM_CLIENT_ID": "x", "ZOOM_CLIENT_SECRET": "x"}


def config(folder: Path, url: str = "https://zoom.example.org/v2", label: str = "main") -> AccountConfig:
    return AccountConfig(
        vendor="zoom",
        label=label,
        values={**SETTINGS, "ZOOM_OAUTH_URL": "https://zoom.example.org/oauth", "ZOOM_API_URL": url},
        state_folder=folder,
        clock=Clock(wall=NOW.timestamp, monotonic=lambda: 0.0),
        privacy=to_privacy({}, PrivacyState(folder)),
    )


def test_settings_that_are_not_set_are_named_with_where_to_find_them() -> None:
    environment = Environment(values={"ZOOM_CLIENT_ID": "x"})
    assert missing_settings("zoom", environment) == ["ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_SECRET"]
    with pytest.raises(
        ConfigurationError, match=r"not set: ZOOM_ACCOUNT_ID, ZOOM_CLIENT_SECRET; .*to be found"
    ):
        read_settings("zoom", environment)


def test_an_option_that_gives_a_setting_takes_nothing_from_the_message() -> None:
    environment = Environment(values={}).override("ES_HOST", "http://127.0.0.1:9", "--es-host")
    with pytest.raises(ConfigurationError, match="put the settings as NAME=value lines into a file .env"):
        read_settings("zoom", environment)


def test_settings_that_are_set_are_read_with_their_defaults() -> None:
    values = read_settings("zoom", Environment(values=SETTINGS))
    assert values.items() >= SETTINGS.items()
    assert values["ZOOM_API_URL"] == "https://api.zoom.us/v2"


def test_the_state_is_kept_apart_by_label_and_url(tmp_path: Path) -> None:
    folders = set()
    for url, label in (
        ("https://a.example.org", "main"),
        ("https://b.example.org", "main"),
        ("https://a.example.org", "x"),
    ):
        with open_account(config(tmp_path, url, label), StopSignal()) as account:
            folders.add(account.folder)
    assert len(folders) == 3


def test_the_used_part_of_a_daily_quota_is_kept_for_the_next_run(tmp_path: Path) -> None:
    with open_account(config(tmp_path), StopSignal()) as account:
        connected = account.connect()
        assert connected.connector.daily_quota is not None
        name, limit = connected.connector.daily_quota
        connected.context.consume_quota(name, 7, limit=limit)
    with open_account(config(tmp_path), StopSignal()) as again:
        assert again.connect().quota_left == limit - 7


def test_whom_another_machine_has_forgotten_is_left_out(tmp_path: Path) -> None:
    documents = Documents()
    forgotten = forget_identifiers(b"salt", [Identifier(kind="email", text="ada@example.org")], "remove")
    Machine(documents, tmp_path / "one").shared.forgotten.add(ForgottenList(salt=b"salt", entries=forgotten))
    shared = replace(config(tmp_path), shared=Machine(documents, tmp_path / "other").shared)
    document = {"kind": "session", "email": "Ada@example.org"}
    assert shared.privacy.document(document) is document
    with open_account(shared, StopSignal()) as account:
        assert account.config.privacy.document(document) is None
        assert account.connect().config.privacy.document(document) is None
