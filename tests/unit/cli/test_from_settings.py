"""A vendor with some of its required settings is a mistake, which stops no other vendor."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harvester.cli import cli

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


def test_check_fails_for_it_and_only_warns_of_vendors_without_any_setting(run: Run) -> None:
    ended = run("check", **HALF)
    assert ended.return_value == 78
    lines = ended.stdout.splitlines()
    assert any(line.startswith("FAILED  zoom: not set: ZOOM_CLIENT_SECRET") for line in lines)
    assert any(line.startswith("warning webex: not configured") for line in lines)


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
    assert any(line.startswith("warning zoom: not configured") for line in ended.stdout.splitlines())
