"""What the tracker decides about a record that was fetched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.models import Detail, Meeting, MeetingRecord, MeetingRef, Window
from harvester.pipeline.planner import filtered
from harvester.pipeline.tracker import Fetch, JournalTracker, KeepStored, LoadedMeeting
from harvester.sinks.base import Load
from harvester.state.journal import Journal

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
DAY = Window(start=datetime(2026, 11, 20, tzinfo=UTC), end=datetime(2026, 11, 21, tzinfo=UTC))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path)) as opened:
        yield opened


def tracker_of(journal: Journal) -> JournalTracker:
    plan = filtered(DAY, timedelta(days=30), since=None)
    return JournalTracker(journal, plan, extras=frozenset(), run=1, now=lambda: NOW, was_empty=False)


def fetched(tracker: JournalTracker, digest: str) -> MeetingRef:
    fetch = tracker.should_fetch(MeetingRef(uuid="m", start_time=DAY.start, digest=digest))
    assert isinstance(fetch, Fetch)
    tracker.on_fetching(fetch)
    return fetch.ref


def record(detail: Detail, *, listed_only: bool = False) -> MeetingRecord:
    meeting = Meeting(
        vendor="v", account="a", uuid="m", detail=detail, harvested_at=NOW, start_time=DAY.start
    )
    return MeetingRecord(meeting=meeting, listed_only=listed_only)


def test_a_meeting_known_from_the_listing_only_is_loaded_if_nothing_is_stored(journal: Journal) -> None:
    tracker = tracker_of(journal)
    decision = tracker.decide(fetched(tracker, "d"), record(Detail.basic, listed_only=True))
    assert isinstance(decision, Load)


@pytest.mark.parametrize("stored", [Detail.basic, Detail.full])
def test_a_meeting_known_from_the_listing_only_replaces_nothing_that_ended(
    journal: Journal, stored: Detail
) -> None:
    tracker = tracker_of(journal)
    tracker.on_acknowledged(LoadedMeeting.of(fetched(tracker, "d"), record(stored)))
    journal.flush()
    tracker = tracker_of(journal)
    decision = tracker.decide(fetched(tracker, "changed"), record(Detail.basic, listed_only=True))
    assert isinstance(decision, KeepStored)


def test_a_meeting_known_from_the_listing_only_ends_a_live_one(journal: Journal) -> None:
    tracker = tracker_of(journal)
    tracker.on_acknowledged(LoadedMeeting.of(fetched(tracker, "d"), record(Detail.live)))
    journal.flush()
    tracker = tracker_of(journal)
    decision = tracker.decide(fetched(tracker, "changed"), record(Detail.basic, listed_only=True))
    assert isinstance(decision, Load)
