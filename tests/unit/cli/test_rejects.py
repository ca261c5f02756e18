"""`harvester rejects`: list, replay and drop, and which lines become rejects."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click import Abort, UsageError
from click.testing import CliRunner, Result

from harvester.cli import cli
from harvester.documents import encode, to_documents
from harvester.sinks.elastic.loader import Loader, RejectedLine
from harvester.state.layout import rejects_folder
from harvester.state.rejects import Reject, Rejects
from tests.invented_meetings import plain
from tests.unit.fake_context import NOW
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, items, refused, stored

HOST = "http://127.0.0.1:9200"
Run = Callable[..., Result]


@pytest.fixture
def rejects(tmp_path: Path) -> Iterator[Rejects]:
    with closing(Rejects(rejects_folder(tmp_path / "state", HOST, "harvester-"), lambda: NOW)) as kept:
        yield kept


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    settings = {"HARVESTER_STATE_DIR": str(tmp_path / "state"), "ES_HOST": HOST}

    def ask(*words: str, answer: str = "") -> Result:
        return CliRunner().invoke(cli, [*words], env=settings, input=answer, standalone_mode=False)

    return ask


def load(rejects: Rejects, *lines: bytes, name: str = "") -> list[RejectedLine]:
    loader = Loader(Scripted(stored), rejects, Waits().policy())
    stream = io.BufferedReader(io.BytesIO(b"\n".join(lines)))
    return [one for progress in loader.load_lines(stream, name) for one in progress.rejected_lines]


def document(**changes: object) -> bytes:
    return json.dumps({**json.loads(encode(next(to_documents(plain(1))))), **changes}).encode()


def test_a_document_with_an_id_leaves_the_rejects_once_it_is_fixed_and_loaded(rejects: Rejects) -> None:
    (one, other) = load(rejects, document(kind="webinar"), b"no document", name="all.ndjson")
    assert (one.key, other.key[:7]) == ("zoom:main:meeting-1", "sha256:")
    assert [row.document_id for row in rejects.rows()] == [other.key, one.key]
    assert load(rejects, document()) == []
    assert [row.document_id for row in rejects.rows()] == [other.key]


def test_a_replay_keeps_the_source_of_documents_and_names_them_by_their_ids(rejects: Rejects) -> None:
    load(rejects, b"", b"", document(kind="webinar"), b"no document", name="all.ndjson")
    before = {row.document_id: row.origin for row in rejects.rows()}
    assert sorted(before.values()) == ["all.ndjson line 3", "all.ndjson line 4"]
    loader = Loader(Scripted(stored), rejects, Waits().policy())
    message = [one.key for progress in loader.replay() for one in progress.rejected_lines]
    assert message == sorted(before)
    assert {row.document_id: row.origin for row in rejects.rows()} == before
    assert {row.attempts for row in rejects.rows()} == {2}


def test_what_elasticsearch_refuses_keeps_file_and_line_too(rejects: Rejects) -> None:
    refusing = Scripted(lambda ids: items([refused(400)] * len(ids)))
    for name in ("all.ndjson", "mended.ndjson"):
        loader = Loader(refusing, rejects, Waits().policy())
        list(loader.load_lines(io.BufferedReader(io.BytesIO(b"\n" + document())), name))
        list(loader.replay())
        (row,) = rejects.rows()
        assert (row.origin, row.reason) == (f"{name} line 2", "some_exception: because")


def test_the_list_shows_the_source_of_each_and_which_have_to_be_dropped(run: Run, rejects: Rejects) -> None:
    load(rejects, document(kind="webinar"), b"no document", name="all.ndjson")
    text = run("rejects", "list").stdout
    assert (
        "zoom:main:meeting-1\n    kind is neither meeting nor session\n    all.ndjson line 1, 2026-" in text
    )
    assert (
        text.count(
            "no usable document_id: delete it with `harvester rejects drop` once it is fixed and loaded"
        )
        == 1
    )
    line, document_ = json.loads(run("rejects", "list", "--json").stdout)["rejects"]
    assert (line["has_document_id"], document_["has_document_id"]) == (False, True)
    assert (document_["document_id"], document_["origin"]) == ("zoom:main:meeting-1", "all.ndjson line 1")
    assert document_["attempts"] == 1


def test_an_empty_list_is_json_too(run: Run) -> None:
    assert json.loads(run("rejects", "list", "--json").stdout) == {"rejects": []}


@pytest.mark.parametrize("words", [("list",), ("export",), ("list", "--json")])
def test_a_question_about_rejects_creates_nothing(run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    assert run("rejects", *words).return_value == 0
    assert list(tmp_path.iterdir()) == []


def keep(rejects: Rejects, *names: str) -> None:
    rejects.add(
        [Reject(document_id=name, index="i", version=1, reason="bad", document=b"{}") for name in names]
    )


def test_dropping_all_needs_confirmation(run: Run, rejects: Rejects) -> None:
    keep(rejects, "a", "b")
    result = run("rejects", "drop", answer="n\n")
    assert isinstance(result.exception, Abort)
    assert "nothing changed" in result.stderr
    assert len(rejects) == 2
    assert run("rejects", "drop", answer="y\n").return_value == 0
    assert len(rejects) == 0


def test_one_reject_is_counted_as_one(run: Run, rejects: Rejects) -> None:
    keep(rejects, "a")
    assert run("rejects", "export").stderr.splitlines()[-1] == "1 document"
    assert "Drop the rejected document?" in run("rejects", "drop", answer="n\n").stderr


def test_without_a_terminal_the_option_to_pass_is_named(run: Run, rejects: Rejects) -> None:
    keep(rejects, "a")
    result = run("rejects", "drop")
    assert isinstance(result.exception, UsageError)
    assert "--yes" in str(result.exception)
    assert len(rejects) == 1
    assert run("rejects", "drop", "--yes").return_value == 0
    assert len(rejects) == 0


def test_an_unknown_id_is_reported(run: Run, rejects: Rejects) -> None:
    keep(rejects, "a", "b")
    result = run("rejects", "drop", "a", "nosuch", "--yes")
    assert result.return_value == 65
    assert result.stderr.splitlines()[0] == "1 dropped"
    assert "there is no reject nosuch" in result.stderr
    assert [row.document_id for row in rejects.rows()] == ["b"]
