"""`harvester demo`: where its documents go. The simulator and the harvest are replaced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from connectors.models import MeetingRecord
from harvester.cli import cli, vendor_commands
from harvester.cli import demo as demo_module
from harvester.cli.run_environment import RunEnvironment
from harvester.simulator import server
from harvester.sinks.base import Load
from tests.invented_meetings import plain

Harvests = list[tuple[RunEnvironment, dict[str, Any]]]


@pytest.fixture
def harvests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Harvests:
    """The harvests that the demo starts, in a folder with a .env that names a real cluster."""
    seen: Harvests = []

    @contextmanager
    def serving(_options: server.Options) -> Iterator[dict[str, str]]:
        yield {"ZOOM_API_URL": "http://127.0.0.1:9"}

    def run_harvest(env: RunEnvironment, _vendors: object, **values: Any) -> int:
        seen.append((env, values))
        return 0

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(server, "serving", serving)
    monkeypatch.setattr(vendor_commands, "run_harvest", run_harvest)
    (tmp_path / ".env").write_text("ES_HOST=https://es.example.org:9200\nES_INDEX_PREFIX=real-\n")
    return seen


def run(*words: str, **environment: str) -> Any:
    return CliRunner().invoke(cli, ["demo", *words], env=environment, standalone_mode=False)


def test_the_demo_prints_even_if_the_settings_name_a_cluster(harvests: Harvests) -> None:
    assert run().return_value == 0
    assert harvests[0][1]["destination"] == "stdout"


def test_the_demo_writes_the_file_that_output_names(harvests: Harvests) -> None:
    assert run("--output", "documents.ndjson").return_value == 0
    assert (harvests[0][1]["destination"], harvests[0][1]["output"]) == (None, Path("documents.ndjson"))


@pytest.mark.parametrize("prefix_file", [False, True])
def test_the_demo_has_its_own_index_prefix(harvests: Harvests, tmp_path: Path, prefix_file: bool) -> None:
    more = {}
    if prefix_file:
        (tmp_path / ".env").write_text("ES_HOST=https://es.example.org:9200\n")
        (tmp_path / "prefix").write_text("real-\n")
        more = {"ES_INDEX_PREFIX_FILE": str(tmp_path / "prefix")}
    ended = run("--destination", "index", **more)
    assert ended.return_value == 0
    env, values = harvests[0]
    assert values["destination"] == "index"
    assert env.environment.get("ES_INDEX_PREFIX") == "demo-real-"
    assert "indices demo-real-*" in ended.stderr


def test_an_output_file_and_the_index_are_refused(harvests: Harvests) -> None:
    ended = run("--destination", "index", "--output", "documents.ndjson")
    assert "--output is for documents that do not go into the index" in str(ended.exception)
    assert harvests == []


def test_the_help_shows_no_names_of_types() -> None:
    text = run("--help").stdout
    assert "RANGE" not in text
    assert "INTEGER" not in text


def test_one_meeting_is_shown_while_it_is_loaded_so_that_the_summary_stays_on_the_screen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[MeetingRecord] = []
    monkeypatch.setattr(demo_module, "_show", shown.append)
    short, full = plain(1), plain(2)
    wanted = replace(
        full,
        meeting=replace(full.meeting, state="ended"),
        sessions=[*full.sessions, *full.sessions, *full.sessions],
    )
    finder = demo_module.ExampleFinder()
    watched = [finder.look(Load(record=record)).record for record in (short, wanted, wanted)]
    assert watched == [short, wanted, wanted]
    assert (shown, finder.meetings) == ([wanted], 3)


def test_the_demo_says_how_many_meetings_have_documents(harvests: Harvests) -> None:
    ended = run("--output", "documents.ndjson")
    assert "The documents of 0 meetings are in documents.ndjson" in ended.stderr
    assert "a report counts only meetings that were held" in ended.stderr


@pytest.mark.parametrize(
    ("called", "found", "named"),
    [
        (".venv/bin/harvester", None, ".venv/bin/harvester"),
        (".venv/bin/harvester", "/usr/bin/harvester", "harvester"),
        ("/a folder/harvester", None, "'/a folder/harvester'"),
        ("/usr/lib/python/harvester/__main__.py", None, "harvester"),
    ],
)
def test_suggestions_name_the_program_as_it_was_called(
    monkeypatch: pytest.MonkeyPatch, called: str, found: str | None, named: str
) -> None:
    monkeypatch.setattr(demo_module.sys, "argv", [called])
    monkeypatch.setattr(demo_module.shutil, "which", lambda _name: found)
    assert demo_module._typed_program() == named
