"""The accounts that a command harvests, and combinations of options that are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import connectors
from connectors.errors import Interrupted
from harvester.cli import cli, vendor_commands
from harvester.cli.options import GeneralOptions, usage_errors
from harvester.cli.render.summary import Summary
from harvester.pipeline.report import Report


def test_vendor_and_account_select(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.environ", {})
    (tmp_path / "harvester.toml").write_text("[zoom.main]\n[zoom.berlin]\n[webex.main]\n")

    def selected(*names: str, vendors: tuple[str, ...] = ()) -> list[str]:
        env = GeneralOptions(account=names).open_environment()
        return [each.name for each in vendor_commands._accounts(env, None, vendors)]

    assert selected("main") == ["webex/main", "zoom/main"]
    assert selected("zoom/main") == ["zoom/main"]
    assert selected("main", "berlin", vendors=("zoom",)) == ["zoom/main", "zoom/berlin"]
    assert selected(vendors=("webex",)) == ["webex/main"]


@pytest.mark.parametrize(
    ("names", "vendors", "skipped"),
    [((), (), True), ((), ("webex",), True), ((), ("zoom",), False), (("zoom/main",), (), False)],
)
def test_vendors_without_settings_are_named_unless_others_are_chosen(
    names: tuple[str, ...],
    vendors: tuple[str, ...],
    skipped: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.environ", {})
    (tmp_path / "harvester.toml").write_text("[zoom.main]\n")
    env = GeneralOptions(account=names).open_environment()
    accounts = vendor_commands.find_accounts(env)
    with caplog.at_level("INFO", logger=vendor_commands.logger.name):
        vendor_commands._report_others(accounts, env, vendors, Summary())
    named = [message for message in caplog.messages if "not configured" in message]
    assert len(named) == skipped, "one line, however many there are"
    assert all("webex" in message for message in named)


def test_refusals_of_the_pipeline_are_usage_errors() -> None:
    with pytest.raises(click.UsageError, match="contradicts"), usage_errors():
        raise ValueError("contradicts itself")


def test_deleting_orphans_goes_with_repair() -> None:
    ended = CliRunner().invoke(cli, ["verify", "zoom", "--delete-orphans"], standalone_mode=False)
    assert isinstance(ended.exception, click.UsageError)
    assert "--repair" in str(ended.exception)


@pytest.mark.parametrize(
    ("changes", "incomplete"),
    [
        ({}, False),
        ({"failed": 1, "documents": 5}, False),
        ({"failed": 1}, True),
        ({"failed_listings": 1, "documents": 5}, True),
        ({"stopped": "interrupted", "documents": 5}, True),
    ],
)
def test_a_file_is_replaced_by_a_complete_answer_only(changes: dict[str, Any], incomplete: bool) -> None:
    report = Report(vendor="zoom", account="main")
    for name, value in changes.items():
        setattr(report, name, value)
    assert vendor_commands.is_incomplete(report) is incomplete


def test_no_destination_is_named_before_the_state_is_found_to_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "harvester.toml").write_text(
        '[zoom.main]\naccount_id = "a"\nclient_id = "b"\nclient_secret = "c"\n'
    )
    env = {"HARVESTER_STATE_DIR": str(tmp_path / "state"), "ES_HOST": ""}
    ended = CliRunner().invoke(cli, ["zoom", "--state", "index"], env=env)
    assert "needs ES_HOST" in str(ended.exception) + ended.output
    assert "documents go to" not in ended.output


def test_a_signal_while_a_vendor_is_imported_ends_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first look at the accounts, whose other errors come again."""

    def interrupted(_name: str) -> None:
        raise Interrupted(exit_code=143)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(connectors, "load", interrupted)
    ended = CliRunner().invoke(cli, ["all", "--date", "2026-11-20"], standalone_mode=False)
    assert isinstance(ended.exception, Interrupted)
    assert ended.exception.exit_code == 143
    assert not (tmp_path / "state").exists()
