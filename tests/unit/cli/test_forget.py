"""`harvester forget` without Elasticsearch: what it asks, prints and refuses."""

from __future__ import annotations

import json
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connectors.errors import AlreadyRunning, ConfigurationError, OutputError, Unreachable
from harvester.cli import cli, forget
from harvester.documents import encode, to_documents
from harvester.forgetting.searched_places import FilePlace
from harvester.state.journal import Journal
from harvester.state.secrets_and_forgotten_people import PrivacyState
from tests.invented_meetings import full_harvest
from tests.unit.cli.shared_machine import keep_shared_state_in_memory
from tests.unit.state.shared.machine import KEY, Machine
from tests.unit.state.shared.memory_store import Documents

EMAIL = "grace@example.org"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "documents.ndjson"
    path.write_bytes(b"".join(encode(document) + b"\n" for document in to_documents(full_harvest())))
    return path


def run(folder: Path, *words: str, answer: str = "", **settings: str) -> Result:
    env = {"HARVESTER_STATE_DIR": str(folder / "state"), **settings}
    return CliRunner().invoke(cli, ["forget", *words], input=answer, env=env)


def test_it_prints_counts_and_never_the_person(file: Path, tmp_path: Path) -> None:
    ended = run(tmp_path, "--email", EMAIL, "--name", "Grace Example", str(file), "--yes")
    assert ended.exit_code == 0, ended.output
    assert ended.stdout.splitlines()[0].split("  ")[0] == "place"
    assert ended.stdout.splitlines()[1].split()[0] == "file"
    assert ended.stdout.splitlines()[1].split()[-3:] == ["1", "0", "0"]
    assert "no index is searched" in ended.stderr
    assert "also searched for, since documents link them to the person: 1 id\n" in ended.stderr
    assert "grace" not in ended.output.lower()
    assert EMAIL.encode() not in file.read_bytes()


def test_json_is_the_same_for_programs(file: Path, tmp_path: Path) -> None:
    ended = run(tmp_path, "--email", EMAIL, str(file), "--yes", "--json")
    assert json.loads(ended.stdout) == {
        "identifiers": {"email": 1, "id": 1},
        "action": "remove",
        "done": True,
        "places": [
            {"place": "file", "name": str(file), "removed": 1, "blanked": 0, "unreadable": 0, "left": 0}
        ],
        "exit_code": 0,
    }


@pytest.mark.parametrize(("answer", "code", "changed"), [("y\n", 0, True), ("n\n", 1, False), ("", 2, False)])
def test_it_asks_before_it_changes_anything(
    file: Path, tmp_path: Path, answer: str, code: int, changed: bool
) -> None:
    before = file.read_bytes()
    ended = run(tmp_path, "--email", EMAIL, str(file), answer=answer)
    assert ended.exit_code == code, ended.output
    assert "Remove 1 session and the fields about this person from 0 documents" in ended.stderr
    assert (file.read_bytes() != before) is changed
    assert (tmp_path / "state" / "privacy.db").exists() is changed


def test_what_remains_makes_it_65(file: Path, tmp_path: Path) -> None:
    with file.open("ab") as lines:
        lines.write(b"{broken, grace@example.org\n")
    env = {"HARVESTER_STATE_DIR": str(tmp_path / "state")}
    words = ["forget", "--email", EMAIL, str(file), "--yes"]
    ended = CliRunner().invoke(cli, words, env=env, standalone_mode=False)
    assert ended.return_value == 65, ended.output
    assert "still there: 1." in ended.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--email, --id or --name"),
        (["--email", "grace"], "--email 'grace' is not a valid e-mail address"),
        (["--id", " "], "is not a valid id"),
        (["--name", "--"], "is not a valid name"),
    ],
)
def test_what_names_nobody_is_refused(tmp_path: Path, words: list[str], message: str) -> None:
    ended = run(tmp_path, *words)
    assert ended.exit_code == 2, "click's own; the program makes 64 of it"
    assert message in ended.output


def test_a_file_that_cannot_be_read_ends_it_before_anything_is_changed(file: Path, tmp_path: Path) -> None:
    before = file.read_bytes()
    ended = run(tmp_path, "--email", EMAIL, "--yes", str(file), "missing.ndjson")
    assert isinstance(ended.exception, OutputError)
    assert "missing.ndjson cannot be read" in str(ended.exception)
    assert file.read_bytes() == before
    assert not (tmp_path / "state").exists()


def test_a_run_that_is_under_way_stops_it(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "zoom-main-1" / "elasticsearch-1"
    with closing(Journal(folder)) as journal, journal.lock():
        ended = run(tmp_path, "--email", EMAIL, str(file), "--yes")
        counted = run(tmp_path, "--email", EMAIL, str(file), "--dry-run")
    assert isinstance(ended.exception, AlreadyRunning)
    assert EMAIL.encode() in file.read_bytes()
    assert counted.exit_code == 0, "a dry run waits for nothing"


def test_an_index_that_cannot_be_reached_ends_it_soon(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks once whether Elasticsearch answers, and does not wait for it as long as a harvest does."""
    monkeypatch.setattr("harvester.sinks.elastic.client.PING_SECONDS", 0.1)
    ended = run(tmp_path, "--email", EMAIL, str(file), "--yes", ES_HOST="http://127.0.0.1:1")
    assert isinstance(ended.exception, Unreachable)
    assert EMAIL.encode() in file.read_bytes()


@pytest.fixture
def documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Documents:
    """The shared state of all machines. An empty file takes the place of the index of documents."""
    empty = tmp_path / "index.ndjson"
    empty.touch()
    found = Documents()
    keep_shared_state_in_memory(monkeypatch, found)
    monkeypatch.setattr(forget, "_index", lambda _env: nullcontext(FilePlace(empty)))
    return found


SHARED = {"HARVESTER_STATE": "index", "ES_HOST": "http://127.0.0.1:9"}


def test_with_shared_state_all_machines_leave_the_person_out(
    file: Path, tmp_path: Path, documents: Documents
) -> None:
    words = ("--email", EMAIL, str(file), "--yes")
    ended = run(tmp_path, *words, **SHARED, HARVESTER_STATE_KEY=KEY)
    assert ended.exit_code == 0, ended.output
    assert EMAIL not in documents.text
    with Machine(documents, tmp_path / "other").pool() as pool:
        assert len(pool.forgotten) == 1
    assert EMAIL.encode() not in file.read_bytes()


def test_without_the_key_of_the_shared_state_nobody_is_forgotten(
    file: Path, tmp_path: Path, documents: Documents
) -> None:
    before = file.read_bytes()
    words = ("--email", EMAIL, str(file), "--yes")
    ended = run(tmp_path, *words, **SHARED)
    assert isinstance(ended.exception, ConfigurationError)
    assert "HARVESTER_STATE_KEY" in str(ended.exception)
    assert (file.read_bytes(), PrivacyState(tmp_path / "state").forgotten()) == (before, [])
    assert run(tmp_path, *words, "--state", "dir", **SHARED).exit_code == 0
    assert not any(name.startswith("forgotten-") for name in documents.stored)
