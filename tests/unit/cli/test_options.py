"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

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
        (["simulate", "--size", "0"], "'--size': write a whole number of at least 1"),
        (["demo", "--speed", "fast"], "'--speed': write a number from 1 to 1000"),
    ],
)
def test_a_wrong_number_is_answered_with_the_limits(words: list[str], message: str) -> None:
    ended = CliRunner().invoke(cli, words)
    assert ended.exit_code != 0
    assert message in ended.output
