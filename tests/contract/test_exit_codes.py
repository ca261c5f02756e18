"""One cause, one exit code, whatever the command. Each cause is tried with every command that it can happen to."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from connectors.errors import HarvestError, OutputError
from connectors.exit_codes import ExitCode
from harvester.cli import cli
from harvester.documents import encode, to_documents
from tests.invented_meetings import full_harvest

ARGUMENTS = {
    "meetecho rooms apply": "docs.ndjson",
    "meetecho rooms delete": "--group g --yes 1",
    "meetecho rooms list": "--group g",
    "meetecho rooms plan": "docs.ndjson",
    "meetecho slides add": "--session 1 --deck 2",
    "meetecho slides plan": "--session 1",
    "meetecho slides remove": "--session 1 --deck 2",
    "meetecho slides revise": "--session 1 --deck 2",
    "meetecho slides sync": "--session 1",
    "attendance": "docs.ndjson",
    "forget": "--email ada@example.org --yes docs.ndjson",
    "load": "docs.ndjson",
    "login": "webex --no-browser",
    "rejects drop": "--yes",
    "report": "docs.ndjson -o report.html",
    "rooms book": "Red",
    "rooms cancel": "Red event",
}
"""Of the commands that need some; `plan` and its vendors are in `line_of`."""
WITHOUT_SETTINGS = {"completion", "simulate", "init"}
"""The first two read none; `init` writes the file that `--env-file` names."""


def line_of(command: str) -> str:
    """A correct command line."""
    days = " --from 2026-11-20" if command.startswith("plan ") else ""
    return f"{command} {ARGUMENTS.get(command, '')}{days}".strip()


Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line in a folder with some files, and returns its exit code."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "docs.ndjson").write_bytes(
        b"".join(encode(document) + b"\n" for document in to_documents(full_harvest()))
    )
    for name in ("ES_HOST", "HARVESTER_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def invoke(line: str, **settings: str) -> int:
        ended = CliRunner().invoke(cli, line.split(), env=settings, standalone_mode=False)
        if isinstance(ended.exception, HarvestError):
            return ended.exception.exit_code
        if isinstance(ended.exception, click.ClickException):
            return ExitCode.USAGE
        if isinstance(ended.exception, OSError):
            return ExitCode.IOERR
        assert ended.exception is None, ended.exception
        return int(ended.return_value or 0)

    return invoke


def leaves(group: click.Group, context: click.Context, *before: str) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield " ".join([*before, name]), command
        if isinstance(command, click.Group):
            yield from leaves(command, context, *before, name)


def with_option(*flags: str) -> list[str]:
    """The commands that have one of these options."""
    with click.Context(cli) as context:
        return [
            name
            for name, command in leaves(cli, context)
            if name not in WITHOUT_SETTINGS
            and {*flags} & {flag for param in command.params for flag in param.opts}
        ]


def test_the_commands_are_found() -> None:
    found = with_option("--env-file")
    assert len(found) > 40
    assert set(ARGUMENTS) <= set(found)


UNREADABLE = ["missing", "folder"]


@pytest.mark.parametrize("file", UNREADABLE)
@pytest.mark.parametrize("command", with_option("--env-file"))
def test_a_file_of_settings_that_cannot_be_read(run: Run, command: str, file: str) -> None:
    assert run(f"{line_of(command)} --env-file {file}") == ExitCode.CONFIG


@pytest.mark.parametrize("file", UNREADABLE)
@pytest.mark.parametrize("command", [*with_option("--config"), "rooms demo", "rooms discover"])
def test_a_file_of_accounts_or_rooms_that_cannot_be_read(run: Run, command: str, file: str) -> None:
    has_option = command not in {"rooms demo", "rooms discover"}
    line = f"{line_of(command)} --config {file}" if has_option else f"--config {file} {command}"
    assert run(line) == ExitCode.CONFIG


@pytest.mark.parametrize("file", UNREADABLE)
@pytest.mark.parametrize(
    "line",
    [
        "load {} --es-host http://127.0.0.1:1",
        "report {} -o report.html",
        "report docs.ndjson -o report.html --units {}",
        "attendance {}",
        "attendance docs.ndjson --roster {}",
        "attendance docs.ndjson --people {}",
        "forget --email ada@example.org --yes {}",
        "meetecho rooms plan {}",
        "meetecho rooms apply {}",
        "meetecho slides plan --session 1 --from {}",
        "meetecho slides sync --session 1 --from {}",
    ],
)
def test_a_file_of_data_that_cannot_be_read(run: Run, line: str, file: str) -> None:
    credentials = {"MEETECHO_CLIENT_ID": "id", "MEETECHO_CLIENT_SECRET": "secret", "MEETECHO_GROUPS": "g"}
    assert run(line.format(file), **credentials) == ExitCode.IOERR


ZOOM = {
    "ZOOM_ACCOUNT_ID": "a",
    "ZOOM_CLIENT_ID": "b",
    "ZOOM_CLIENT_SECRET": "c",
    "ZOOM_API_URL": "http://127.0.0.1:1",
}


@pytest.mark.parametrize("file", ["folder", "missing/file"])
@pytest.mark.parametrize(
    "line",
    [
        "zoom --date 2026-11-20 --output {}",
        "zoom --date 2026-11-20 --output documents.ndjson --summary-json {}",
        "zoom --date 2026-11-20 --output documents.ndjson --metrics-file {}",
        "all --output {}",
        "report docs.ndjson -o {}",
        "attendance docs.ndjson -o {}",
        "attendance docs.ndjson --format xlsx -o {}",
        "demo --output {}",
        "simulate --port 0 --size 1 --truth {}",
    ],
)
def test_a_file_that_cannot_be_written(run: Run, line: str, file: str) -> None:
    assert run(line.format(file), **ZOOM) == ExitCode.IOERR


@pytest.mark.slow
def test_a_folder_of_tables_that_cannot_be_written(run: Run) -> None:
    assert run("report docs.ndjson -o report.html --csv docs.ndjson") == ExitCode.IOERR


@pytest.mark.parametrize(
    "line", ["simulate --size 1 --port {}", "rooms demo --port {}", "login webex --no-browser --port {}"]
)
def test_a_port_in_use(run: Run, line: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code = run(line.format(port), WEBEX_CLIENT_ID="id", WEBEX_CLIENT_SECRET="secret")
    assert code == ExitCode.CONFIG


@pytest.mark.parametrize(
    "command",
    [
        "zoom",
        "all",
        "check",
        "plan zoom",
        "verify",
        "status",
        "forget",
        "load",
        "rejects list",
        "rejects drop",
        "rejects export",
        "rejects replay",
    ],
)
def test_a_state_folder_that_is_no_folder(run: Run, command: str) -> None:
    elasticsearch = "" if command == "check" else "http://127.0.0.1:1"  # which check would wait for
    settings = {**ZOOM, "ES_HOST": elasticsearch, "HARVESTER_STATE_DIR": "docs.ndjson"}
    assert run(f"{line_of(command)}", **settings) == ExitCode.IOERR


NEED_ELASTICSEARCH = [
    "load",
    "rejects list",
    "rejects drop",
    "rejects export",
    "rejects replay",
    "templates diff",
    "templates install",
    "verify",
]


@pytest.mark.parametrize(
    "line",
    [
        *(f"{line_of(command)}" for command in NEED_ELASTICSEARCH),
        "zoom --date 2026-11-20 --destination index",
        "demo --destination index",
        "report --from-index -o report.html",
        "attendance --from-index",
    ],
)
def test_an_index_without_the_address_of_elasticsearch(run: Run, line: str) -> None:
    assert run(line, **ZOOM) == ExitCode.CONFIG


@pytest.mark.parametrize(
    "line", ["load", "attendance", "attendance -", "report -o report.html", "meetecho rooms plan -"]
)
@pytest.mark.usefixtures("run")
def test_a_closed_standard_input(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ES_HOST", "http://127.0.0.1:1")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(OutputError, match="standard input is closed"):
        cli.main(line.split(), standalone_mode=False)
