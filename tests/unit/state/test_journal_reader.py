"""Reading a journal changes nothing, in a dry run neither."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.errors import OutputError
from connectors.models import MeetingRef, Window
from harvester.state.journal import Journal
from harvester.state.journal_reader import JournalReader
from harvester.state.journal_schema import COUNT_UNFINISHED
from harvester.state.layout import journal_database

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = Window(start=NOW, end=datetime(2026, 11, 20, 13, tzinfo=UTC))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    with closing(Journal(folder)) as opened:
        opened.set_fact("vendor", "zoom")
        yield opened


def record(journal: Journal, uuid: str, at: datetime = NOW) -> MeetingRef:
    ref = MeetingRef(uuid=uuid, start_time=at, digest="d", hint={"host": uuid})
    journal.record_intent(ref, frozenset(), 1)
    return ref


def test_a_dry_run_changes_no_journal(journal: Journal, folder: Path) -> None:
    journal.flush()
    with closing(Journal(folder, dry_run=True)) as dry_run:
        record(dry_run, "m")
        dry_run.set_fact("vendor", "other")
        dry_run.flush()
        assert dry_run.meeting("m") is None
        assert dry_run.fact("vendor") == "zoom"
        with pytest.raises(OutputError, match=r"cannot be read \(.*\): check its owner and permissions"):
            dry_run.begin_run("nightly", NOW)
    assert journal.meeting("m") is None
    assert journal.fact("vendor") == "zoom"


def test_a_reader_has_no_method_that_writes() -> None:
    questions = {name for name in vars(JournalReader) if not name.startswith("_")}
    changes = {name for name in vars(Journal) if not name.startswith("_")} - {"close"}
    assert not questions & changes


def test_a_reader_leaves_a_closed_journal_as_it_is(folder: Path) -> None:
    with closing(Journal(folder)) as journal:
        record(journal, "m")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with closing(JournalReader.open(folder)) as reader:
        assert reader.counts() == {"listed": 1}
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_stored_meetings_of_a_window_are_those_with_a_rank(journal: Journal) -> None:
    record(journal, "listed")
    for uuid in ("b", "a", "gone"):
        journal.mark_stored(record(journal, uuid), rank=3, harvested_at=NOW, due=None, reason=None)
    journal.mark_stored(record(journal, "later", HOUR.end), rank=3, harvested_at=NOW, due=None, reason=None)
    journal.set_outcome(record(journal, "gone"), "gone", reason="deleted")
    journal.flush()
    assert [*journal.stored_uuids(HOUR)] == ["a", "b"]
    assert {uuid for uuid, _ in journal.stored_refs(HOUR)} == {"a", "b", "gone"}
    assert dict(journal.stored_refs(HOUR))["a"] == {"host": "a"}
    assert journal.count_finished(HOUR) == 3


def test_meetings_left_to_read_are_counted_without_reading_the_others(journal: Journal, folder: Path) -> None:
    refs = [record(journal, f"m{number}") for number in range(3)]
    journal.mark_stored(refs[0], rank=2, harvested_at=NOW, due=None, reason=None)
    journal.flush()
    assert journal.count_unfinished() == {"listed": 2}
    with closing(sqlite3.connect(journal_database(folder))) as database:
        plan = str(database.execute(f"EXPLAIN QUERY PLAN {COUNT_UNFINISHED}").fetchall())
    assert "meetings_open" in plan
