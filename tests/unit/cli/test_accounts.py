"""`harvester accounts`: names, chunks, and what it does about settings that cannot be read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connectors.errors import ConfigurationError
from harvester.cli import cli

Write = Callable[[str], None]
TWO_POOLS = """\
[zoom.a]
account_id = "one"
client_id = "c"
client_secret = {env = "NOT_HERE"}
[zoom.b]
account_id = "one"
client_id = "c"
client_secret_file = "not-here"
[zoom.c]
account_id = "two"
client_id = "c"
client_secret = "s3cret"
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.environ", {"PATH": os.environ["PATH"]})

    def to_file(text: str) -> None:
        path = tmp_path / "accounts.toml"
        path.write_text(text)
        path.chmod(0o600)

    return to_file


def run(*words: str) -> Result:
    arguments = ["accounts", "--config", "accounts.toml", *words]
    return CliRunner().invoke(cli, arguments, standalone_mode=False)


def chunks(*words: str, count: int = 50) -> list[list[str]]:
    ended = run("--chunks", str(count), "--json", *words)
    assert ended.return_value == 0
    found: list[list[str]] = json.loads(ended.stdout)
    return found


def google(project: str) -> str:
    key = {
        "type": "service_account",
        "client_email": "a@b.example",
        "private_key": "k",
        "token_uri": "https://t.example",
    }
    return json.dumps({**key, "project_id": project})


def test_it_prints_the_names_that_a_harvest_takes(write: Write) -> None:
    write(TWO_POOLS)
    assert run().stdout.split("\n") == ["zoom/a", "zoom/b", "zoom/c", ""]
    assert json.loads(run("--json").stdout) == ["zoom/a", "zoom/b", "zoom/c"]


def test_chunks_are_lines_or_a_list_of_lists(write: Write) -> None:
    write(TWO_POOLS)
    lists = chunks()
    assert len(lists) == 50
    assert sorted(filter(None, lists)) == [["zoom/a", "zoom/b"], ["zoom/c"]]
    lines = run("--chunks", "50").stdout.split("\n")
    assert lines == [*(" ".join(each) for each in lists), ""]


def test_one_chunk_has_every_account(write: Write) -> None:
    write(TWO_POOLS)
    assert chunks(count=1) == [["zoom/a", "zoom/b", "zoom/c"]]


def test_no_secret_is_needed_to_know_the_pool_of_a_zoom_account(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    write(TWO_POOLS)
    chunks()
    assert caplog.messages == []


def test_accounts_of_one_google_project_are_in_one_chunk(write: Write, tmp_path: Path) -> None:
    for name, project in {"a": "one", "b": "two", "c": "one", "d": "two"}.items():
        (tmp_path / f"{name}.json").write_text(google(project))
    write("\n".join(f'[google-meet.{name}]\ncredentials = "{name}.json"' for name in "abcd"))
    found = [set(each) for each in chunks() if each]
    assert sorted(found, key=min) == [
        {"google-meet/a", "google-meet/c"},
        {"google-meet/b", "google-meet/d"},
    ]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ('[google-meet.x]\ncredentials = "nowhere.json"', "nowhere.json is not there, or not readable"),
        ('[google-meet.x]\ncredentials_file = "nowhere"', "cannot be read"),
        ('[google-meet.x]\ncredentials = "~no-such-user/x"', "~no-such-user/x is not there, or not readable"),
        ('[zoom.x]\naccount_id = {env = "NOT_HERE"}', "the variable NOT_HERE is not set"),
        ('[zoom.x]\naccount_id = "i"\napi_url = "ftp://example.org"', "https"),
    ],
)
def test_an_account_whose_settings_cannot_be_read_is_listed_with_a_warning(
    write: Write, caplog: pytest.LogCaptureFixture, table: str, reason: str
) -> None:
    write(f'{table}\n[zoom.good]\naccount_id = "i"\n')
    found = chunks()
    (name,) = {name for each in found for name in each} - {"zoom/good"}
    (message,) = caplog.messages
    assert message.startswith(f"{name}: accounts that share its limits may be in other chunks")
    assert reason in message


def test_a_secret_that_can_be_read_only_once_is_left_alone(write: Write, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    write('[zoom.a]\naccount_id = "i"\nclient_id = "c"\nclient_secret_file = "fifo"\n')
    assert chunks(count=1) == [["zoom/a"]]


def test_vendor_selects(write: Write) -> None:
    write(f'{TWO_POOLS}[webex.lab]\nclient_id = "c"\n')
    assert chunks("--vendor", "webex", count=1) == [["webex/lab"]]
    assert chunks("--vendor", "meetecho", count=1) == [[]]
    assert run("--vendor", "meetecho").stdout == ""


def test_a_vendor_that_is_only_partly_set_is_an_error_after_the_list(
    write: Write, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write('[webex.lab]\nclient_id = "c"\n')
    monkeypatch.setenv("ZOOM_ACCOUNT_ID", "i")
    ended = run("--chunks", "1", "--json")
    assert json.loads(ended.stdout) == [["webex/lab"]]
    assert ended.return_value == 78
    assert "ZOOM_CLIENT_ID" in caplog.text
    assert run("--vendor", "webex").return_value == 0


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "100001"])
def test_a_number_of_chunks_that_makes_no_sense_is_a_usage_error(write: Write, number: str) -> None:
    write(TWO_POOLS)
    ended = CliRunner().invoke(cli, ["accounts", "--config", "accounts.toml", "--chunks", number])
    assert ended.exit_code == 2, "which the command line turns into 64"
    assert "--chunks" in ended.stderr


@pytest.mark.parametrize("text", ["", "[zoom]\n", "[elasticsearch]\n"])
def test_no_account_at_all_is_an_error(write: Write, text: str) -> None:
    write(text)
    with pytest.raises(ConfigurationError, match="no vendor is configured"):
        raise run("--chunks", "2").exception or AssertionError


def test_a_file_that_cannot_be_used_is_an_error(write: Write) -> None:
    write("[zoom.a\n")
    with pytest.raises(ConfigurationError, match="not TOML"):
        raise run("--chunks", "2").exception or AssertionError
