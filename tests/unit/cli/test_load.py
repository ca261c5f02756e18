"""`harvester load`: refused lines, the summary, the exit code, and input that is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from harvester.cli.load import report_load
from harvester.cli.render.load import SHOWN
from harvester.sinks.elastic.input_format import NdjsonStream, NotNdjsonError
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


def test_blank_lines_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    assert report_load([so_far(rejected=0, blank=7)]) == 0
    assert "100 lines (7 blank): 90 documents stored" in caplog.messages[-1]


def test_input_that_is_not_ndjson_leaves_no_rejects(rejects: Rejects) -> None:
    loader = Loader(Scripted(stored), rejects, Waits().policy())
    pretty = "\n".join(json.dumps({"document_id": str(n), "kind": "meeting"}, indent=2) for n in range(50))
    stream = NdjsonStream(io.BytesIO(pretty.encode()), "all.ndjson", "all.ndjson")
    with pytest.raises(NotNdjsonError, match=r"use jq -c \. all\.ndjson \| harvester load"):
        list(loader.load_lines(stream, "all.ndjson"))
    assert len(rejects) == 0
