"""`harvester init`: its output without a terminal, and its questions."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import connectors
import harvester.cli.init as init_module
from connectors.errors import ConfigurationError, OutputError
from harvester.cli import cli
from harvester.cli.init import ELASTICSEARCH, _is_asked
from harvester.config import OWN
from harvester.env_file import read_env_file


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["init", *words])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", [[], ["--print"], ["--force"]])
def test_without_a_terminal_the_template_is_printed_and_nothing_written(
    words: list[str], folder: Path
) -> None:
    (folder / ".env").write_text("A=1\n")
    ended = run(*words)
    assert ended.exit_code == 0
    for name in connectors.CONNECTORS:
        for setting in connectors.load(name).settings:
            assert f"\n# {setting.name}=" in ended.stdout
    assert "HARVESTER_NOW" not in ended.stdout, "it is for simulated vendors"
    assert (folder / ".env").read_text() == "A=1\n"


def test_the_printed_template_can_be_used_as_it_is(folder: Path) -> None:
    (folder / ".env").write_text(run("zoom").stdout)
    assert read_env_file(folder / ".env") == {}
    assert "WEBEX" not in (folder / ".env").read_text()


def test_an_unknown_vendor_is_a_usage_error() -> None:
    assert run("zom").exit_code == 2


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("folder", "folder cannot be written (Is a directory): name another with --env-file"),
        (
            "no/.env",
            "cannot be written (No such file or directory): create its folder, or name another with --env-file",
        ),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_the_first_question(
    name: str, problem: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "folder").mkdir()
    for each in ("stdin_is_terminal", "stderr_is_terminal"):
        monkeypatch.setattr(init_module, each, lambda: True)
    ended = CliRunner().invoke(cli, ["init", "--env-file", name], standalone_mode=False)
    assert isinstance(ended.exception, OutputError)
    assert problem in str(ended.exception)
    assert ended.output == ""


def asked(vendor: str, *answered: str) -> list[str]:
    settings = connectors.load(vendor).settings
    return [each.name for each in settings if _is_asked(each, settings, dict.fromkeys(answered, "x"))]


def test_required_settings_and_those_to_look_up_are_asked_for() -> None:
    assert asked("zoom") == ["ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET", "ZOOM_PLAN"]
    assert asked("google-meet") == ["GOOGLE_CREDENTIALS", "GOOGLE_ADMIN"]


def test_an_alternative_is_asked_for_only_if_the_other_setting_is_left_out() -> None:
    assert "WEBEX_ACCESS_TOKEN" in asked("webex", "WEBEX_CLIENT_ID")
    assert "WEBEX_ACCESS_TOKEN" not in asked("webex", "WEBEX_CLIENT_ID", "WEBEX_CLIENT_SECRET")


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        ([], ["ES_HOST"]),
        (["ES_HOST"], ["ES_HOST", "ES_API_KEY", "ES_USERNAME"]),
        (["ES_HOST", "ES_API_KEY"], ["ES_HOST", "ES_API_KEY"]),
        (["ES_HOST", "ES_USERNAME"], ["ES_HOST", "ES_API_KEY", "ES_USERNAME", "ES_PASSWORD"]),
    ],
)
def test_credentials_of_elasticsearch_are_asked_for_if_there_is_one(
    answered: list[str], expected: list[str]
) -> None:
    settings = [each for each in OWN if each.name.startswith(ELASTICSEARCH)]
    values = dict.fromkeys(answered, "x")
    assert [each.name for each in settings if _is_asked(each, settings, values)] == expected


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("ES_HOST", "es.example.org", "http://es.example.org:9200"),
        ("HARVESTER_ACCOUNT", "a b", "berlin-2"),
    ],
)
def test_values_are_checked_as_a_run_would(name: str, bad: str, good: str) -> None:
    (setting,) = [each for each in OWN if each.name == name]
    init_module._check_value(setting, good)
    with pytest.raises(ConfigurationError, match=name):
        init_module._check_value(setting, bad)
