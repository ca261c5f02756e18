"""The deletions and harvests of a repair, and its report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import Gone, NotReady, VendorError
from connectors.models import MeetingRecord, MeetingRef, Pending, Reason
from harvester.pipeline.tracker import KeepStored, LoadedMeeting
from harvester.sinks.base import Load
from harvester.state.journal import Journal
from harvester.state.journal_rows import JournalEntry
from harvester.verify.findings import KEPT_ORPHANS, Finding, unrepaired
from harvester.verify.repair import RepairTracker, after_repair, orphans, to_harvest
from tests.invented_meetings import HARVESTED, plain
from tests.unit.verify.test_comparison import NEW, ref


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path)) as opened:
        yield opened


def now() -> datetime:
    return HARVESTED + timedelta(days=1)


def repairing(journal: Journal, *findings: Finding) -> RepairTracker:
    return RepairTracker(journal, to_harvest(findings), run=7, now=now)


def start(tracker: RepairTracker) -> list[MeetingRef]:
    """The meetings that the repair is about to fetch."""
    fetches = list(tracker.resume())
    for fetch in fetches:
        tracker.on_fetching(fetch)
    return [fetch.ref for fetch in fetches]


def missing(uuid: str, **more: Any) -> Finding:
    return Finding(
        **{"kind": "missing", "uuid": uuid, "repair": "harvest", "ref": ref(uuid, {"r": 1}), **more}
    )


def known(journal: Journal, uuid: str) -> JournalEntry:
    journal.flush()
    found = journal.meeting(uuid)
    assert found is not None
    return found


def test_a_repair_fetches_the_meetings_found_with_their_rows(journal: Journal) -> None:
    journal.record_intent(ref("other"), frozenset(), 1)
    journal.set_outcome(ref("other"), "failed", reason="not part of the repair")
    journal.record_intent(ref("b"), frozenset({"qos"}), 1)
    journal.mark_stored(ref("b"), rank=3, harvested_at=HARVESTED, due=None, reason=None)
    journal.flush()
    tracker = repairing(journal, missing("a"), missing("b"))
    read = start(tracker)
    assert [one.uuid for one in read] == ["a", "b"]
    assert all(one.row == {"r": 1} for one in read)
    assert read[1].extras == {"qos"}
    assert known(journal, "a").outcome == "listed"
    assert known(journal, "a").first_run == 7
    assert tracker.decide(ref("a"), plain(1)) == Load(record=plain(1), is_new=False)


def test_a_poorer_record_is_loaded_only_if_nothing_is_stored(journal: Journal) -> None:
    for uuid in ("a", "b"):
        journal.record_intent(ref(uuid), frozenset(), 1)
        journal.mark_stored(ref(uuid), rank=3, harvested_at=HARVESTED, due=None, reason=None)
    journal.flush()
    tracker = repairing(journal, missing("a"), missing("b", kind="incomplete", held=3))
    start(tracker)
    basic: MeetingRecord = plain(1, when=now())
    assert isinstance(tracker.decide(ref("a"), basic), Load)
    tracker.on_acknowledged(LoadedMeeting.of(ref("a"), basic))
    assert (known(journal, "a").outcome, known(journal, "a").rank) == ("done", 2)
    assert isinstance(tracker.decide(ref("b"), basic), KeepStored)
    tracker.on_kept(ref("b"), KeepStored())
    assert "less detail" in tracker.reasons["b"]


def test_a_pending_poorer_record_is_reported_for_another_run(journal: Journal) -> None:
    journal.record_intent(ref("a"), frozenset(), 1)
    journal.mark_stored(ref("a"), rank=3, harvested_at=HARVESTED, due=None, reason=None)
    journal.flush()
    tracker = repairing(journal, missing("a", kind="incomplete", held=3))
    start(tracker)
    pending = Pending(until=now() + timedelta(minutes=5), reason=Reason.quality)
    kept = tracker.decide(ref("a"), replace(plain(1, when=now()), pending=pending))
    assert isinstance(kept, KeepStored)
    tracker.on_kept(ref("a"), kept)
    assert f"from {pending.until:%Y-%m-%d %H:%M} UTC" in tracker.reasons["a"]
    assert (known(journal, "a").outcome, known(journal, "a").due) == ("pending", pending.until)


def test_a_gone_meeting_is_lost_only_if_it_was_stored(journal: Journal) -> None:
    journal.record_intent(ref("once"), frozenset(), 1)
    journal.mark_stored(ref("once"), rank=2, harvested_at=HARVESTED, due=None, reason=None)
    journal.flush()
    findings = [missing(uuid) for uuid in ("once", "never", "later", "failed")]
    orphans_ = missing("orphans", kind="orphans", held=2)
    tracker = repairing(journal, *findings, orphans_)
    start(tracker)
    gone = Gone("deleted", reason=Reason.deleted)
    for uuid in ("once", "never", "orphans"):
        tracker.on_failed(ref(uuid), gone)
    tracker.on_failed(ref("later"), NotReady("wait", reason=Reason.not_ended, until=now()))
    tracker.on_failed(ref("failed"), VendorError("no"))
    assert known(journal, "once").outcome == known(journal, "never").outcome == "gone"
    assert known(journal, "orphans").outcome == "gone"
    results = after_repair([*findings, orphans_], [orphans_, missing("failed")], tracker)
    assert [(finding.kind, finding.repaired) for finding in results] == [
        ("missing", False),
        ("gone", None),
        ("pending", None),
        ("missing", False),
        ("orphans", False),
    ]
    assert [finding.uuid for finding in unrepaired(results)] == ["once", "failed", "orphans"]
    assert results[0].why == "deleted"
    assert results[4].why == f"deleted; {KEPT_ORPHANS}"
    assert orphans([*findings, orphans_], tracker.gone) == [orphans_]
    deleted = after_repair([orphans_], [], tracker, {"orphans"})
    assert [(finding.repaired, finding.why[:8]) for finding in deleted] == [(True, "deleted:")]


def test_sessions_are_not_deleted_while_their_meeting_may_come_back(journal: Journal) -> None:
    finding = missing("a", kind="orphans", held=2, index="i", ids=("x",), version=NEW)
    tracker = repairing(journal, finding)
    start(tracker)
    tracker.on_failed(ref("a"), VendorError("no answer"))
    assert orphans([finding], tracker.gone) == []
    assert known(journal, "a").outcome == "failed"
    (results,) = after_repair([finding], [finding], tracker)
    assert (results.repaired, results.why) == (False, "no answer")


def test_remaining_and_new_findings_are_reported_after_a_repair(journal: Journal) -> None:
    first, second = missing("a"), missing("b")
    new = replace(second, kind="incomplete", lacking=2)
    results = after_repair([first, second], [first, new], repairing(journal))
    assert [(f.uuid, f.kind, f.repaired) for f in results] == [
        ("a", "missing", False),
        ("b", "missing", True),
        ("b", "incomplete", False),
    ]
    assert results[0].why == "still there; run this again"
    assert results[2].lacking == 2


def test_documents_of_the_future_count_as_repaired_once_they_have_another_time(journal: Journal) -> None:
    """Even if the vendor fails or no longer has the meeting: later harvests can replace them."""
    findings = [replace(missing(uuid), kind="future", held=2) for uuid in ("gone", "failed", "blocked")]
    tracker = RepairTracker(journal, to_harvest(findings, {"blocked"}), run=7, now=now)
    tracker.reasons["blocked"] = "it needs the privilege manage"
    assert [one.uuid for one in start(tracker)] == ["gone", "failed"]
    tracker.on_failed(ref("gone"), Gone("deleted", reason=Reason.deleted))
    tracker.on_failed(ref("failed"), VendorError("no answer"))
    marked = after_repair(findings, [findings[2]], tracker)
    assert {f.uuid: (f.repaired, f.why) for f in marked} == {
        "gone": (True, "deleted"),
        "failed": (True, "no answer"),
        "blocked": (False, "it needs the privilege manage"),
    }
    assert known(journal, "failed").outcome == "failed"
