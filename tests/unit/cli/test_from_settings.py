"""Settings of a command: unknown ones are named, and a vendor with some of its required ones does not stop the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import connectors
from harvester.cli import cli
from harvester.cli.from_settings import warn_of_unknown_settings
from harvester.cli.run_environment import RunEnvironment
from harvester.config import Environment
from harvester.pipeline.run_clock import Clock

Run = Callable[..., Result]
HALF = {"ZOOM_ACCOUNT_ID": "a", "ZOOM_CLIENT_ID": "c"}
NOWHERE = "http://127.0.0.1:9"
WEBEX = {
    "WEBEX_ACCESS_TOKEN": "t",
    "WEBEX_API_URL": NOWHERE,
    "WEBEX_ANALYTICS_URL": NOWHERE,
    "HARVESTER_SPEED": "1000",
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def invoke(*words: str, **settings: str) -> Result:
        environment = {"HARVESTER_STATE_DIR": str(tmp_path / "state"), "ES_HOST": "", **settings}
        return CliRunner().invoke(cli, words, env=environment, standalone_mode=False)

    return invoke


def test_check_fails_for_it_and_not_for_vendors_without_any_setting(run: Run) -> None:
    ended = run("check", **HALF)
    assert ended.return_value == 78
    lines = ended.stdout.splitlines()
    assert any(line.startswith("FAILED  zoom: not set: ZOOM_CLIENT_SECRET") for line in lines)
    assert any(line.startswith("unused  webex: not configured") for line in lines)


def test_all_counts_it_as_failed_and_harvests_the_others(run: Run, tmp_path: Path) -> None:
    ended = run("all", "--summary-json", "summary.json", **HALF, **WEBEX)
    assert ended.return_value == 78
    vendors = json.loads((tmp_path / "summary.json").read_text())["vendors"]
    assert {vendor["vendor"]: vendor["exit_code"] for vendor in vendors} == {"zoom": 78, "webex": 69}


def test_verify_and_plan_name_it(run: Run) -> None:
    ended = run("verify", "--json", **{**HALF, "ES_HOST": NOWHERE})
    assert ended.return_value == 78
    (found,) = json.loads(ended.stdout)["vendors"]
    assert found["error"].startswith("zoom: not set: ZOOM_CLIENT_SECRET")
    assert run("plan", "all", "--from", "2026-11-01", "--to", "2026-11-02", **HALF).return_value == 78


def test_an_optional_setting_alone_configures_nothing(run: Run) -> None:
    ended = run("check", ZOOM_PLAN="pro", **WEBEX)
    assert any(line.startswith("unused  zoom: not configured") for line in ended.stdout.splitlines())


def test_check_names_misspelt_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("WEBEX_ACESS_TOKEN=x\nSTACK_VERSION=9\n")
    (tmp_path / ".env").chmod(0o600)
    ended = CliRunner().invoke(cli, ["check"], env={"ES_HOST": ""}, standalone_mode=False)
    assert "there is no setting WEBEX_ACESS_TOKEN; did you mean WEBEX_ACCESS_TOKEN?" in ended.stderr
    assert "STACK_VERSION" not in ended.stderr
    assert f"ok      settings: read from the environment and {tmp_path / '.env'}" in ended.stdout


def test_a_vendors_command_knows_the_settings_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(
        "ZOOM_CLIENT_ID=x\nZOOM_CLIENT_SECRET=x\nGOOGLE_ADMIN=x\nWEBEX_CLIENT_IDD=x\nWEBEX_CLIENT_SECRET=x\n"
    )
    (tmp_path / ".env").chmod(0o600)
    ended = CliRunner().invoke(
        cli, ["webex", "--date", "yesterday"], env={"ES_HOST": ""}, standalone_mode=False
    )
    assert ended.stderr.count("there is no setting") == 1
    assert "did you mean WEBEX_CLIENT_ID?" in ended.stderr


def test_settings_of_vendors_that_a_command_does_not_use_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = [each.name for vendor in connectors.CONNECTORS for each in connectors.load(vendor).settings]
    file = tmp_path / ".env"
    file.write_text("".join(f"{name}=x\n{name}_FILE=x\n" for name in settings) + "ZOOM_CLIENT_SECRT=x\n")
    env = RunEnvironment(
        environment=Environment(values={}),
        machine=Clock(wall=lambda: 0.0, monotonic=lambda: 0.0),
        env_file=file,
    )
    for vendor in connectors.CONNECTORS:
        caplog.clear()
        warn_of_unknown_settings(env, [vendor])
        assert [message for message in caplog.messages if "ZOOM_CLIENT_SECRT" not in message] == []
    warn_of_unknown_settings(env, ["zoom"])
    assert "did you mean ZOOM_CLIENT_SECRET?" in caplog.text


def test_a_setting_that_no_longer_works_is_named_to_those_who_use_its_vendor(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / ".env"
    file.write_text("ZOOM_KEY=hidden\nZOOM_ACCOUNT_ID=x\n")
    env = RunEnvironment(
        environment=Environment(values={}),
        machine=Clock(wall=lambda: 0.0, monotonic=lambda: 0.0),
        env_file=file,
    )
    warn_of_unknown_settings(env, ["webex"])
    assert caplog.messages == []
    warn_of_unknown_settings(env, ["zoom"])
    (message,) = caplog.messages
    assert message.startswith(f"{file}: ZOOM_KEY no longer works: Zoom ended API keys")
    assert "hidden" not in message


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"TEAMS_LOGIN_URL": "http://127.0.0.1:9"}, ["TEAMS_API_URL"]),
        (
            {"TEAMS_API_URL": "https://graph.example.org", "TEAMS_LOGIN_URL": "http://[::1]:9"},
            ["TEAMS_API_URL"],
        ),
        ({}, ["TEAMS_API_URL", "TEAMS_LOGIN_URL"]),
    ],
)
def test_an_invented_clock_is_for_simulated_vendors_only(
    run: Run, variables: dict[str, str], named: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A URL that is not set is the vendor's own."""
    app = dict.fromkeys(("TEAMS_TENANT_ID", "TEAMS_CLIENT_ID", "TEAMS_CLIENT_SECRET"), "x")
    ended = run("teams", "--date", "2026-11-20", HARVESTER_NOW="2026-11-21T00:00:00Z", **app, **variables)
    assert ended.return_value == 78
    assert f"unset them, or give an address of this machine in {' and '.join(named)}" in caplog.text
