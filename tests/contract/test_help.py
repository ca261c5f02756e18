"""Every command's --help: the order of the options, and sentences."""

from __future__ import annotations

import re
import shlex

import click
import pytest
from click.testing import CliRunner

import connectors
from harvester.cli import COMMANDS, cli

GENERAL = ["--verbose", "--quiet", "--log-level", "--log-format", "--env-file", "--config"]
WITHOUT_SETTINGS = {"completion", "simulate"}


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


def option_names(command: click.Command) -> list[str]:
    return [param.opts[-1] for param in command.params if isinstance(param, click.Option)]


def test_every_command_ends_with_the_general_options() -> None:
    for path, command in LEAVES:
        expected = GENERAL[:-2] if path in WITHOUT_SETTINGS else GENERAL
        if path.startswith("rooms "):  # whose --config is the file of the rooms
            expected = GENERAL[:-1]
        assert option_names(command)[-len(expected) :] == expected, path


def test_dates_come_first_then_the_destination_then_rare_options() -> None:
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
    for path, command in LEAVES:
        names = option_names(command)
        present = [name for name in order if name in names]
        assert sorted(present, key=names.index) == present, path


def is_sentence(text: str) -> bool:
    """Whether it starts with a capital and ends with a full stop; a default in brackets may follow."""
    return bool(re.match(r"[A-Z].*\.(  \[default: .*\])?$", text, flags=re.DOTALL))


def test_help_texts_start_with_a_capital_and_end_with_a_full_stop() -> None:
    helps = [
        (f"{path} {param.opts[-1]}", param.help or "")
        for path, command in LEAVES
        for param in command.params
        if isinstance(param, click.Option)
    ]
    assert len(helps) > 200
    assert [(option, text) for option, text in helps if not is_sentence(text)] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Read it.", True),
        ("Read it.  [default: 3]", True),
        ("read it.", False),
        ("Read it", False),
        ("Read it  [default: a.]", False),
        ("", False),
    ],
)
def test_a_text_that_is_no_sentence_is_found(text: str, expected: bool) -> None:
    assert is_sentence(text) is expected


def test_the_help_of_every_command_ends_with_examples() -> None:
    for path, command in LEAVES:
        epilog = command.epilog or ""
        assert epilog.startswith("\b\nExamples:\n"), path
        lines = [line.strip() for line in epilog.splitlines()[2:]]
        assert any(f"harvester {path}" in line for line in lines), lines


def examples() -> list[str]:
    return sorted({line.strip() for _, command in LEAVES for line in (command.epilog or "").splitlines()[2:]})


def test_examples_use_commands_and_options_that_exist() -> None:
    assert len(examples()) > 50
    for line in examples():
        words = shlex.split(re.search(r"harvester ([^|>]*)", line).group(1))  # type: ignore[union-attr]  # the test fails if there is none
        with click.Context(cli) as context:
            current: click.Command = cli
            while isinstance(current, click.Group):
                found = current.get_command(context, words.pop(0))
                assert found is not None, line
                current = found
        known = {flag for param in current.params for flag in [*param.opts, *param.secondary_opts]}
        assert {word for word in words if word.startswith("-")} <= known, line


@pytest.mark.parametrize("group", ["", "rejects", "templates", "plan", "meetecho rooms", "meetecho slides"])
def test_lists_of_commands_are_not_cut_off(group: str) -> None:
    ended = CliRunner().invoke(cli, [*group.split(), "--help"])
    assert ended.exit_code == 0
    assert "..." not in ended.stdout.partition("Commands:")[2].partition("Examples:")[0]


def test_help_texts_show_words_instead_of_types_and_ranges() -> None:
    for path, _ in LEAVES:
        text = CliRunner().invoke(cli, [*path.split(), "--help"]).stdout
        assert "Usage:" in text, path
        assert not re.search(r"INTEGER|FLOAT| RANGE|\bx[<>]", text), path


def test_the_time_zone_names_only_options_that_the_command_has() -> None:
    for words in (["zoom"], ["plan", "zoom"], ["attendance"], ["report"], ["verify"]):
        text = " ".join(CliRunner().invoke(cli, [*words, "--help"]).output.split())
        assert ("--date DAY" in text) is ("Time zone of --date," in text), words
