"""Values that are not UTF-8: names of files may be, and nothing else."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from connectors.exit_codes import ExitCode
from harvester.cli import cli

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
