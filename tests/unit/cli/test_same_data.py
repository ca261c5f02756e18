"""Accounts that read the same meetings are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harvester.cli import cli
from harvester.cli.configured_accounts import find_accounts
from harvester.cli.options import GeneralOptions
from harvester.cli.same_data import readers_of_same_data, same_data_message

Write = Callable[[str], None]
SECRET = "s3cret-of-both"  # invented
KEY = json.dumps(
    {
        "type": "service_account",
        "client_email": "robot@project.example",
        "private_key": SECRET,
        "token_uri": "https://t.example",
    }
)
LOGIN = json.dumps({"client_id": "1-a", "client_secret": SECRET, "refresh_token": SECRET})
CLIENT = json.dumps({"installed": {"client_id": "1-a", "client_secret": SECRET}})


def zoom(name: str, account: str = "i", client: str = "c") -> str:
    return f'[zoom.{name}]\naccount_id = "{account}"\nclient_id = "{client}"\nclient_secret = "{SECRET}"\n'


def teams(name: str, tenant: str = "t") -> str:
    return f'[teams.{name}]\ntenant_id = "{tenant}"\nclient_id = "c-{name}"\nclient_secret = "{SECRET}"\n'


def webex(name: str, more: str = "") -> str:
    return f'[webex.{name}]\nclient_id = "c"\nclient_secret = "{SECRET}"\n{more}\n'


def google(name: str, credentials: str, admin: str = "admin@example.org") -> str:
    return f"[google-meet.{name}]\ncredentials = '{credentials}'\nadmin = \"{admin}\"\n"


def meetecho(name: str, *groups: str) -> str:
    return f"[meetecho.{name}]\ngroups = {json.dumps(groups)}\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.environ", {"HARVESTER_STATE_DIR": str(tmp_path / "state")})

    def to_file(text: str) -> None:
        path = tmp_path / "harvester.toml"
        path.write_text(text)
        path.chmod(0o600)

    return to_file


def found() -> list[list[str]]:
    accounts = find_accounts(GeneralOptions().open_environment()).configured
    return [[each.full_name for each in group] for group in readers_of_same_data(accounts)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (zoom("a"), zoom("b")),
        (zoom("a"), zoom("b", client="another app of the account")),
        (teams("a"), teams("b", tenant="T")),
        (webex("a", 'refresh_token = "r"'), webex("b", 'refresh_token = "r"')),
        (webex("a", 'access_token = "r"'), webex("b", 'access_token = "r"')),
        (google("a", KEY), google("b", KEY.replace(" ", "  "), admin="Admin@example.org")),
        (google("a", LOGIN), google("b", LOGIN)),
        (meetecho("a", "quic", "httpbis"), meetecho("b", "tls", "QUIC")),
    ],
)
def test_accounts_with_the_same_credentials_read_the_same(write: Write, first: str, second: str) -> None:
    write(first + second.replace("another app of the account", "other"))
    (names,) = found()
    assert [name.partition("/")[2] for name in names] == ["a", "b"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (zoom("a"), zoom("b", account="other")),
        (zoom("a"), zoom("b") + 'api_url = "https://api.zoomgov.com/v2"\n'),
        (teams("a"), teams("b", tenant="other")),
        (webex("a"), webex("b")),  # another person may have logged in
        (webex("a", 'refresh_token = "r"'), webex("b", 'refresh_token = "s"')),
        (google("a", KEY), google("b", KEY, admin="admin@other.example")),
        (google("a", KEY), google("b", KEY) + 'customer = "C01"\n'),
        (google("a", KEY), google("b", KEY.replace("robot", "other"))),
        (google("a", CLIENT), google("b", CLIENT)),  # another person may have logged in
        (meetecho("a", "quic"), meetecho("b", "tls")),
        (zoom("a"), teams("a")),
        (zoom("a"), '[zoom.b]\naccount_id = {env = "NOT_SET"}\nclient_id = "c"\nclient_secret = "s"\n'),
        (google("a", KEY), google("b", "/no/such/file")),
    ],
)
def test_other_accounts_read_something_else(write: Write, first: str, second: str) -> None:
    write(first + second)
    assert found() == []


def test_the_account_of_the_environment_is_compared_too(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(zoom("berlin") + zoom("paris"))
    monkeypatch.setenv("ZOOM_ACCOUNT_ID", "i")
    monkeypatch.setenv("ZOOM_CLIENT_ID", "c")
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "x")
    assert found() == [["zoom/berlin", "zoom/paris", "zoom/main"]]


def test_a_copy_of_a_credentials_file_is_the_same(write: Write, tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        (tmp_path / name).write_text(KEY)
    write(google("a", "one.json") + google("b", "two.json"))
    assert found() == [["google-meet/a", "google-meet/b"]]


def test_the_message_names_all_accounts_and_nothing_else(write: Write) -> None:
    write(zoom("a") + zoom("b") + zoom("c"))
    accounts = find_accounts(GeneralOptions().open_environment()).configured
    (group,) = readers_of_same_data(accounts)
    assert same_data_message(group) == (
        "zoom/a, zoom/b and zoom/c read the same meetings, which are stored once for each of these names"
    )


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words, standalone_mode=False)


def test_check_and_runs_warn(
    write: Write, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("harvester.cli.check._check_account", lambda *_: iter(()))
    monkeypatch.setattr("harvester.cli.vendor_commands._harvest_into", lambda *_: None)
    write(zoom("a") + zoom("b"))
    warning = "zoom/a and zoom/b read the same meetings"
    checked = run("check", "zoom", "--json")
    (result,) = [each for each in json.loads(checked.stdout)["checks"] if each["subject"] == "accounts"]
    assert (result["status"], result["remedy"]) == ("warning", "keep one of them")
    assert result["message"].startswith(warning)
    assert checked.return_value == 0
    for words in (["all"], ["zoom"]):
        caplog.clear()
        ended = run(*words, "--date", "2026-11-19")
        (record,) = [each for each in caplog.records if warning in each.getMessage()]
        assert record.levelname == "WARNING"
        assert SECRET not in ended.output + checked.output
    caplog.clear()
    run("all", "--account", "a", "--date", "2026-11-19")
    assert warning not in caplog.text
