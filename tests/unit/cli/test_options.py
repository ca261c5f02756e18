"""Shared options: what they pass on, what they store in click's context, what they refuse, and their order in --help."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import connectors
from harvester.cli import COMMANDS, cli
from harvester.cli.environment import RunEnvironment
from harvester.cli.options import (
    RATE_SHARE,
    TIMEZONE,
    Date,
    apply,
    elasticsearch_options,
    general_options,
    pass_env,
)

SECRET = "marked-s3cret"  # an invented one
GENERAL = ["--verbose", "--quiet", "--log-level", "--log-format", "--env-file"]

logger = logging.getLogger("harvester.something")
Run = Callable[..., Result]


@pytest.fixture
def seen() -> list[RunEnvironment]:
    return []


@pytest.fixture
def run(seen: list[RunEnvironment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    @click.command()
    @apply([TIMEZONE, RATE_SHARE])
    @elasticsearch_options
    @general_options
    @pass_env
    def command(env: RunEnvironment, timezone: str | None, rate_share: float | None) -> None:
        seen.append(env)
        logger.debug("a detail of %s", SECRET)
        logger.info("a message for %s", SECRET)

    def invoke(*words: str, **settings: str) -> Result:
        return CliRunner().invoke(command, [*words], env=settings)

    return invoke


def leaves() -> list[tuple[str, click.Command]]:
    """Every command without subcommands, with its path."""
    found: list[tuple[str, click.Command]] = []
    with click.Context(cli) as context:
        queue: list[tuple[str, click.Command]] = [("", cli)]
        while queue:
            path, command = queue.pop()
            if not isinstance(command, click.Group):
                found.append((path.strip(), command))
                continue
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                assert child is not None
                queue.append((f"{path} {name}", child))
    return sorted(found)


LEAVES = leaves()


def test_there_is_a_command_for_everything() -> None:
    assert {path.split()[0] for path, _ in LEAVES} == {*COMMANDS, *connectors.table()}


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[path for path, _ in LEAVES])
def test_every_command_ends_with_the_general_options(path: str, command: click.Command) -> None:
    names = [param.opts[-1] for param in command.params if isinstance(param, click.Option)]
    expected = GENERAL[:-1] if path == "simulate" else GENERAL
    assert names[-len(expected) :] == expected


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[path for path, _ in LEAVES])
def test_dates_come_first_and_the_destination_before_what_is_rare(path: str, command: click.Command) -> None:
    names = [param.opts[-1] for param in command.params if isinstance(param, click.Option)]
    order = [
        "--date",
        "--from",
        "--to",
        "--timezone",
        "--destination",
        "--es-host",
        "--rate-share",
        "--verbose",
    ]
    present = [name for name in order if name in names]
    assert sorted(present, key=names.index) == present


HELPS = [
    (f"{path} {param.opts[-1]}", param.help or "")
    for path, command in LEAVES
    for param in command.params
    if isinstance(param, click.Option)
]


@pytest.mark.parametrize(("name", "text"), HELPS, ids=[name for name, _ in HELPS])
def test_help_texts_start_with_a_capital_and_end_with_a_full_stop(name: str, text: str) -> None:
    sentence = re.sub(r"  \[default: .*\]$", "", text)
    assert re.match(r"[A-Z]", sentence), text
    assert sentence.endswith("."), text


def test_a_command_gets_its_environment(run: Run, seen: list[RunEnvironment]) -> None:
    ended = run("--es-host", "http://127.0.0.1:9200", "--index-period", "month", HARVESTER_ACCOUNT="berlin")
    assert ended.exit_code == 0, ended.output
    (env,) = seen
    assert (env.account, env.index_period, env.quiet) == ("berlin", "month", False)
    assert env.environment.get("ES_HOST") == "http://127.0.0.1:9200"


def test_the_option_wins_over_a_file_that_names_the_host(
    run: Run, seen: list[RunEnvironment], tmp_path: Path
) -> None:
    (tmp_path / "host").write_text("http://127.0.0.1:1")
    run("--es-host", "http://127.0.0.1:2", ES_HOST_FILE=str(tmp_path / "host"))
    assert seen[0].environment.get("ES_HOST") == "http://127.0.0.1:2"


def test_settings_come_from_the_env_file(run: Run, seen: list[RunEnvironment], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HARVESTER_ACCOUNT=here\n")
    (tmp_path / "other.env").write_text("HARVESTER_ACCOUNT=other\n")
    run()
    run("--env-file", "other.env")
    assert [env.account for env in seen] == ["here", "other"]


def test_secrets_of_the_settings_are_redacted_in_messages(run: Run) -> None:
    ended = run("-v", ES_PASSWORD=SECRET)
    assert "a message for ***" in ended.stderr
    assert "a detail of ***" in ended.stderr
    assert SECRET not in ended.stderr


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ([], ["a message for"]),
        (["-v"], ["a detail of", "a message for"]),
        (["--log-level", "debug"], ["a detail of", "a message for"]),
        (["-v", "--log-level", "warning"], []),
        (["-q"], []),
        (["-q", "-v"], []),
    ],
)
def test_the_level_of_messages(words: list[str], shown: list[str], run: Run) -> None:
    lines = run(*words).stderr.splitlines()
    assert len(lines) == len(shown)
    assert all(text in line for text, line in zip(shown, lines, strict=True))


def test_messages_as_json(run: Run) -> None:
    (line,) = run("--log-format", "json").stderr.splitlines()
    assert json.loads(line)["message"] == f"a message for {SECRET}"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--timezone", "Berlin"], "'Berlin' is not a time zone"),
        (["--rate-share", "1.5"], "a number above 0 and up to 1"),
        (["--log-level", "loud"], "--log-level"),
        (["--log-format", "xml"], "--log-format"),
    ],
)
def test_wrong_values_are_usage_errors(words: list[str], problem: str, run: Run) -> None:
    ended = run(*words)
    assert ended.exit_code == 2
    assert problem in ended.stderr


@pytest.mark.parametrize(
    "text", ["2026-02-30", "2026-2-3", "03/02/2026", "yesterday", "2026-02-03T00:00:00Z"]
)
def test_only_one_spelling_of_a_day_is_accepted(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Date().convert(text, None, None)


def test_the_state_folder_follows_xdg(
    run: Run, seen: list[RunEnvironment], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    run()
    assert seen[-1].state_folder == tmp_path / ".local/state/meeting-harvester"
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")
    assert seen[-1].state_folder == Path("/somewhere/meeting-harvester")
    run(HARVESTER_STATE_DIR="~/here")
    assert seen[-1].state_folder == tmp_path / "here"
