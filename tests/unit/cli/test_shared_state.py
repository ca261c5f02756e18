from __future__ import annotations

import time
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError
from harvester.cli.from_settings import _privacy_of_lines
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.shared_state import seconds_since_boot, shared_state
from harvester.config import Environment
from harvester.pipeline.run_clock import Clock
from harvester.privacy.forgotten_people import Identifier, forget_identifiers
from harvester.privacy.settings import SALT
from harvester.state.secrets_and_forgotten_people import PrivacyState
from tests.invented_meetings import HARVESTED
from tests.unit.cli.shared_machine import keep_shared_state_in_memory
from tests.unit.state.shared.machine import KEY
from tests.unit.state.shared.memory_store import Documents


def environment(folder: Path, **settings: str) -> RunEnvironment:
    values = {"HARVESTER_STATE_DIR": str(folder), **settings}
    return RunEnvironment(
        environment=Environment(values=values), machine=Clock(wall=time.time, monotonic=time.monotonic)
    )


@pytest.mark.parametrize("settings", [{}, {"HARVESTER_STATE": "dir"}])
def test_by_default_the_state_is_in_its_folder_only(tmp_path: Path, settings: dict[str, str]) -> None:
    env = environment(tmp_path, **settings)
    with shared_state(env, None):
        assert env.shared is None


def test_the_option_decides_before_the_setting(tmp_path: Path) -> None:
    env = environment(tmp_path, HARVESTER_STATE="index")
    with shared_state(env, "dir"):
        assert env.shared is None


@pytest.mark.parametrize("kind", ["index", None])
def test_state_in_the_index_needs_an_index(tmp_path: Path, kind: str | None) -> None:
    env = environment(tmp_path, HARVESTER_STATE="index")
    with pytest.raises(ConfigurationError, match="ES_HOST"), shared_state(env, "index" if kind else None):
        pass


def test_another_kind_of_state_is_an_error_of_the_settings(tmp_path: Path) -> None:
    env = environment(tmp_path, HARVESTER_STATE="cloud")
    with pytest.raises(ConfigurationError, match="HARVESTER_STATE"), shared_state(env, None):
        pass


def test_a_key_that_is_none_is_refused_before_any_request(tmp_path: Path) -> None:
    env = environment(tmp_path, ES_HOST="http://127.0.0.1:9", HARVESTER_STATE_KEY="short")
    with pytest.raises(ConfigurationError, match="Fernet"), shared_state(env, "index"):
        pass


def test_ids_that_are_sealed_for_the_state_need_a_key_that_all_workers_have(tmp_path: Path) -> None:
    env = environment(tmp_path, ES_HOST="http://127.0.0.1:9", HARVESTER_PII="drop")
    with pytest.raises(ConfigurationError, match="HARVESTER_PII_KEY"), shared_state(env, "index"):
        pass


def test_the_clock_of_leases_goes_on() -> None:
    first = seconds_since_boot()
    assert seconds_since_boot() >= first


def remember(folder: Path, address: str) -> None:
    state = PrivacyState(folder)
    person = [Identifier(kind="email", text=address)]
    state.remember(forget_identifiers(state.secret(SALT), person, "remove"), HARVESTED)


def test_whom_a_machine_had_forgotten_before_it_shared_its_state_is_left_out_on_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = Documents()
    keep_shared_state_in_memory(monkeypatch, documents)
    remember(tmp_path / "one", "ada@example.org")
    settings = {"ES_HOST": "http://127.0.0.1:9", "HARVESTER_STATE_KEY": KEY}
    session = {"kind": "session", "email": "ada@example.org"}
    for _ in range(2):
        with shared_state(environment(tmp_path / "one", **settings), "index"):
            pass
    assert len([name for name in documents.stored if name.startswith("forgotten-")]) == 1
    other = environment(tmp_path / "other", **settings)
    assert _privacy_of_lines(other).document(session) == session
    with shared_state(other, "index"):
        assert _privacy_of_lines(other).document(session) is None


def test_without_a_key_a_warning_says_that_forgotten_people_are_not_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    documents = Documents()
    keep_shared_state_in_memory(monkeypatch, documents)
    with shared_state(environment(tmp_path, ES_HOST="http://127.0.0.1:9"), "index"):
        pass
    assert caplog.text == ""
    remember(tmp_path, "ada@example.org")
    with shared_state(environment(tmp_path, ES_HOST="http://127.0.0.1:9"), "index"):
        pass
    assert "not left out on other machines: set HARVESTER_STATE_KEY" in caplog.text
    assert not any(name.startswith("forgotten-") for name in documents.stored)
