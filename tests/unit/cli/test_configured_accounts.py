"""Accounts of the settings file and of the environment: which there are, which a command uses, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harvester.cli import cli
from harvester.cli.configured_accounts import AccountSettings, find_accounts
from harvester.cli.options import GeneralOptions

Write = Callable[[str], None]
ZOOM = {"ZOOM_ACCOUNT_ID": "account", "ZOOM_CLIENT_ID": "client", "ZOOM_CLIENT_SECRET": "s3cret-of-env"}
IDS = 'account_id = "i"\nclient_id = "c"\n'
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARVESTER_STATE_DIR", str(tmp_path / "state"))
    for name in ("ES_HOST", *ZOOM):
        monkeypatch.delenv(name, raising=False)

    def to_file(text: str) -> None:
        path = tmp_path / "harvester.toml"
        path.write_text(text)
        path.chmod(0o600)

    return to_file


def found(**options: Any) -> list[AccountSettings]:
    env = GeneralOptions(**options).open_environment()
    return list(find_accounts(env).configured)


def run(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(cli, words, env=environment, standalone_mode=False)


def test_without_a_file_the_environment_describes_one_account_of_each_vendor(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {**ZOOM, "MEETECHO_GROUPS": "quic", "HARVESTER_ACCOUNT": "berlin"})
    accounts = found()
    assert [(each.vendor, each.label, each.name) for each in accounts] == [
        ("meetecho", "berlin", "meetecho"),
        ("zoom", "berlin", "zoom"),
    ]


def test_a_file_adds_accounts_to_that_of_the_environment(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("[zoom.berlin]\n[webex.lab]\n")
    monkeypatch.setattr("os.environ", ZOOM)
    assert [each.name for each in found()] == ["webex/lab", "zoom/berlin", "zoom/main"]


def test_the_file_decides_about_an_account_that_both_describe(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write('[zoom.main]\naccount_id = "in the file"\n')
    monkeypatch.setattr("os.environ", ZOOM)
    (account,) = found()
    assert account.environment.values == {"ZOOM_ACCOUNT_ID": "in the file"}


def test_settings_that_all_accounts_share_are_weaker_than_the_environment(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write(
        '[elasticsearch]\nhost = "https://file.example.org"\nindex_prefix = "file-"\napi_key = {env = "KEY"}\n'
        '[harvester]\nrate_share = 0.5\ntimezone = "Europe/Berlin"\n'
    )
    (tmp_path / "key").write_text("from-a-file")
    monkeypatch.setattr(
        "os.environ",
        {"ES_HOST": "https://environment.example.org", "ES_API_KEY_FILE": str(tmp_path / "key"), "KEY": "k"},
    )
    (tmp_path / ".env").write_text("HARVESTER_TIMEZONE=UTC\n")
    env = GeneralOptions().open_environment()
    settings = env.environment
    assert settings.get("ES_HOST") == "https://environment.example.org"
    assert settings.get("ES_INDEX_PREFIX") == "file-"
    assert settings.get("ES_API_KEY") == "from-a-file"
    assert (env.rate_share(None), env.zone(None).key) == (0.5, "UTC")


def test_a_secret_of_the_file_is_redacted(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write(f'[zoom.berlin]\n{IDS}client_secret = "a-marked-secret"\napi_url = "{NOWHERE}"\n')
    from harvester.cli.from_settings import account_config

    monkeypatch.setattr("os.environ", {})
    env = GeneralOptions().open_environment()
    (account,) = find_accounts(env).configured
    account_config(account, env)
    assert env.redactor("it is a-marked-secret") == "it is ***"


def test_a_file_of_another_name_is_read_if_it_is_named(write: Write, tmp_path: Path) -> None:
    write("[zoom.berlin]\n")
    other = tmp_path / "other.toml"
    other.write_text("[webex.lab]\n")
    assert [each.name for each in found(config=str(other))] == ["webex/lab"]


def test_a_shared_value_that_is_wrong_is_named_by_its_place(write: Write, tmp_path: Path) -> None:
    path = f"{tmp_path / 'harvester.toml'}".removeprefix(f"{tmp_path}/")
    write(f"[harvester]\nrate_share = 7\n[zoom.a]\n{IDS}client_secret = 'abc'\n")
    ended = run("zoom")
    assert str(ended.exception).startswith(f"{path}: [harvester] rate_share must be a number")
    write(
        f"[elasticsearch]\nhost = 'http://x'\nindex_prefix = 'UPPER'\n[zoom.a]\n{IDS}client_secret = 'abc'\n"
    )
    ended = run("zoom")
    assert str(ended.exception).startswith(f"{path}: [elasticsearch] index_prefix may contain lower-case")


@pytest.mark.parametrize("command", ["zoom", "all", "check", "verify", "status"])
def test_an_account_that_does_not_exist_is_a_usage_error(command: str, write: Write) -> None:
    write(f"[zoom.berlin]\n{IDS}[zoom.paris]\n{IDS}")
    ended = run(command, "--account", "bern")
    assert ended.exception is not None
    assert type(ended.exception).__name__ == "UsageError"
    assert "bern" in str(ended.exception)
    if command != "status":
        assert "zoom/berlin, zoom/paris" in str(ended.exception)


def test_login_needs_to_know_which_account(write: Write) -> None:
    write('[webex.lab]\nclient_id = "c"\n[webex.office]\nclient_id = "c"\n')
    ended = run("login", "webex")
    assert "webex has several accounts: choose one with --account (lab, office)" in str(ended.exception)


def test_a_missing_setting_is_named_by_its_place_and_fails_that_account_only(
    write: Write, tmp_path: Path
) -> None:
    write(
        f'[zoom.a]\n{IDS}\n[meetecho.b]\ngroups = ["quic"]\ndatatracker_url = "{NOWHERE}"\napi_url = "{NOWHERE}"\n'
        '[harvester]\nspeed = 1000\nnow = "2026-11-20T03:00:00Z"\n'
    )
    ended = run("all", "--summary-json", "summary.json", "--destination", "stdout")
    assert "harvester.toml: [zoom.a] client_secret" in ended.stderr
    assert ended.return_value == 78
    assert "meetecho, account b: unreachable (69)" in ended.stderr


def test_variables_that_the_file_refers_to_are_no_unknown_settings(
    write: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(f'[zoom.berlin]\n{IDS}client_secret = {{env = "ZOOM_CLIENT_SECRETS"}}\n')
    (tmp_path / ".env").write_text("ZOOM_CLIENT_SECRETS=x\nZOOM_CLIENT_SECRETT=y\n")
    (tmp_path / ".env").chmod(0o600)
    found()
    assert "there is no setting ZOOM_CLIENT_SECRETT;" in caplog.text
    assert "ZOOM_CLIENT_SECRETS;" not in caplog.text


def test_raw_rows_are_refused_together_with_pseudonyms(write: Write) -> None:
    write(f'[zoom.berlin]\n{IDS}client_secret = "a-secret"\nraw = true\n[harvester]\npii = "drop"\n')
    ended = run("zoom", "--destination", "stdout")
    assert ended.return_value == 78
    assert "harvester.toml: [zoom.berlin] raw stores the vendor's rows" in ended.stderr


@pytest.mark.parametrize(("name", "similar"), [("berln", "berlin"), ("zoom/pari", "zoom/paris")])
def test_a_misspelt_account_is_answered_with_a_similar_one(name: str, similar: str, write: Write) -> None:
    write(f"[zoom.berlin]\n{IDS}[zoom.paris]\n{IDS}")
    ended = run("zoom", "--account", name)
    assert str(ended.exception).endswith(f"there are zoom/berlin, zoom/paris; did you mean {similar}?")
