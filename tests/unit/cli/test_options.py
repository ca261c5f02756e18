"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from connectors.exit_codes import ExitCode
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


NOT_UTF8 = b"f\xff".decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["google-meet", "--date", "2026-11-20", "--user", NOT_UTF8], "'--user'"),
        (["google-meet", "--date", "2026-11-20", "--meeting-code", NOT_UTF8], "'--meeting-code'"),
        (["attendance", "days.ndjson", "--topic", NOT_UTF8], "'--topic'"),
        (["report", "days.ndjson", "--title", NOT_UTF8], "'--title'"),
        (["rejects", "drop", NOT_UTF8], "'[ID]...'"),
    ],
)
def test_a_value_that_is_no_file_has_to_be_utf8(words: list[str], option: str) -> None:
    ended = CliRunner().invoke(cli, words, standalone_mode=False)
    assert isinstance(ended.exception, click.BadParameter)
    assert ended.exception.format_message() == f"Invalid value for {option}: it is not UTF-8"


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    file = tmp_path / NOT_UTF8
    file.write_text("{}\n", encoding="utf-8")
    ended = CliRunner().invoke(cli, ["attendance", str(file)], standalone_mode=False)
    assert ended.return_value == ExitCode.DATAERR
    assert "1 of 1 line is not a document" in ended.output


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
