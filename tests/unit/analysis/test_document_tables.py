"""Documents as tables: newest versions, second copies, lines that are not documents, every kind of source."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.errors import OutputError
from connectors.models import Detail
from harvester.analysis import document_source
from harvester.analysis.document_source import Source
from harvester.analysis.document_tables import Read, read_documents
from harvester.analysis.duckdb_database import open_database
from harvester.analysis.selection import Selection
from harvester.documents import encode
from harvester.non_ndjson_input import NotNdjsonError
from tests.invented_meetings import HARVESTED, full_harvest, plain, with_series
from tests.unit.analysis.record_strategies import documents, write

Everything = tuple[Read, list[Any], list[Any]]


def tables(documents: Source) -> Everything:
    with open_database("128MB") as database:
        read = read_documents(database, documents, Selection(zone=ZoneInfo("UTC")), quality=True)
        sessions = """
            SELECT session.* EXCLUDE (row), line.* FROM session JOIN line ON line.rowid = session.row ORDER BY ALL"""
        return read, database.rows("FROM meeting ORDER BY ALL"), database.rows(sessions)


def of(path: Path, found: Iterable[Any]) -> Everything:
    return tables(document_source.files([write(path / "documents.ndjson", found)]))


@pytest.mark.slow
def test_a_file_a_compressed_file_pipes_and_encoded_lines_give_the_same(tmp_path: Path) -> None:
    found = documents([plain(1), plain(2), full_harvest()])
    text = b"".join(encode(document) + b"\n" for document in found)
    odd = tmp_path / "a [1]*?.ndjson"
    odd.write_bytes(text)
    packed = tmp_path / "b.ndjson.gz"
    packed.write_bytes(gzip.compress(text))
    expected = tables(document_source.files([odd]))
    assert expected[0].meetings == 3
    assert tables(document_source.files([packed])) == expected
    assert tables(document_source.stream(io.BytesIO(text))) == expected
    assert tables(document_source.stream(io.BytesIO(gzip.compress(text)))) == expected
    assert tables(document_source.lines(map(encode, found))) == expected
    twice = tables(document_source.files([odd, packed]))
    assert twice[1:] == expected[1:]
    assert twice[0].superseded == len(found)


def test_the_newest_and_richest_version_counts_with_its_own_sessions(tmp_path: Path) -> None:
    old = documents([plain(1, sessions=3)])
    newer = documents([plain(1, sessions=2, when=HARVESTED + timedelta(days=1))])
    poorer = documents([plain(1, sessions=1, detail=Detail.live, when=HARVESTED + timedelta(days=2))])
    read, meetings, sessions = of(tmp_path, [*newer, *old, *poorer])
    assert (len(meetings), len(sessions), read.superseded) == (1, 2, len(old) + len(poorer))


def test_lines_that_are_no_documents_are_counted_and_bad_fields_are_absent(tmp_path: Path) -> None:
    path = tmp_path / "documents.ndjson"
    good = json.loads(encode(documents([plain(1)])[0]))
    bad_field = {**good, "uuid": "other", "start_time": "soon", "participants": "many", "quality": 7}
    lines = [
        "{half",
        "[1]",
        "7",
        '{"kind": "room", "vendor": "zoom"}',
        "",
        json.dumps(good),
        json.dumps(bad_field),
    ]
    path.write_text("\n".join(lines))
    read, meetings, _ = tables(document_source.files([path]))
    assert (read.lines, read.unreadable, len(meetings)) == (6, 4, 2)


@pytest.mark.parametrize("quality", [True, False])
def test_bookings_are_documents_and_rooms_without_times_are_none(tmp_path: Path, quality: bool) -> None:
    booking = {
        "kind": "booking",
        "document_id": "booking:main:blue:1",
        "start_time": "2026-11-20T09:00:00Z",
        "end_time": "2026-11-20T10:00:00Z",
    }
    lines = [booking, {**booking, "end_time": None}, {**booking, "document_id": None}]
    path = tmp_path / "bookings.ndjson"
    path.write_text("\n".join(map(json.dumps, lines)))
    with open_database("128MB") as database:
        selection = Selection(zone=ZoneInfo("UTC"))
        read = read_documents(database, document_source.files([path]), selection, quality=quality)
    assert (read.lines, read.unreadable, read.superseded, read.meetings) == (3, 2, 0, 0)
    assert read.bookings == (1 if quality else 0)


def test_sessions_without_their_meeting_make_one_from_the_fields_they_repeat(tmp_path: Path) -> None:
    only = [document for document in documents([plain(1)]) if document["kind"] == "session"]
    read, meetings, sessions = of(tmp_path, only)
    assert (read.meetings, len(sessions)) == (1, 3)
    assert "Planning" in meetings[0]


def test_nothing_at_all_is_no_error(tmp_path: Path) -> None:
    assert of(tmp_path, []) == (Read(lines=0, unreadable=0, superseded=0, meetings=0, sessions=0), [], [])


def test_series_are_kept(tmp_path: Path) -> None:
    meeting, session = documents([full_harvest()])
    *_, sessions = of(tmp_path, [meeting, with_series(session)])
    assert any('"step_s":60' in str(cell) for cell in sessions[0])


def test_a_missing_file_and_a_file_with_a_misleading_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be read"):
        tables(document_source.files([tmp_path / "missing"]))
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(b"{}"))
    with pytest.raises(OutputError, match="rename it"):
        tables(document_source.files([packed]))


@pytest.mark.parametrize("packed", [False, True])
def test_a_pipe_with_a_name_loses_no_document(tmp_path: Path, packed: bool) -> None:
    found = documents([plain(number) for number in range(40)])
    text = b"".join(encode(document) + b"\n" for document in found)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = gzip.compress(text) if packed else text
    writer = Thread(target=lambda: pipe.write_bytes(content))
    writer.start()
    read, *_ = tables(document_source.files([pipe]))
    writer.join()
    assert (read.lines, read.unreadable) == (len(found), 0)


def test_pretty_json_is_refused_with_the_command_that_converts_it(tmp_path: Path) -> None:
    path = tmp_path / "pretty.json"
    text = b"".join(json.dumps(json.loads(encode(d)), indent=2).encode() for d in documents([plain(1)]))
    path.write_bytes(text)
    with pytest.raises(NotNdjsonError, match=r"use jq -c \. \S+pretty\.json \| harvester attendance"):
        tables(document_source.files([path], "harvester attendance"))
    packed = tmp_path / "pretty.json.gz"
    packed.write_bytes(gzip.compress(text))
    with pytest.raises(NotNdjsonError, match="not one JSON object per line"):
        tables(document_source.files([packed]))
    with pytest.raises(NotNdjsonError, match="standard input is not one JSON object per line"):
        tables(document_source.stream(io.BytesIO(text)))


def test_an_error_of_the_writing_end_is_raised() -> None:
    def lines() -> Iterable[bytes]:
        yield b"{}"
        raise OutputError("lost")

    with pytest.raises(OutputError, match="lost"):
        tables(document_source.lines(lines()))


def test_the_temporary_folder_ends_with_the_command(tmp_path: Path) -> None:
    with open_database() as database:
        folder = database.folder
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()
