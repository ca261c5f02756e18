"""The first line that is not a document, by file and number."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from harvester.analysis.first_bad_line import first_bad_line
from harvester.documents import encode
from tests.invented_meetings import full_harvest, plain
from tests.unit.analysis.record_strategies import documents
from tests.unit.analysis.test_room_figures import booked_at

GOOD = [*map(encode, documents([full_harvest(), plain(1)])), encode(booked_at(0).document())]


@pytest.mark.parametrize(
    "bad",
    [
        b"no",
        b'"x"',
        b"[]",
        b'{"kind": "meeting", "uuid": "a"}',
        b'{"kind": "x", "vendor": "zoom"}',
        b'{"a',
        b"\xff",
    ],
)
def test_a_line_that_is_no_document_is_named_with_its_file(tmp_path: Path, bad: bytes) -> None:
    whole, broken = tmp_path / "whole.ndjson", tmp_path / "broken.ndjson"
    whole.write_bytes(b"\n".join(GOOD) + b"\n")
    broken.write_bytes(b"\n".join([*GOOD, b"", b"  ", bad, bad]))
    assert first_bad_line([whole, broken]) == f"{broken}, line {len(GOOD) + 3}"
    packed = tmp_path / "broken.ndjson.gz"
    packed.write_bytes(gzip.compress(broken.read_bytes()))
    assert first_bad_line([packed]) == f"{packed}, line {len(GOOD) + 3}"


def test_good_files_and_what_cannot_be_read_again_have_none(tmp_path: Path) -> None:
    whole, pipe, torn = tmp_path / "whole.ndjson", tmp_path / "pipe", tmp_path / "torn.gz"
    whole.write_bytes(b"\n".join(GOOD))
    os.mkfifo(pipe)
    torn.write_bytes(gzip.compress(b"\n".join(GOOD))[:-20])
    assert first_bad_line([whole, pipe, tmp_path / "missing", torn]) is None
    assert first_bad_line([]) is None
