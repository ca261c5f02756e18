"""Reading a journal changes nothing, in a dry run neither."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import OutputError
from connectors.models import MeetingRef, Reason, Window
from harvester.state import batch_writer
from harvester.state.journal import Journal
from harvester.state.journal_reader import JournalReader
from harvester.state.journal_rows import FailedPartition
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


QUESTIONS: dict[str, Callable[[JournalReader], Any]] = {
    "fact": lambda journal: journal.fact("vendor"),
    "first_nightly": lambda journal: journal.first_nightly(),
    "targets": lambda journal: journal.targets(),
    "whole_targets": lambda journal: journal.whole_targets(),
    "runs": lambda journal: journal.runs(10),
    "listings": lambda journal: journal.listings(frozenset()),
    "wrong_times": lambda journal: journal.wrong_times(NOW - timedelta(days=9)),
    "failed_partitions": lambda journal: journal.failed_partitions(),
    "refused_partitions": lambda journal: journal.refused_partitions(),
    "meeting": lambda journal: journal.meeting("pending"),
    "meetings": lambda journal: journal.meetings(["pending", "unknown", "gone"]),
    "open_meetings": lambda journal: [*journal.open_meetings()],
    "gone_meetings": lambda journal: journal.gone_meetings(10),
    "stored_refs": lambda journal: [*journal.stored_refs(HOUR)],
    "stored_uuids": lambda journal: [*journal.stored_uuids(HOUR)],
    "counts": lambda journal: journal.counts(),
    "count_unfinished": lambda journal: journal.count_unfinished(),
    "next_due": lambda journal: journal.next_due(NOW),
    "gone_by_reason": lambda journal: journal.gone_by_reason(),
    "count_finished": lambda journal: journal.count_finished(HOUR),
}


def end_run_with_changes_of_every_kind(journal: Journal) -> None:
    run = journal.begin_run("nightly", NOW)
    journal.set_first_nightly(NOW)
    journal.mark_stored(record(journal, "stored"), rank=3, harvested_at=NOW, due=None, reason=None)
    due = NOW + timedelta(hours=2)
    journal.set_outcome(record(journal, "pending"), "pending", due=due, reason=str(Reason.no_time))
    journal.set_outcome(record(journal, "gone"), "gone", reason=str(Reason.deleted))
    failed = FailedPartition(
        partition="user a", window=HOUR, extras=frozenset(), reason="error", tried_at=NOW
    )
    journal.add_failed(failed)
    journal.add_refused("user b", Reason.refused, NOW)
    journal.add_listing(HOUR, frozenset(), NOW)
    journal.add_target(HOUR)
    journal.end_run(run, NOW, 0, {"listed": 3})


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_is_answered_with_the_changes_of_a_moment_ago(
    question: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_writer, "COMMIT_SECONDS", 3600.0)  # no change is committed by itself
    with closing(Journal(folder)) as journal:
        journal.set_fact("vendor", "zoom")
        end_run_with_changes_of_every_kind(journal)
        answer = QUESTIONS[question](journal)
    with closing(JournalReader.open(folder)) as reader:
        assert answer == QUESTIONS[question](reader)
    assert answer, "the changes concern this question"


def test_no_question_is_missing_above() -> None:
    assert {name for name in vars(JournalReader) if not name.startswith("_")} == {*QUESTIONS, "open", "close"}


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
