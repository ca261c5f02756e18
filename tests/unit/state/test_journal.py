"""The journal: its records, its content after a kill, and the files that it refuses."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.errors import AlreadyRunning, HarvestError, OutputError, StateError
from connectors.models import MeetingRef, Reason, Window
from harvester.state.database import Database
from harvester.state.grouped_changes import GroupedChanges
from harvester.state.journal import Journal
from harvester.state.journal_reader import JournalReader
from harvester.state.journal_rows import FailedPartition, from_microseconds
from harvester.state.journal_schema import MIGRATIONS
from tests.unit.journal_builders import DAY, FIRST, HOUR, NOTHING, NOW, QOS, days, kill, ref

ROOT = Path(__file__).parents[3]
UNPRIVILEGED_ID = 65534


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "scope")) as opened:
        yield opened


def record_intents(journal: Journal, *refs: MeetingRef) -> None:
    for each in refs:
        journal.record_intent(each, NOTHING, 1)


# Targets and listings


def test_the_first_nightly_day_is_set_once(journal: Journal) -> None:
    assert journal.set_first_nightly(FIRST + DAY) == FIRST + DAY
    assert journal.set_first_nightly(FIRST) == FIRST + DAY
    assert journal.set_first_nightly(FIRST + 9 * DAY) == FIRST + DAY


def test_targets_are_the_union_of_requested_and_listed_time(tmp_path: Path) -> None:
    with closing(Journal(tmp_path)) as journal:
        assert journal.targets() == []
        for window in (days(8, 9), days(0, 2), days(1, 3)):
            journal.add_target(window)
        journal.add_listing(days(5, 6), QOS, FIRST)
    with closing(JournalReader.open(tmp_path)) as reader:
        assert reader.targets() == [days(0, 3), days(5, 6), days(8, 9)]


def test_unreadable_targets_are_reported_as_damage(journal: Journal) -> None:
    journal.set_fact("wanted", "[[1]]")
    with pytest.raises(StateError, match="damaged"):
        journal.targets()


# Forced runs


def test_forced_runs_of_other_days_or_extras_are_independent(journal: Journal) -> None:
    began = journal.begin_forced_run(days(0, 1), NOTHING, FIRST + DAY)
    assert journal.begin_forced_run(days(0, 1), NOTHING, FIRST + 2 * DAY) == began
    assert journal.begin_forced_run(days(0, 1), QOS, FIRST + 2 * DAY) == FIRST + 2 * DAY
    assert journal.begin_forced_run(days(0, 2), NOTHING, FIRST + 3 * DAY) == FIRST + 3 * DAY


def test_the_start_of_a_forced_run_survives_a_kill(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.begin_forced_run(days(0, 1), QOS, FIRST + DAY)
    kill(first)
    second = Journal(tmp_path)
    assert second.begin_forced_run(days(0, 1), QOS, FIRST + 5 * DAY) == FIRST + DAY
    second.close()


# Meetings, expiry, runs


def test_open_meetings_can_be_changed_while_they_are_read_page_by_page(journal: Journal) -> None:
    rows = [ref(f"m{number:04}") for number in range(1_100)]
    record_intents(journal, *rows)
    journal.flush()
    seen = []
    for record in journal.open_meetings():
        seen.append(record.uuid)
        journal.mark_stored(record.ref, rank=2, harvested_at=NOW, due=None, reason=None)
    assert seen == [each.uuid for each in rows]
    journal.flush()
    assert journal.counts() == {"done": 1_100}


def test_a_meeting_without_a_start_expires_by_the_time_of_its_first_listing(journal: Journal) -> None:
    run = journal.begin_run("nightly", NOW)
    timeless = MeetingRef(uuid="timeless", start_time=None, digest="d")
    journal.record_intent(timeless, NOTHING, run)
    journal.set_outcome(timeless, "failed", reason="no")
    journal.flush()
    assert journal.expire(NOW - HOUR) == 0
    assert journal.expire(NOW + HOUR) == 1


def test_expiry_gives_up_old_unstored_meetings_and_keeps_stored_ones(journal: Journal) -> None:
    old, young = FIRST, FIRST + 2 * DAY
    rows = [ref("never", old), ref("once", old), ref("young", young), ref("waiting", old)]
    record_intents(journal, *rows)
    journal.mark_stored(rows[1], rank=2, harvested_at=NOW, due=None, reason=None)
    for each in rows[:3]:
        journal.set_outcome(each, "failed", reason="no")
    journal.set_outcome(rows[3], "pending", due=NOW + 9 * DAY, reason="live")
    for partition, window in {"a": days(0, 3), "old": days(0, 1)}.items():
        journal.add_failed(
            FailedPartition(partition=partition, window=window, extras=NOTHING, reason="error", tried_at=NOW)
        )
    journal.flush()
    assert journal.expire(FIRST + DAY + HOUR) == 2
    outcomes = {name: journal.meeting(name) for name in ("never", "once", "young", "waiting")}
    assert {name: record.outcome for name, record in outcomes.items() if record} == {
        "never": "gone",
        "once": "done",
        "young": "failed",
        "waiting": "gone",
    }
    assert outcomes["never"] is not None
    assert outcomes["never"].reason == "expired"
    assert [each.partition for each in journal.failed_partitions()] == ["a"]
    assert journal.counts() == {"gone": 2, "done": 1, "failed": 1}
    assert journal.expire(FIRST + DAY + HOUR) == 0


def test_meetings_given_up_by_a_wrong_clock_are_taken_back(journal: Journal) -> None:
    rows = [ref("never"), ref("once"), ref("waiting"), ref("old", FIRST - 90 * DAY)]
    record_intents(journal, *rows)
    journal.mark_stored(rows[1], rank=2, harvested_at=NOW, due=NOW + DAY, reason=Reason.quality)
    journal.set_outcome(rows[0], "failed", reason="no")
    journal.set_outcome(rows[2], "pending", due=NOW, reason="live")
    failed = FailedPartition(partition="a", window=days(0, 1), extras=NOTHING, reason="error", tried_at=NOW)
    journal.add_failed(failed)
    journal.flush()
    before = {entry.uuid: entry.outcome for entry in journal.open_meetings()}
    assert journal.expire(FIRST + 300 * DAY) == 3
    assert (journal.counts(), journal.failed_partitions()) == ({"gone": 3, "done": 1}, [])
    assert journal.take_back(FIRST - DAY) == 3
    assert {entry.uuid: entry.outcome for entry in journal.open_meetings()} == {
        uuid: outcome for uuid, outcome in before.items() if uuid != "old"
    }
    assert journal.failed_partitions() == [failed]
    assert journal.take_back(FIRST - DAY) == 0
    assert journal.expire(FIRST - DAY) == 0


def test_a_meeting_read_since_it_was_given_up_is_not_taken_back(journal: Journal) -> None:
    record_intents(journal, ref("gone"), ref("replaced"))
    journal.flush()
    journal.expire(FIRST + 300 * DAY)
    journal.record_intent(ref("gone"), NOTHING, 1)
    journal.set_outcome(ref("gone"), "gone", reason="deleted")
    journal.mark_replaced("replaced")
    journal.flush()
    assert journal.take_back(FIRST - DAY) == 0
    assert journal.counts() == {"gone": 2}


def test_records_of_a_clock_that_was_ahead_are_deleted(journal: Journal) -> None:
    ahead = NOW + 10 * DAY
    right = journal.begin_run("nightly", NOW - DAY)
    journal.end_run(right, NOW - DAY + HOUR, 0, {})
    journal.begin_run("nightly", ahead)
    journal.set_first_nightly(ahead)
    journal.add_target(days(0, 2))
    journal.add_target(days(12, 13))
    journal.add_listing(days(0, 1), NOTHING, FIRST + 2 * DAY)
    journal.add_listing(days(1, 13), NOTHING, ahead)
    record_intents(journal, ref("before"), ref("then"), ref("waiting"))
    journal.mark_stored(ref("before"), rank=2, harvested_at=NOW - 3 * DAY, due=None, reason=None)
    journal.mark_stored(ref("then"), rank=2, harvested_at=ahead, due=None, reason=None)
    journal.set_outcome(ref("waiting"), "pending", due=ahead + HOUR, reason="live")
    journal.add_failed(
        FailedPartition(partition="a", window=days(0, 1), extras=NOTHING, reason="error", tried_at=ahead)
    )
    journal.begin_forced_run(days(0, 1), NOTHING, ahead)
    journal.flush()
    wrong = journal.wrong_times(NOW)
    assert wrong is not None
    assert [listing.window for listing in journal.listings(NOTHING, NOW)] == [days(0, 1)]

    journal.forget(wrong, NOW, retention=180 * DAY, first_nightly=NOW - 2 * DAY)
    assert journal.wrong_times(NOW) is None
    assert [listing.window for listing in journal.listings(NOTHING)] == [days(0, 1)]
    assert journal.first_nightly() == NOW - 2 * DAY
    assert journal.targets() == [days(0, 2)]
    assert {entry.uuid: (entry.outcome, entry.due) for entry in journal.open_meetings()} == {
        "then": ("listed", None),
        "waiting": ("pending", None),
    }
    (failed,) = journal.failed_partitions()
    assert failed.tried_at < NOW - 365 * DAY
    assert journal.begin_forced_run(days(0, 1), NOTHING, NOW) == NOW


def test_time_that_a_wrong_clock_took_for_too_old_is_listed_again(journal: Journal) -> None:
    """Old versions deleted the partitions that had failed then."""
    journal.add_listing(days(0, 9), NOTHING, FIRST + 9 * DAY)
    journal.begin_run("nightly", FIRST + 190 * DAY)
    journal.flush()
    wrong = journal.wrong_times(FIRST + 9 * DAY)
    assert wrong is not None
    journal.forget(wrong, FIRST + 9 * DAY, retention=186 * DAY, first_nightly=FIRST)
    (listing,) = journal.listings(NOTHING)
    assert listing.window == days(4, 9)


def test_runs_are_returned_newest_first_and_a_killed_one_has_no_end(journal: Journal) -> None:
    first = journal.begin_run("nightly", FIRST)
    journal.end_run(first, FIRST + HOUR, 75, {"listed": 3, "until": None})
    second = journal.begin_run("2026-11-16", FIRST + DAY)
    journal.flush()
    newest, oldest = journal.runs(5)
    assert (newest.id, newest.what, newest.ended, newest.exit_code, newest.summary) == (
        second,
        "2026-11-16",
        None,
        None,
        None,
    )
    assert (oldest.began, oldest.ended, oldest.exit_code) == (FIRST, FIRST + HOUR, 75)
    assert oldest.summary == {"listed": 3, "until": None}
    assert [run.id for run in journal.runs(1)] == [second]


def test_the_oldest_runs_are_deleted_and_their_numbers_are_not_reused(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harvester.state.journal.RUNS_KEPT", 5)
    numbers = [journal.begin_run("nightly", FIRST) for _ in range(12)]
    assert len(set(numbers)) == 12
    kept = [run.id for run in journal.runs(1_000)]
    assert len(kept) <= 7
    assert kept[0] == numbers[-1]


# Kills


def test_a_kill_loses_only_uncommitted_changes(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    record_intents(first, ref("a"), ref("b"))
    first.add_listing(days(0, 1), NOTHING, NOW)
    first.mark_stored(ref("a"), rank=2, harvested_at=NOW, due=None, reason=None)
    first.flush()
    with first._writer._changed:  # the writer cannot commit
        first.mark_stored(ref("b"), rank=2, harvested_at=NOW, due=None, reason=None)
        first._writer._queue = GroupedChanges()
    kill(first)
    second = Journal(tmp_path)
    assert second.counts() == {"done": 1, "listed": 1}
    assert [listing.window for listing in second.listings(NOTHING)] == [days(0, 1)]
    second.close()


_VICTIM = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from connectors.models import MeetingRef, Window
from harvester.state.batch_writer import BatchWriter
from harvester.state.journal import Journal
from harvester.state.journal_reader import JournalReader
at = datetime(2026, 11, 16, tzinfo=UTC)
journal = Journal(Path(sys.argv[1]))
def record(*names):
    for name in names:
        journal.record_intent(MeetingRef(uuid=name, start_time=at, digest="d"), frozenset(), 1)
journal.begin_run("nightly", at)
record("a", "b")
journal.flush()
with journal._writer._changed:
    record("c")
    journal.add_listing(Window(start=at, end=at + timedelta(days=1)), frozenset(), at + timedelta(days=9))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_journal_of_a_killed_process_opens(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", _VICTIM, str(tmp_path)], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    journal = Journal(tmp_path)
    assert journal.counts() == {"listed": 2}
    assert journal.listings(NOTHING) == []
    (run,) = journal.runs(9)
    assert run.ended is None
    journal.close()


def test_close_commits_every_change(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    for number in range(50):
        first.record_intent(ref(f"m{number}"), QOS, 1)
    first.close()
    second = Journal(tmp_path)
    assert second.counts() == {"listed": 50}
    record = second.meeting("m7")
    assert record is not None
    assert record.ref == MeetingRef(
        uuid="m7", start_time=FIRST + 9 * HOUR, digest="d", hint={"type": "past"}, extras=QOS
    )
    second.close()


def test_a_second_run_of_the_same_scope_is_refused_within_one_process(tmp_path: Path) -> None:
    one, same, other = Journal(tmp_path / "a"), Journal(tmp_path / "a"), Journal(tmp_path / "b")
    with (
        one.lock(),
        other.lock(),
        pytest.raises(AlreadyRunning, match="run the same command again"),
        same.lock(),
    ):
        pass
    with suppress(RuntimeError), one.lock():
        raise RuntimeError
    with same.lock():
        pass
    for each in (one, same, other):
        each.close()


# Damaged and read-only files, full disks


@pytest.fixture(scope="session")
def contents(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a journal with 200 meetings."""
    folder = tmp_path_factory.mktemp("whole")
    journal = Journal(folder)
    run = journal.begin_run("nightly", FIRST)
    for number in range(200):
        journal.record_intent(ref(f"m{number}"), QOS, run)
    journal.add_listing(days(0, 1), QOS, FIRST + 2 * DAY)
    journal.close()
    return (folder / "journal.db").read_bytes()


