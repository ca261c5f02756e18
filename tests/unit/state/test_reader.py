"""The read-only view of a state folder, of a missing one and of one that a run writes meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import StateError
from connectors.models import MeetingRef, Window
from harvester.state.journal import Journal
from harvester.state.layout import JournalLocation, journal_database, journal_folder, rejects_folder
from harvester.state.quotas_and_tokens import AccountState
from harvester.state.reader import KnownState, StateReader
from harvester.state.rejects import Reject, Rejects

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)
DAY = timedelta(days=1)
HOST, PREFIX = "http://127.0.0.1:9200", "harvester-"
INSIDE, OUTSIDE = "2026-11-25T09:00:00Z", "2026-11-01T09:00:00Z"


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """The folder of an account, which is created by the first test that writes into it."""
    return tmp_path / "zoom-main-0123456789ab"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """The folder of the rejects of the index."""
    return rejects_folder(tmp_path, HOST, PREFIX)


@pytest.fixture
def folder(account: Path, index: Path) -> Path:
    """The folder of the journal of the account and the index."""
    return journal_folder(account, index)


@pytest.fixture
def reader(tmp_path: Path) -> StateReader:
    return StateReader(tmp_path)


@pytest.fixture
def known(reader: StateReader, account: Path) -> Iterator[KnownState]:
    with closing(reader.known_state(account, HOST, PREFIX, id_prefix="zoom:main:")) as opened:
        yield opened


def days(first: int, last: int) -> Window:
    """From so many days before the last midnight to so many."""
    return Window(start=MIDNIGHT - first * DAY, end=MIDNIGHT - last * DAY)


def record(journal: Journal, uuid: str, start: datetime = NOW - DAY) -> MeetingRef:
    ref = MeetingRef(uuid=uuid, start_time=start, digest="d")
    journal.record_intent(ref, frozenset(), 1)
    return ref


def reject(document_id: str, **document: Any) -> Reject:
    return Reject(
        document_id=document_id, index="i", version=1, reason="bad", document=json.dumps(document).encode()
    )


def add_rejects(folder: Path, *rejects: Reject) -> None:
    with closing(Rejects(folder, lambda: NOW)) as opened:
        opened.add(rejects)


# StateReader


def test_an_empty_or_missing_folder_has_no_journals(tmp_path: Path) -> None:
    for state in (tmp_path, tmp_path / "missing"):
        assert StateReader(state).journals() == []
        assert StateReader(state).count_rejects_of_loads() == 0
    assert not (tmp_path / "missing").exists()


def test_a_journal_is_found_by_account_host_and_prefix(
    reader: StateReader, account: Path, folder: Path
) -> None:
    assert reader.find_journal(account, HOST, PREFIX) is None
    Journal(folder).close()
    assert reader.find_journal(account, HOST, PREFIX) == folder
    assert reader.find_journal(account, HOST, "other-") is None
    assert reader.find_journal(account, "http://other:9200", PREFIX) is None
    assert [location.folder for location in reader.journals()] == [folder]


@pytest.mark.parametrize("close_first", [True, False])
def test_a_journal_answers_while_a_run_writes_it_and_afterwards(
    reader: StateReader, folder: Path, close_first: bool
) -> None:
    journal = Journal(folder)
    record(journal, "m")
    journal.flush()
    if close_first:
        journal.close()
    location = JournalLocation(folder=folder)
    assert reader.ask_journal(location, lambda journal: journal.counts()) == {"listed": 1}
    if not close_first:
        journal.close()


def test_a_question_is_repeated_if_a_run_begins_meanwhile(reader: StateReader, folder: Path) -> None:
    Journal(folder).close()
    runs: list[Journal] = []

    def counts_while_a_run_begins(journal: Any) -> dict[str, int]:
        counts: dict[str, int] = journal.counts()
        if not runs:
            runs.append(Journal(folder))
            record(runs[0], "m")
            runs[0].flush()
        return counts

    try:
        location = JournalLocation(folder=folder)
        assert reader.ask_journal(location, counts_while_a_run_begins) == {"listed": 1}
    finally:
        runs[0].close()


def test_an_error_of_a_question_is_raised_if_no_run_began(reader: StateReader, folder: Path) -> None:
    Journal(folder).close()
    calls = []

    def question(_journal: Any) -> None:
        calls.append("asked")
        raise StateError("damaged")

    with pytest.raises(StateError, match="damaged"):
        reader.ask_journal(JournalLocation(folder=folder), question)
    assert calls == ["asked"]


def test_a_run_is_active_while_it_has_the_lock_of_its_journal(reader: StateReader, folder: Path) -> None:
    location = JournalLocation(folder=folder)
    with closing(Journal(folder)) as journal:
        with journal.lock():
            assert reader.run_is_active(location)
        assert reader.run_is_active(location) is False


def test_the_quotas_are_those_of_the_account_and_of_today(
    reader: StateReader, account: Path, folder: Path
) -> None:
    location = JournalLocation(folder=folder)
    assert reader.quotas_used(location, NOW) == {}
    with closing(AccountState(account, lambda: NOW)) as state:
        state.consume_quota("heavy", 3, limit=100)
    assert reader.quotas_used(location, NOW) == {"heavy": 3}
    assert reader.quotas_used(location, NOW + DAY) == {}


def test_the_quotas_of_an_account_are_those_of_its_pool(
    reader: StateReader, account: Path, folder: Path, tmp_path: Path
) -> None:
    location = JournalLocation(folder=folder)
    pool = account.parent / "quota-zoom-1"
    with (
        closing(AccountState(account, lambda: NOW, quotas=pool)) as state,
        closing(AccountState(tmp_path / "sibling", lambda: NOW, quotas=pool)) as sibling,
    ):
        state.consume_quota("heavy", 3, limit=1000)
        sibling.consume_quota("heavy", 4, limit=1000)
    assert reader.quotas_used(location, NOW) == {"heavy": 7}


def test_rejects_of_loads_are_counted_apart_from_those_of_harvests(
    reader: StateReader, folder: Path, index: Path, tmp_path: Path
) -> None:
    location = JournalLocation(folder=folder)
    assert reader.count_rejects(location) == 0
    Journal(folder).close()
    add_rejects(index, reject("zoom:main:a"), reject("zoom:main:b"))
    add_rejects(rejects_folder(tmp_path, HOST, "other-"), reject("zoom:main:c"))
    assert reader.count_rejects(location) == 2
    assert reader.count_rejects_of_loads() == 1


# KnownState


def test_without_journal_and_rejects_nothing_is_known(known: KnownState, tmp_path: Path) -> None:
    assert known.targets(MIDNIGHT) is None
    assert not known.has_unfinished_run()
    assert known.meeting("m") is None
    assert list(known.stored_in(days(9, 0))) == []
    assert known.rejected_in(days(9, 0)) == set()
    assert known.rejected("m") == {}
    assert list(tmp_path.iterdir()) == []


def test_the_targets_of_a_journal_without_runs_are_unknown(known: KnownState, folder: Path) -> None:
    Journal(folder).close()
    assert known.targets(MIDNIGHT) is None


def test_the_targets_of_nightly_runs_end_at_the_given_instant(known: KnownState, folder: Path) -> None:
    with closing(Journal(folder)) as journal:
        journal.set_first_nightly(days(3, 0).start)
        journal.add_target(days(9, 8))
    assert known.targets(MIDNIGHT) == [days(9, 8), days(3, 0)]
    assert known.targets(MIDNIGHT - 3 * DAY) == [days(9, 8)]


def test_a_first_nightly_run_after_the_end_has_no_targets_yet(known: KnownState, folder: Path) -> None:
    with closing(Journal(folder)) as journal:
        journal.set_first_nightly(MIDNIGHT)
    assert known.targets(MIDNIGHT) == []


def test_the_last_run_is_unfinished_until_its_end_is_recorded(known: KnownState, folder: Path) -> None:
    with closing(Journal(folder)) as journal:
        run = journal.begin_run("nightly", NOW)
        journal.flush()
        assert known.has_unfinished_run()
        journal.end_run(run, NOW, 0, {})
        journal.flush()
        assert not known.has_unfinished_run()


def test_meetings_are_known_by_their_uuid_and_stored_ones_by_their_start(
    known: KnownState, folder: Path
) -> None:
    with closing(Journal(folder)) as journal:
        record(journal, "listed")
        for uuid, start in {"b": NOW - DAY, "a": NOW - DAY, "earlier": NOW - 4 * DAY}.items():
            journal.mark_stored(record(journal, uuid, start), rank=3, harvested_at=NOW, due=None, reason=None)
    entry = known.meeting("listed")
    assert entry is not None
    assert (entry.uuid, entry.outcome) == ("listed", "listed")
    assert list(known.stored_in(days(2, 0))) == ["a", "b"]
    assert list(known.stored_in(days(5, 3))) == ["earlier"]


def test_a_closed_journal_is_reopened_if_another_run_changed_it(known: KnownState, folder: Path) -> None:
    for number in range(3):
        with closing(Journal(folder)) as journal:
            record(journal, f"m{number}")
        assert known.meeting(f"m{number}") is not None
        assert known.meeting(f"m{number + 1}") is None


def test_rejects_are_selected_by_account_and_by_the_time_of_the_meeting(
    known: KnownState, index: Path
) -> None:
    add_rejects(
        index,
        reject("zoom:main:in", **{"@timestamp": INSIDE}),
        reject("zoom:main:in:1", **{"@timestamp": OUTSIDE, "meeting_timestamp": INSIDE}),
        reject("zoom:main:out", **{"@timestamp": OUTSIDE}),
        reject("zoom:main:odd", **{"@timestamp": "yesterday"}),
        replace(reject("zoom:main:torn"), document=b'{"document'),
        reject("zoom:mainly:in", **{"@timestamp": INSIDE}),
        reject("webex:main:in", **{"@timestamp": INSIDE}),
        reject("sha256:0"),
    )
    names = {"in", "in:1", "odd", "torn"}
    assert known.rejected_in(days(2, 0)) == {f"zoom:main:{name}" for name in names}


def test_the_rejects_of_a_meeting_are_its_own_document_and_its_sessions(
    known: KnownState, index: Path
) -> None:
    add_rejects(
        index,
        reject("zoom:main:m"),
        reject("zoom:main:m:k", stay="attended"),
        replace(reject("zoom:main:m:torn"), document=b"["),
        reject("zoom:main:m2:k", stay="attended"),
        reject("zoom:main:m;k"),
    )
    assert known.rejected("m") == {
        "zoom:main:m": None,
        "zoom:main:m:k": "attended",
        "zoom:main:m:torn": None,
    }


def test_an_answer_creates_no_file(known: KnownState, folder: Path) -> None:
    Journal(folder).close()
    before = sorted(folder.parent.parent.rglob("*"))
    known.targets(MIDNIGHT)
    known.rejected_in(days(2, 0))
    assert sorted(folder.parent.parent.rglob("*")) == before
    assert journal_database(folder) in before
