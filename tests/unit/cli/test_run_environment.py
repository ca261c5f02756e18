"""How a command gets its environment: options stored in click's context, settings, logging."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from connectors.errors import ConfigurationError
from harvester.cli import cli
from harvester.cli.options import (
    RATE_SHARE,
    apply,
    elasticsearch_options,
    general_options,
    pass_env,
    timezone_option,
)
from harvester.cli.run_environment import RunEnvironment

SECRET = "marked-s3cret"  # an invented one

logger = logging.getLogger("harvester.something")
Run = Callable[..., Result]


@pytest.fixture
def seen() -> list[RunEnvironment]:
    return []


@pytest.fixture
def run(seen: list[RunEnvironment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    @click.command()
    @apply([timezone_option("--date"), RATE_SHARE])
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


def test_a_command_gets_its_environment(run: Run, seen: list[RunEnvironment]) -> None:
    ended = run("--es-host", "http://127.0.0.1:9200", "--index-period", "month", HARVESTER_ACCOUNT="berlin")
    assert ended.exit_code == 0, ended.output
    (env,) = seen
    assert (env.account, env.quiet) == ("berlin", False)
    assert env.environment.get("ES_INDEX_PERIOD") == "month"
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
    lines = [line for line in run(*words).stderr.splitlines() if "settings: " not in line]
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


def test_the_file_that_was_looked_for_is_named(run: Run, tmp_path: Path) -> None:
    assert f"there is no {tmp_path / '.env'}" in run("-v").stderr
    (tmp_path / ".env").write_text("HARVESTER_ACCOUNT=here\n")
    assert f"settings: the environment and {tmp_path / '.env'}" in run("-v").stderr


def test_a_readable_file_of_secrets_is_warned_about(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ZOOM_CLIENT_SECRET=x\n")
    (tmp_path / ".env").chmod(0o644)
    assert "chmod 600 .env" in run().stderr
    (tmp_path / ".env").chmod(0o600)
    assert "chmod" not in run().stderr


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [(["zom"], "zoom"), (["plan", "webx"], "webex"), (["rejects", "lst"], "list"), (["stauts"], "status")],
)
def test_a_misspelt_command_is_corrected(words: list[str], suggestion: str) -> None:
    ended = CliRunner().invoke(cli, words)
    assert ended.exit_code == 2
    assert f"Did you mean {suggestion}?" in ended.stderr


def test_a_word_like_no_command_is_only_refused() -> None:
    ended = CliRunner().invoke(cli, ["xyzzy"])
    assert "No such command 'xyzzy'." in ended.stderr
    assert "Did you mean" not in ended.stderr


# Privacy


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"HARVESTER_PII": "none"}, "HARVESTER_PII must be one of keep, hash, drop"),
        ({"HARVESTER_PII": "hash"}, "HARVESTER_PII=hash needs HARVESTER_PII_KEY"),
        ({"HARVESTER_PII": "hash", "HARVESTER_PII_KEY": "short"}, "at least 32 bytes"),
        ({"HARVESTER_PII": "drop", "HARVESTER_PII_KEEP": "topic,title"}, "'title' not among the fields"),
    ],
)
def test_privacy_settings_are_checked_first(
    run: Run, seen: list[RunEnvironment], settings: dict[str, str], message: str
) -> None:
    refused = run(**settings)
    assert isinstance(refused.exception, ConfigurationError)
    assert message in str(refused.exception)
    assert refused.exception.exit_code == 78
    assert seen == []


def test_the_key_may_be_in_a_file_and_messages_contain_no_names(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("k" * 32 + "\n")
    monkeypatch.setattr(f"{__name__}.SECRET", "ada@example.org")
    ended = run(HARVESTER_PII="hash", HARVESTER_PII_KEY_FILE=str(tmp_path / "key"))
    assert ended.exit_code == 0
    assert "a message for pii-" in ended.output
    assert "ada@" not in ended.output


@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_raw_rows_are_refused_unless_everything_is_kept(mode: str) -> None:
    settings = {"HARVESTER_PII": mode, "HARVESTER_PII_KEY": "k" * 32}
    ended = CliRunner().invoke(cli, ["zoom", "--date", "2026-11-20", "--raw"], env=settings)
    assert ended.exit_code == 2, "click's own; the program makes 64 of it"
    assert f"HARVESTER_PII is {mode}: leave out --raw" in ended.output
