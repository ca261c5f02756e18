"""`harvester load` and `harvester rejects` as people see them: what is said, in which order, with which exit code."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click import UsageError
from click.testing import CliRunner, Result

from harvester.cli import cli
from harvester.cli.load import UncompressedStream, report_load
from harvester.cli.render.load import SHOWN
from harvester.documents import encode, to_documents
from harvester.sinks.elastic.loader import Loader, LoadProgress, RejectedLine
from harvester.sinks.elastic.ndjson_reader import read_blocks
from harvester.state.layout import rejects_folder
from harvester.state.rejects import Reject, Rejects
from tests.documents import plain
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


def so_far(*lines: int, rejected: int, blank: int = 0) -> LoadProgress:
    return LoadProgress(
        lines=100,
        blank=blank,
        ok=90,
        superseded=0,
        rejected=rejected,
        rejected_lines=tuple(RejectedLine(line=line, key=f"id-{line}", reason="bad") for line in lines),
    )


# load


def test_refused_lines_are_told_in_their_order_and_the_rest_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    progress = [so_far(*range(41, 20, -1), rejected=21), so_far(*range(1, 21), rejected=41)]
    assert report_load(progress) == 65
    lines = caplog.messages
    assert lines[:SHOWN] == [f"line {number}: bad" for number in range(1, SHOWN + 1)]
    assert lines[SHOWN] == "… and 21 more; run `harvester rejects list` to see all"
    assert "41 rejected" in lines[-1]


def test_what_was_refused_is_told_though_the_load_comes_to_no_end(caplog: pytest.LogCaptureFixture) -> None:
    def ends_badly() -> Iterator[LoadProgress]:
        yield so_far(3, rejected=1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        report_load(ends_badly())
    assert caplog.messages == ["line 3: bad"]


def test_blank_lines_are_told(caplog: pytest.LogCaptureFixture) -> None:
    assert report_load([so_far(rejected=0, blank=7)]) == 0
    assert "100 lines (7 blank): 90 documents stored" in caplog.messages[-1]


@pytest.mark.parametrize(
    "begins", [gzip.compress(b"{}", mtime=0), b"BZh91AY", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"]
)
def test_a_compressed_file_is_refused_with_what_to_do(begins: bytes) -> None:
    def stream() -> io.BytesIO:
        return io.BytesIO(begins + b"\n" * 100)

    with pytest.raises(UsageError, match=r"is compressed: use .+ all\.gz \| harvester load"):
        UncompressedStream(stream(), "all.gz").read1(100)
    with pytest.raises(UsageError, match="standard input is compressed: use .+ FILE"):
        UncompressedStream(stream(), "standard input").read1(100)


def test_text_is_not_taken_for_compressed_and_nothing_of_it_is_lost() -> None:
    for text in (b"", b"{", b'{"document_id":"a"}\n'):
        assert [
            line for block in read_blocks(UncompressedStream(io.BytesIO(text), "a")) for line in block
        ] == text.splitlines()


def test_a_compressed_file_leaves_no_rejects(rejects: Rejects) -> None:
    loader = Loader(Scripted(stored), rejects, Waits().policy())
    with pytest.raises(UsageError, match=r"zcat all.gz \| harvester load"):
        list(
            loader.load_lines(
                UncompressedStream(io.BytesIO(gzip.compress(b"{}\n" * 10, mtime=0)), "all.gz"), "all.gz"
            )
        )
    assert len(rejects) == 0


# rejects


def load(rejects: Rejects, *lines: bytes, name: str = "") -> list[RejectedLine]:
    loader = Loader(Scripted(stored), rejects, Waits().policy())
    stream = io.BufferedReader(io.BytesIO(b"\n".join(lines)))
    return [one for progress in loader.load_lines(stream, name) for one in progress.rejected_lines]


def document(**changes: object) -> bytes:
    return json.dumps({**json.loads(encode(next(to_documents(plain(1))))), **changes}).encode()


def test_a_document_with_an_id_is_filed_under_it_and_leaves_the_rejects_once_mended(rejects: Rejects) -> None:
    (one, other) = load(rejects, document(kind="webinar"), b"no document", name="all.ndjson")
    assert (one.key, other.key[:7]) == ("zoom:main:meeting-1", "sha256:")
    assert [row.document_id for row in rejects.rows()] == [other.key, one.key]
    assert load(rejects, document()) == []
    assert [row.document_id for row in rejects.rows()] == [other.key]


def test_a_replay_keeps_where_documents_came_from_and_names_them_by_their_ids(rejects: Rejects) -> None:
    load(rejects, b"", b"", document(kind="webinar"), b"no document", name="all.ndjson")
    before = {row.document_id: row.origin for row in rejects.rows()}
    assert sorted(before.values()) == ["all.ndjson line 3", "all.ndjson line 4"]
    loader = Loader(Scripted(stored), rejects, Waits().policy())
    said = [one.key for progress in loader.replay() for one in progress.rejected_lines]
    assert said == sorted(before)
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


def test_the_list_says_where_each_came_from_and_which_have_to_be_dropped(run: Run, rejects: Rejects) -> None:
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


def keep(rejects: Rejects, *names: str) -> None:
    rejects.add(
        [Reject(document_id=name, index="i", version=1, reason="bad", document=b"{}") for name in names]
    )


def test_dropping_all_is_asked_for_and_no_means_no(run: Run, rejects: Rejects) -> None:
    keep(rejects, "a", "b")
    result = run("rejects", "drop", answer="n\n")
    assert result.return_value == 0
    assert "nothing dropped" in result.stderr
    assert len(rejects) == 2
    assert run("rejects", "drop", answer="y\n").return_value == 0
    assert len(rejects) == 0


def test_where_nobody_can_be_asked_the_option_is_named(run: Run, rejects: Rejects) -> None:
    keep(rejects, "a")
    result = run("rejects", "drop")
    assert isinstance(result.exception, UsageError)
    assert "--yes" in str(result.exception)
    assert len(rejects) == 1
    assert run("rejects", "drop", "--yes").return_value == 0
    assert len(rejects) == 0


def test_an_id_that_is_no_reject_is_told(run: Run, rejects: Rejects) -> None:
    keep(rejects, "a", "b")
    result = run("rejects", "drop", "a", "nosuch", "--yes")
    assert result.return_value == 65
    assert result.stderr.splitlines()[0] == "1 dropped"
    assert "there is no reject nosuch" in result.stderr
    assert [row.document_id for row in rejects.rows()] == ["b"]
