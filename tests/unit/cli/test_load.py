"""`harvester load`: refused lines, the summary, the exit code, and compressed files."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click import UsageError
from click.testing import CliRunner

from connectors.errors import OutputError
from harvester.cli import cli
from harvester.cli.load import UncompressedStream, report_load
from harvester.cli.render.load import SHOWN
from harvester.cli.run_environment import RunEnvironment
from harvester.sinks.elastic.loader import Loader, LoadProgress, RejectedLine
from harvester.sinks.elastic.ndjson_reader import read_blocks
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


def test_blank_lines_are_counted(caplog: pytest.LogCaptureFixture) -> None:
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


def test_plain_text_passes_unchanged() -> None:
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


# Several files


class FakeLoader:
    """Stores every line but those that say no."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    def load_lines(self, stream: Any, name: str, *, max_new_indices: int | None) -> Iterator[LoadProgress]:
        lines = stream.read1(10_000).splitlines()
        self.loaded.append(name)
        bad = [number for number, line in enumerate(lines, 1) if line == b"no"]
        yield so_far(*bad, rejected=len(bad))


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeLoader:
    fake = FakeLoader()

    @contextmanager
    def open_index(_env: RunEnvironment) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(loader=fake)

    monkeypatch.setattr("harvester.cli.load.open_index", open_index)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.ndjson").write_text("yes\n")
    (tmp_path / "b.ndjson").write_text("yes\nno\n")
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
