"""Whether a run notices that the index is not the one that the journal speaks of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.models import Detail, Window
from harvester.pipeline.index_generation import EMPTY_WHEN_BEGUN, IndexGeneration, period_of
from harvester.pipeline.report import Report
from harvester.state.journal import Journal
from tests.unit.journal_builders import NOTHING, NOW, ref

MEETINGS, SESSIONS = "harvester-meetings-2026", "harvester-sessions-2026"


@dataclass
class FakeIndices:
    found: dict[str, str] | None = field(default_factory=dict)
    newest: datetime | None = None

    def uuids(self) -> dict[str, str] | None:
        return None if self.found is None else dict(self.found)

    def ping(self) -> None:
        """It answers."""

    def newest_harvest(self, _vendor: str, _account: str) -> datetime | None:
        return self.newest


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "scope")) as opened:
        yield opened


def generation(indices: FakeIndices, journal: Journal) -> IndexGeneration:
    return IndexGeneration(indices, journal, vendor="zoom", account="main")


def begin(indices: FakeIndices, journal: Journal, previous: datetime | None = None) -> IndexGeneration:
    begun = generation(indices, journal)
    begun.check_before(previous)
    return begun


def store(journal: Journal, *uuids: str, start: datetime | None = NOW) -> None:
    for uuid in uuids:
        journal.record_intent(ref(uuid, start), NOTHING, 1)
        journal.mark_stored(ref(uuid, start), rank=Detail.full, harvested_at=NOW, due=None, reason=None)
    journal.flush()


def outcomes(journal: Journal) -> dict[str, int]:
    journal.flush()
    return journal.counts()


def a_run(indices: FakeIndices, journal: Journal, *uuids: str) -> None:
    """A run that stores these meetings in both indices of the year."""
    begun = begin(indices, journal)
    assert indices.found is not None
    for name in (MEETINGS, SESSIONS):
        indices.found.setdefault(name, f"first {name}")
    begun.on_ready([MEETINGS, SESSIONS])
    store(journal, *uuids)
    report = Report(vendor="zoom", account="main")
    begun.check_after(report)
    assert report.exit_code == 0


def test_an_unchanged_index_undoes_nothing(journal: Journal) -> None:
    indices = FakeIndices()
    a_run(indices, journal, "a", "b")
    begin(indices, journal)
    assert outcomes(journal) == {"done": 2}


@pytest.mark.parametrize(
    "now", [{}, {MEETINGS: "another", SESSIONS: "another"}, {MEETINGS: f"first {MEETINGS}"}]
)
def test_meetings_of_a_lost_index_are_read_again(
    journal: Journal, now: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    indices = FakeIndices()
    a_run(indices, journal, "a", "b")
    store(journal, "another year", start=NOW.replace(year=2024))
    store(journal, "without a start", start=None)
    indices.found = now
    begin(indices, journal)
    assert outcomes(journal) == {"done": 1, "failed": 3}
    assert "3 meetings to be read again" in caplog.text
    caplog.clear()
    begin(indices, journal)
    assert outcomes(journal) == {"done": 1, "failed": 3}
    assert not caplog.text, "said once"


def test_the_records_before_a_kill_are_enough(journal: Journal) -> None:
    indices = FakeIndices({})
    begun = begin(indices, journal)
    indices.found = {MEETINGS: "u"}
    begun.on_ready([MEETINGS])
    store(journal, "a")
    indices.found = {}
    begin(indices, journal)
    assert outcomes(journal) == {"failed": 1}


@pytest.mark.parametrize("recreated", [True, False])
def test_an_index_that_vanishes_during_the_run_makes_it_fail(journal: Journal, recreated: bool) -> None:
    indices = FakeIndices({})
    begun = begin(indices, journal)
    indices.found = {MEETINGS: "u"}
    begun.on_ready([MEETINGS])
    store(journal, "a", "b")
    indices.found = {}
    if recreated:
        indices.found = {MEETINGS: "v"}
        begun.on_ready([MEETINGS])
    report = Report(vendor="zoom", account="main")
    begun.check_after(report)
    assert outcomes(journal) == {"failed": 2}
    assert (report.exit_code, report.lost_indices) == (75, 1)
    assert "2 meetings to be read again" in str(report.reason)
    begin(indices, journal)
    store(journal, "a", "b")
    begin(indices, journal)
    assert outcomes(journal) == {"done": 2}


def test_without_the_privilege_nothing_is_undone(journal: Journal) -> None:
    indices = FakeIndices()
    a_run(indices, journal, "a")
    indices.found = None
    begun = begin(indices, journal)
    begun.on_ready([MEETINGS])
    begun.check_after(Report(vendor="zoom", account="main"))
    assert outcomes(journal) == {"done": 1}


def test_a_journal_of_an_earlier_version_notices_that_no_index_is_left(journal: Journal) -> None:
    store(journal, "a")
    begin(FakeIndices({"harvester-meetings-2026": "u"}), journal)
    assert outcomes(journal) == {"done": 1}


def test_a_journal_of_an_earlier_version_without_any_index_reads_all_again(journal: Journal) -> None:
    store(journal, "a")
    begin(FakeIndices({}), journal)
    assert outcomes(journal) == {"failed": 1}


def test_an_older_journal_is_noticed_and_stale_documents_are_looked_for(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    journal.set_fact(EMPTY_WHEN_BEGUN, "yes")
    begin(FakeIndices({}, newest=NOW), journal, previous=NOW)
    begin(FakeIndices({}, newest=NOW), journal, previous=None)
    assert journal.fact(EMPTY_WHEN_BEGUN) == "yes"
    begin(FakeIndices({}, newest=NOW + timedelta(hours=1)), journal, previous=NOW)
    assert journal.fact(EMPTY_WHEN_BEGUN) == "no"
    assert "restored from a backup" in caplog.text


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("harvester-meetings-2026", (2025, 12, 31), (2027, 1, 2)),
        ("my-harvester-sessions-2026", (2025, 12, 31), (2027, 1, 2)),
        ("harvester-sessions-2026-12", (2026, 11, 30), (2027, 1, 2)),
        ("harvester-2026-sessions-2026-02", (2026, 1, 31), (2026, 3, 2)),
    ],
)
def test_the_period_of_an_index(name: str, first: tuple[int, int, int], last: tuple[int, int, int]) -> None:
    window = Window(start=datetime(*first, tzinfo=UTC), end=datetime(*last, tzinfo=UTC))
    assert period_of(name) == window
