"""Values that are empty, or not UTF-8: names of files may be of any bytes, and nothing else."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from connectors.exit_codes import ExitCode
from harvester.cli import cli
from harvester.cli.text_values import EMPTY

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


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["load", "days.ndjson", "--es-host", ""], "'--es-host'"),
        (["zoom", "--env-file", ""], "'--env-file'"),
        (["all", "--config", ""], "'--config'"),
        (["all", "--account", "berlin", "--account", ""], "'--account'"),
        (["zoom", "--date", "2026-11-20", "--output", ""], "'--output'"),
        (["load", ""], "'[FILES]...'"),
        (["attendance", "days.ndjson", "--topic", ""], "'--topic'"),
        (["rejects", "drop", ""], "'[ID]...'"),
        (["forget", "--email", "", "--yes"], "'--email'"),
    ],
)
def test_an_empty_value_is_refused(words: list[str], option: str) -> None:
    """Of a variable that is not set: it must not become another cluster, other settings, or every account."""
    ended = CliRunner().invoke(cli, words, standalone_mode=False)
    assert isinstance(ended.exception, click.BadParameter)
    assert ended.exception.format_message() == f"Invalid value for {option}: {EMPTY}"


@pytest.mark.parametrize("option", ["--env-file", "--config"])
def test_an_empty_value_before_the_command_is_refused(option: str) -> None:
    ended = CliRunner().invoke(cli, [option, "", "all"], standalone_mode=False)
    assert isinstance(ended.exception, click.UsageError)
    assert ended.exception.format_message() == f"{option} is empty; is a variable not set?"