def read_everything(journal: Journal) -> tuple[object, ...]:
    """Read everything that a run or `harvester status` reads."""
    return (
        journal.counts(),
        [*journal.open_meetings()],
        journal.listings(NOTHING),
        journal.failed_partitions(),
        journal.runs(9),
    )


def refusal_of(folder: Path, contents: bytes) -> HarvestError:
    """The error of opening and reading a journal with these contents; it leaves the file unchanged."""
    folder.mkdir()
    path = folder / "journal.db"
    path.write_bytes(contents)
    with pytest.raises(HarvestError) as raised:
        opened = Journal(folder)
        try:
            read_everything(opened)
        finally:
            opened.close()
    assert path.read_bytes() == contents
    assert str(path) in str(raised.value)
    return raised.value


def test_a_truncated_journal_is_refused_and_left_unchanged(contents: bytes, tmp_path: Path) -> None:
    lengths = [16, 100, 511, 4095, 4096, 4097, len(contents) // 2, len(contents) - 4096]
    for length in lengths:
        error = refusal_of(tmp_path / str(length), contents[:length])
        assert isinstance(error, StateError)
        assert error.exit_code == 78
        assert "damaged" in str(error)
        assert "move it away" in str(error)


@pytest.mark.parametrize("length", [0, 1])
def test_an_empty_journal_file_is_refused(contents: bytes, tmp_path: Path, length: int) -> None:
    folder = tmp_path / "scope"
    opened = Journal(folder)
    with opened.lock():
        opened.close()
    shutil.copy(folder / "run.lock", tmp_path / "run.lock")
    (folder / "journal.db").write_bytes(contents[:length])
    with pytest.raises(StateError):
        Journal(folder).close()


def test_overwritten_pages_are_refused(contents: bytes, tmp_path: Path) -> None:
    for page in range(len(contents) // 4096):
        start = page * 4096
        damaged = contents[:start] + bytes([0xA5]) * 4096 + contents[start + 4096 :]
        assert refusal_of(tmp_path / str(page), damaged).exit_code == 78


@pytest.mark.parametrize(
    ("written", "over"),
    [
        (b'{"type"', b'{"ty\xff\xfe"'),
        (b'{"type"', b'{"type!'),
        (b"listed", b"li\xff\xffed"),
        (b"listed", b"lisYed"),
    ],
)
def test_overwritten_bytes_in_a_row_are_reported_as_damage(
    contents: bytes, tmp_path: Path, written: bytes, over: bytes
) -> None:
    offset = contents.rindex(written)
    damaged = contents[:offset] + over + contents[offset + len(over) :]
    assert refusal_of(tmp_path / "scope", damaged).exit_code == 78


def test_a_journal_of_a_newer_version_is_refused(contents: bytes, tmp_path: Path) -> None:
    version = (len(MIGRATIONS) + 1).to_bytes(4, "big")
    error = refusal_of(tmp_path / "scope", contents[:60] + version + contents[64:])
    assert isinstance(error, StateError)
    assert f"schema {len(MIGRATIONS) + 1}" in str(error)
    assert "newer version" in str(error)


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE meetings (x)")
    connection.close()
    error = refusal_of(tmp_path / "scope", other.read_bytes())
    assert isinstance(error, StateError)
    assert "not a state database of the harvester" in str(error)


@contextmanager
def unprivileged() -> Iterator[Path]:
    """A folder of a user who needs permissions; root would write regardless of them."""
    root = os.geteuid() == 0
    folder = Path(tempfile.mkdtemp(prefix="journal-"))
    if root:
        os.chown(folder, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
        os.seteuid(UNPRIVILEGED_ID)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)
        shutil.rmtree(folder)


def _open_and_write(folder: Path) -> None:
    journal = Journal(folder)
    try:
        journal.set_fact("written", "yes")
    finally:
        journal.close()


def test_a_read_only_file_is_an_output_error_with_its_path() -> None:
    with unprivileged() as folder:
        _open_and_write(folder)
        path = folder / "journal.db"
        path.chmod(0o400)
        with pytest.raises(
            OutputError, match=r"journal\.db cannot be written \(.*\): check its owner and permissions"
        ) as raised:
            _open_and_write(folder)
        assert raised.value.exit_code == 74


def test_a_read_only_folder_is_an_output_error_with_its_path() -> None:
    with unprivileged() as folder:
        _open_and_write(folder)
        folder.chmod(0o500)
        with pytest.raises(OutputError, match="cannot be written") as raised:
            _open_and_write(folder)
        assert str(folder) in str(raised.value)
        with pytest.raises(OutputError, match="HARVESTER_STATE_DIR"):
            Journal(folder / "scope")


def _fill_disk(journal: Journal) -> None:
    """Leave the database no space for another page."""
    with journal._database.reading() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")


def _list_and_flush(journal: Journal, *refs: MeetingRef) -> None:
    record_intents(journal, *refs)
    journal.add_listing(days(0, 1), NOTHING, NOW)
    journal.flush()


def test_after_a_full_disk_no_listing_is_recorded(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    _fill_disk(journal)
    with pytest.raises(
        OutputError, match=r"journal\.db cannot be written \(.*\): free some space$"
    ) as raised:
        _list_and_flush(journal, *(ref(f"m{number}" + "x" * 200) for number in range(300)))
    assert raised.value.exit_code == 74
    with pytest.raises(OutputError):
        journal.record_intent(ref("later"), NOTHING, 1)
    with pytest.raises(OutputError):
        journal.close()
    again = Journal(tmp_path)
    assert again.counts() == {}
    assert again.listings(NOTHING) == []
    again.close()


def test_after_a_failed_commit_nothing_is_written_even_if_there_is_space_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    _fill_disk(journal)
    for number in range(300):
        with suppress(OutputError):
            journal.record_intent(ref(f"m{number}" + "x" * 200), NOTHING, 1)
    with pytest.raises(OutputError):
        journal.flush()
    with journal._database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    with pytest.raises(OutputError):
        journal.add_listing(days(0, 1), NOTHING, NOW)
    with pytest.raises(OutputError):
        journal.close()
    again = Journal(tmp_path)
    assert again.listings(NOTHING) == []
    again.close()


# Earlier schemas


def test_a_journal_of_the_first_schema_opens(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as connection:
        connection.executescript((ROOT / "tests" / "data" / "state" / "journal-1.sql").read_text("utf-8"))
    connection.close()
    journal = Journal(tmp_path)
    day, at = (
        Window(start=datetime(2026, 11, 19, tzinfo=UTC), end=datetime(2026, 11, 20, tzinfo=UTC)),
        26 * HOUR,
    )
    both = frozenset({"qos", "raw"})
    assert journal.set_first_nightly(day.end) == day.start
    assert [(each.window, each.at) for each in journal.listings(both)] == [(day, day.start + at)]
    assert [each.partition for each in journal.failed_partitions()] == ["user abc"]
    assert {each.uuid: each.outcome for each in journal.open_meetings()} == {
        "/listed//==": "listed",
        "failed": "failed",
        "pending": "pending",
        "timeless": "listed",
    }
    done = journal.meeting("done")
    assert done is not None
    assert (done.outcome, done.rank, done.harvested_at, done.extras) == ("done", 3, day.start + at, both)
    assert done.ref.hint["type"] == "past"
    assert journal.begin_forced_run(day, both, day.end + DAY) == day.start + at
    assert [(run.what, run.exit_code) for run in journal.runs(9)] == [("2026-11-19", None), ("nightly", 75)]
    assert journal.fact("index_was_empty") == "yes"
    journal.record_intent(ref("new"), NOTHING, 3)
    journal.flush()
    assert journal.counts() == {"listed": 3, "done": 1, "pending": 1, "failed": 1, "gone": 1}
    journal.close()


def test_an_older_journal_takes_back_meetings_given_up_too_early(tmp_path: Path) -> None:
    """Before the schema had a table for it: gone by age, or stored and no longer waited for, which kept its reason."""
    old = Database(tmp_path / "journal.db", MIGRATIONS[:2])
    for values in (
        "'aged', 'gone', 5, 'd', '{}', '', NULL, NULL, NULL, 'expired', 2, 1",
        "'stored', 'done', 5, 'd', '{}', '', 2, 6, NULL, 'quality not ready', 0, 1",
        "'deleted', 'gone', 5, 'd', '{}', '', NULL, NULL, NULL, 'deleted', 1, 1",
        "'done', 'done', 5, 'd', '{}', '', 2, 6, NULL, NULL, 0, 1",
    ):
        with old.transaction() as connection:
            connection.execute(f"INSERT INTO meetings VALUES ({values})")  # noqa: S608  # the name is the test's own
    old.close()
    with closing(Journal(tmp_path)) as journal:
        assert journal.take_back(from_microseconds(9)) == 0
        assert journal.take_back(from_microseconds(5)) == 2
        assert {entry.uuid: entry.outcome for entry in journal.open_meetings()} == {
            "aged": "failed",
            "stored": "listed",
        }


def test_meetings_lie_in_the_order_in_which_they_were_recorded(tmp_path: Path) -> None:
    """So a commit changes few pages. Those of an older journal are put into the order of their start."""
    old = Database(tmp_path / "journal.db", MIGRATIONS[:5])
    with old.transaction() as connection:
        for uuid, start in (("a", 3), ("b", 1), ("c", None), ("d", 2)):
            connection.execute(
                "INSERT INTO meetings VALUES (?, 'done', ?, 'd', '{}', '', 2, 6, NULL, NULL, 0, 1)",
                (uuid, start),
            )
            connection.execute("INSERT INTO sessions VALUES (?, '1 digest', NULL, NULL)", (uuid,))
    old.close()
    with closing(Journal(tmp_path)) as journal:
        record_intents(journal, ref("0"))
        found = journal.meetings(["a", "b", "c", "d", "0"])
        assert {uuid: entry.sessions is not None for uuid, entry in found.items()} == {
            **dict.fromkeys("abcd", True),
            "0": False,
        }
        for table, uuids in (("meetings", "cbda0"), ("sessions", "cbda")):
            rows = journal._database.fetch_all(f"SELECT uuid FROM {table} ORDER BY rowid")  # noqa: S608  # the name is the test's own
            assert "".join(uuid for (uuid,) in rows) == uuids
