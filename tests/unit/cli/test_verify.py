"""`harvester verify`: options, and a failure of one vendor. The comparison itself is replaced."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from connectors.errors import Interrupted, Unreachable
from harvester.cli import cli
from harvester.pipeline.account import AccountConfig
from harvester.verify import runner
from harvester.verify.result import VerifyResult

Run = Callable[..., Result]
VENDORS = {
    "MEETECHO_GROUPS": "quic",
    "WEBEX_ACCESS_TOKEN": "x",
    "ZOOM_ACCOUNT_ID": "x",
    "ZOOM_CLIENT_ID": "x",
    "ZOOM_CLIENT_SECRET": "x",
}


@pytest.fixture
def failures() -> dict[str, Exception]:
    """The error of each vendor with a failing comparison."""
    return {}


@pytest.fixture
def never_harvested() -> set[str]:
    """Vendors that were never harvested into the index."""
    return set()


@pytest.fixture
def run(
    failures: dict[str, Exception], never_harvested: set[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    def verify(_verifier: runner.Verifier, config: AccountConfig, result: VerifyResult) -> None:
        if config.vendor in failures:
            raise failures[config.vendor]
        result.complete = True
        result.never_harvested = config.vendor in never_harvested

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runner.Verifier, "verify", verify)

    def command(*words: str, **settings: str | None) -> Result:
        environment = {"HARVESTER_STATE_DIR": str(tmp_path / "state"), "ES_HOST": "http://127.0.0.1:9200"}
        return CliRunner().invoke(
            cli, ["verify", *words], env={**VENDORS, **environment, **settings}, standalone_mode=False
        )

    return command


def verified(ended: Result) -> dict[str, str | None]:
    return {each["vendor"]: each["error"] for each in json.loads(ended.stdout)["vendors"]}


def test_every_configured_vendor_is_verified(run: Run) -> None:
    ended = run("--json")
    assert ended.return_value == 0
    assert verified(ended) == {"meetecho": None, "webex": None, "zoom": None}


def test_a_vendor_that_fails_stops_no_other(run: Run, failures: dict[str, Exception]) -> None:
    failures["webex"] = Unreachable("Webex does not answer")
    ended = run("--json")
    assert ended.return_value == 69
    assert verified(ended) == {"meetecho": None, "webex": "Webex does not answer", "zoom": None}


def test_it_warns_if_no_account_was_ever_harvested_into_the_index(
    run: Run, never_harvested: set[str]
) -> None:
    never_harvested |= {"meetecho", "webex"}
    ended = run("-q")
    assert (ended.return_value, ended.output) == (0, "")
    never_harvested.add("zoom")
    ended = run("-q")
    assert (ended.return_value, ended.stdout) == (0, "")
    assert "http://127.0.0.1:9200, indices harvester-*; check ES_HOST and ES_INDEX_PREFIX" in ended.stderr


def test_a_signal_stops_the_others(run: Run, failures: dict[str, Exception]) -> None:
    failures["webex"] = Interrupted(exit_code=143)
    ended = run("--json")
    assert ended.return_value == 143
    assert list(verified(ended)) == ["meetecho", "webex"]


def test_a_wrong_setting_is_an_error_of_each_vendor(run: Run) -> None:
    ended = run("zoom", "--json", ES_HOST="")
    assert ended.return_value == 78
    assert "ES_HOST is not set" in str(verified(ended)["zoom"])


@pytest.mark.parametrize(
    ("words", "problem"),
    [(["zoomm"], "webex, zoom; did you mean zoom?"), (["--delete-orphans"], "goes with --repair")],
)
def test_wrong_words_are_usage_errors(words: list[str], problem: str, run: Run) -> None:
    ended = run(*words)
    assert isinstance(ended.exception, click.UsageError)
    assert problem in str(ended.exception)
