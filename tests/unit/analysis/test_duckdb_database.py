"""The limits of a database: memory, and the threads that fit in it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from connectors.errors import ConfigurationError, Interrupted, OutputError
from harvester.analysis import document_source
from harvester.analysis.document_tables import read_documents
from harvester.analysis.duckdb_database import Database, memory, open_database, thread_count
from harvester.analysis.selection import Selection
from harvester.documents import encode
from tests.invented_meetings import full_harvest
from tests.unit.analysis.record_strategies import documents

LINES = 900


def test_a_signal_while_the_folder_is_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    make = os.mkdir

    def interrupted(*args: Any, **options: Any) -> None:
        make(*args, **options)
        raise Interrupted(exit_code=143)

    monkeypatch.setattr(os, "mkdir", interrupted)
    with pytest.raises(Interrupted), open_database():
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """90 MB: more than the buffers of two threads."""
    padded = {"vendor_data": {"padding": "x" * 100_000}}
    lines = [encode(document | padded) + b"\n" for document in documents([full_harvest()])]
    path = tmp_path_factory.mktemp("large") / "documents.ndjson"
    with path.open("wb") as file:
        for place in range(LINES):
            file.write(lines[place % len(lines)])
    return path


def threads_of(database: Database) -> int:
    (count,) = database.row("SELECT current_setting('threads')")
    return int(count)


@pytest.mark.slow
@pytest.mark.parametrize("quality", [False, True])
def test_the_least_memory_is_enough_to_read_a_large_file(large_file: Path, *, quality: bool) -> None:
    with open_database("128MB", in_file=quality) as database:
        assert threads_of(database) == 1
        found = read_documents(
            database, document_source.files([large_file]), Selection(zone=ZoneInfo("UTC")), quality=quality
        )
    assert (found.lines, found.unreadable) == (LINES, 0)


@pytest.mark.parametrize(
    ("limit", "cores", "expected"),
    [
        ("128MB", 64, 1),
        ("255MB", 64, 1),
        ("256MB", 64, 2),
        ("512MB", 2, 2),
        ("512MB", 64, 4),
        ("4GB", 64, 31),
        ("4GB", 8, 8),
    ],
)
def test_there_are_as_many_threads_as_fit_in_the_memory(limit: str, cores: int, expected: int) -> None:
    assert thread_count(limit, cores) == expected


@pytest.mark.parametrize("text", ["127MB", "0GB", "512", "512KB", "-1GB", "1e3MB", ""])
def test_other_limits_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="at least 128MB"):
        memory(text)
    assert memory(" 1 gb ") == "1GB"


@pytest.mark.parametrize("kind", ["IOException", "TransactionException"])
def test_a_temporary_folder_that_takes_no_more_is_an_output_error(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The disk is full, or `ulimit -f` is reached: when the file is made, or when a table is committed."""
    full = getattr(duckdb, kind)('Could not write file "documents.duckdb.wal": File too large')

    def connect(*_args: Any, **_options: Any) -> None:
        raise full

    monkeypatch.setattr(duckdb, "connect", connect)
    with pytest.raises(OutputError, match="name another temporary folder in TMPDIR"), open_database():
        pass
