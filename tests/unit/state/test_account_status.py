"""Coverage and backlog of one account in one index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connectors.models import MeetingRef, Reason, Window
from harvester.state.account_status import Backlog, Coverage, Retention, account_status, coverage_of
from harvester.state.intervals import Listing
from harvester.state.journal import Journal

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)
UTC_ZONE = ZoneInfo("UTC")


def days(first: int, last: int) -> Window:
    """From so many days before the last midnight to so many."""
    return Window(start=MIDNIGHT - first * DAY, end=MIDNIGHT - last * DAY)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A nightly run began a month ago and has listed everything to the last midnight."""
    with closing(Journal(tmp_path)) as opened:
        opened.set_first_nightly(MIDNIGHT - 30 * DAY)
        opened.add_listing(days(30, 0), frozenset(), NOW - timedelta(hours=9))
        opened.flush()
        yield opened


def test_stored_meetings_are_not_lost_when_the_vendor_drops_them(journal: Journal) -> None:
    ref = MeetingRef(uuid="stored", start_time=NOW - 200 * DAY, digest="d")
    journal.record_intent(ref, frozenset(), 1)
    journal.mark_stored(ref, rank=1, harvested_at=NOW, due=NOW, reason=Reason.live)
    journal.flush()
    retention = Retention(lookback=7 * DAY, period=180 * DAY)
    status = account_status(journal, now=NOW, zone=UTC_ZONE, retention=retention)
    assert status.expiring is not None
    assert status.expiring.lost_meetings == 0


def test_nothing_is_guessed_about_a_vendor_that_is_not_installed(journal: Journal) -> None:
    status = account_status(journal, now=NOW, zone=UTC_ZONE, retention=None)
    assert status.expiring is None
    assert status.gone == []
    assert status.coverage.until == MIDNIGHT
    assert status.coverage.final_until is None


def covered_by(
    *listings: Listing, first_nightly: datetime | None = None, targets: Sequence[Window] = ()
) -> Coverage:
    return coverage_of(
        listings, first_nightly, targets, now=NOW, zone=UTC_ZONE, lookback=DAY, backlog=Backlog()
    )


def test_coverage_of_nothing_and_of_what_begins_later() -> None:
    empty = covered_by()
    assert (empty.since, list(empty.gaps)) == (None, [])
    today = covered_by(first_nightly=MIDNIGHT)
    assert (today.since, today.until, list(today.gaps)) == (MIDNIGHT, None, [])
    whole = covered_by(Listing(window=days(1, -1), at=NOW))
    assert (whole.until, whole.final_until) == (NOW, NOW - DAY)


def test_what_a_run_was_to_list_before_the_first_listing_is_a_gap() -> None:
    """A backfill that failed, before the nightly runs began."""
    failed = [days(9, 6), days(1, -1)]
    coverage = covered_by(Listing(window=days(3, 0), at=NOW), targets=failed)
    assert (coverage.since, coverage.until) == (MIDNIGHT - 3 * DAY, MIDNIGHT)
    assert list(coverage.gaps) == [days(9, 6)]
    assert list(covered_by(targets=failed).gaps) == [days(9, 6), days(1, 0)]
    repeated = Listing(window=days(9, 6), at=NOW)
    assert list(covered_by(Listing(window=days(6, 0), at=NOW), repeated, targets=failed).gaps) == []


def test_a_run_of_some_users_leaves_no_gap(journal: Journal) -> None:
    journal.add_target(days(40, 38), is_whole=False)
    journal.add_target(days(35, 34))
    status = account_status(journal, now=NOW, zone=UTC_ZONE, retention=None)
    assert list(status.coverage.gaps) == [days(35, 34)]


def test_unread_days_are_listed_and_not_complete(journal: Journal) -> None:
    journal.record_intent(MeetingRef(uuid="m", start_time=MIDNIGHT - 3 * DAY, digest="d"), frozenset(), 1)
    journal.flush()
    retention = Retention(lookback=7 * DAY, period=180 * DAY)
    coverage = account_status(journal, now=NOW, zone=UTC_ZONE, retention=retention).coverage
    assert coverage.listed == [days(30, 0)]
    assert coverage.complete == [days(30, 3), days(2, 0)]


def test_gaps_that_the_vendor_has_dropped_are_lost_and_not_reachable(journal: Journal) -> None:
    journal.add_listing(days(60, 50), frozenset(), NOW)
    journal.flush()
    retention = Retention(lookback=DAY, period=timedelta(days=40, hours=12))
    status = account_status(journal, now=NOW, zone=UTC_ZONE, retention=retention)
    assert status.coverage.gaps == [days(50, 30)]
    assert status.expiring is not None
    assert status.expiring.lost_gaps == [days(50, 40)]
    assert status.reachable_gaps == [days(40, 30)]
