"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from connectors.errors import ConfigurationError
from harvester.cli import cli


@pytest.mark.parametrize("words", [["-q", "check"], ["check", "-q"]])
def test_general_options_are_accepted_before_and_after_the_command(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(cli, words, env={"ES_HOST": ""}, standalone_mode=False)
    assert ended.return_value == 78
    assert "warning" not in ended.stdout
    assert "no vendor is configured" in ended.stdout


def test_an_option_after_the_command_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(
        cli, ["--env-file", "missing.env", "check", "--env-file", "other.env"], standalone_mode=False
    )
    assert "other.env" in str(ended.exception)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["report", "--worst", "x"], "'--worst': write a whole number from 0 to 200"),
        (["report", "--worst", "-1"], "'--worst': write a whole number from 0 to 200"),
        (["report", "--worst", "1.5"], "'--worst': write a whole number from 0 to 200"),
        (["simulate", "--size", "0"], "'--size': write a whole number of at least 1, and at most 1000000000"),
        (["demo", "--speed", "fast"], "'--speed': write a number from 1 to 1000"),
    ],
)
def test_a_wrong_number_is_answered_with_the_limits(words: list[str], message: str) -> None:
    ended = CliRunner().invoke(cli, words)
    assert ended.exit_code != 0
    assert message in ended.output


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("option", ["--from", "--to"])
def test_a_day_at_the_end_of_the_calendar_is_refused(option: str, day: str) -> None:
    """Its midnight lies outside of it, in this zone or in another."""
    ended = CliRunner().invoke(cli, ["report", "days.ndjson", option, day], standalone_mode=False)
    assert isinstance(ended.exception, click.BadParameter)
    assert f"no meeting is on {day}" in ended.exception.format_message()


def test_a_number_that_no_database_can_hold_is_refused() -> None:
    ended = CliRunner().invoke(cli, ["meetecho", "rooms", "log", "--last", "9" * 30])
    assert "write a whole number of at least 1, and at most 1000000000" in ended.output


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        (
            "marshal data too short",
            ConfigurationError,
            "a compiled file of the harvester or of a library is incomplete",
        ),
        ("", RuntimeError, "a file that the program reads ends too early"),
    ],
)
def test_a_file_that_ends_too_early_is_not_taken_for_ctrl_d(
    monkeypatch: pytest.MonkeyPatch, words: str, kind: type[Exception], message: str
) -> None:
    """Click ends a command with EOFError as if it had been interrupted, and says nothing."""

    def load(_place: str) -> click.Command:
        raise EOFError(words)

    monkeypatch.setattr("harvester.cli.load_command", load)
    ended = CliRunner().invoke(cli, ["status"], standalone_mode=False)
    assert isinstance(ended.exception, kind)
    assert message in str(ended.exception)
