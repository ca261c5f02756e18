"""`harvester load`: refused lines, the summary, the exit code, and input that is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from connectors.errors import OutputError
from harvester.cli import cli
from harvester.cli.load import report_load
from harvester.cli.render.load import SHOWN, load_summary
from harvester.cli.run_environment import RunEnvironment
from harvester.non_ndjson_input import NdjsonStream, NotNdjsonError
from harvester.sinks.elastic.loader import Loader, LoadProgress, RejectedLine
from harvester.state.layout import rejects_folder
from harvester.state.rejects import Rejects
from tests.unit.fake_context import NOW
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, stored

HOST = "http://127.0.0.1:9200"


@pytest.fixture
def rejects(tmp_path: Path) -> Iterator[Rejects]:
    with closing(Rejects(rejects_folder(tmp_path / "state", HOST, "harvester-"), lambda: NOW)) as kept:
        yield kept


def so_far(*lines: int, rejected: int, blank: int = 0) -> LoadProgress:
    return LoadProgress(
        lines=100,
        blank=blank,
        ok=90,
        superseded=0,
        rejected=rejected,
        rejected_lines=tuple(RejectedLine(line=line, key=f"id-{line}", reason="bad") for line in lines),
    )


def test_refused_lines_are_shown_in_order_and_the_rest_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    progress = [so_far(*range(41, 20, -1), rejected=21), so_far(*range(1, 21), rejected=41)]
    assert report_load(progress) == 65
    lines = caplog.messages
    assert lines[:SHOWN] == [f"line {number}: bad" for number in range(1, SHOWN + 1)]
    assert lines[SHOWN] == "… and 21 more; run `harvester rejects list` to see all"
    assert "41 rejected" in lines[-1]


def test_refused_lines_are_shown_even_if_the_load_fails(caplog: pytest.LogCaptureFixture) -> None:
    def ends_badly() -> Iterator[LoadProgress]:
        yield so_far(3, rejected=1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        report_load(ends_badly())
    assert caplog.messages == ["line 3: bad"]


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (1, "reject", "1 reject: 1 document stored, "),
        (1_200, "line", "1,200 lines: 1,200 documents stored, "),
    ],
)
def test_one_is_not_counted_as_several(number: int, noun: str, text: str) -> None:
    loaded = LoadProgress(lines=number, blank=0, ok=number, superseded=0, rejected=0)
    assert load_summary(loaded, noun=noun).startswith(text)


def test_what_is_stored_already_may_be_equal_or_better() -> None:
    loaded = LoadProgress(lines=469, blank=0, ok=0, superseded=469, rejected=0)
    text = "469 lines: 0 documents stored, 469 already stored in this or a better version, 0 rejected"
    assert load_summary(loaded, noun="line") == text


def test_blank_lines_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    assert report_load([so_far(rejected=0, blank=7)]) == 0
    assert "100 lines (7 blank): 90 documents stored" in caplog.messages[-1]


def test_input_that_is_not_ndjson_leaves_no_rejects(rejects: Rejects) -> None:
    client = Scripted(stored)
    loader = Loader(client, rejects, Waits().policy())
    pretty = "\n".join(json.dumps({"document_id": str(n), "kind": "meeting"}, indent=2) for n in range(50))
    stream = NdjsonStream(io.BytesIO(pretty.encode()), "all.ndjson", "all.ndjson")
    with pytest.raises(NotNdjsonError, match=r"use jq -c \. all\.ndjson \| harvester load"):
        list(loader.load_lines(stream, "all.ndjson"))
    assert len(rejects) == 0
    assert client.requests == [], "Elasticsearch is not asked anything"


# Several files


class FakeLoader:
    """Stores every line but `{"no":1}`."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    def load_lines(self, stream: Any, name: str, *, max_new_indices: int | None) -> Iterator[LoadProgress]:
        lines = stream.read1(10_000).splitlines()
        self.loaded.append(name)
        bad = [number for number, line in enumerate(lines, 1) if line == b'{"no":1}']
        yield so_far(*bad, rejected=len(bad))


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeLoader:
    fake = FakeLoader()

    @contextmanager
    def open_index(_env: RunEnvironment) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(loader=fake)

    monkeypatch.setattr("harvester.cli.load.open_index", open_index)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.ndjson").write_text('{"yes":1}\n')
    (tmp_path / "b.ndjson").write_text('{"yes":1}\n{"no":1}\n')
    return fake


def test_several_files_are_loaded_in_order_and_named(loader: FakeLoader) -> None:
    ended = CliRunner().invoke(cli, ["load", "b.ndjson", "a.ndjson"], standalone_mode=False)
    assert ended.return_value == 65
    assert loader.loaded == ["b.ndjson", "a.ndjson"]
    lines = ended.stderr.splitlines()
    assert lines[0].startswith("b.ndjson: line 2: ")
    assert [line.partition(": ")[0] for line in lines[1:]] == ["b.ndjson", "a.ndjson"]


def test_nothing_is_loaded_if_one_of_the_files_cannot_be_read(loader: FakeLoader, tmp_path: Path) -> None:
    ended = CliRunner().invoke(cli, ["load", "a.ndjson", "missing.ndjson"], standalone_mode=False)
    assert isinstance(ended.exception, OutputError)
    assert "missing.ndjson" in str(ended.exception)
    assert loader.loaded == []


def test_a_file_that_is_not_ndjson_is_refused_before_any_file_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unexpected(_env: RunEnvironment) -> None:
        raise AssertionError("nothing is opened")

    monkeypatch.setattr("harvester.cli.load.open_index", unexpected)
    document = {"document_id": "zoom:main:a", "kind": "meeting"}
    good, pretty = tmp_path / "good.ndjson", tmp_path / "pretty.ndjson"
    good.write_text(json.dumps(document) + "\n")
    pretty.write_text(json.dumps(document, indent=2))
    result = CliRunner().invoke(cli, ["load", str(good), str(pretty), "--es-host", HOST])
    assert result.exit_code == 2  # click's; `run` makes it 64
    assert f"{pretty} is not one JSON object per line: use jq -c . {pretty} | harvester load" in result.output
