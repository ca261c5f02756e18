"""How the runner plans and records a run, here a filtered one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.errors import ConfigurationError, Unreachable
from connectors.models import MeetingRef, Window
from harvester.pipeline import runner
from harvester.pipeline.report import Report
from harvester.pipeline.request import VendorOptions, resolve
from harvester.state import batch_writer
from harvester.state.journal import Journal

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
DAY = Window(start=datetime(2026, 11, 20, tzinfo=UTC), end=datetime(2026, 11, 21, tzinfo=UTC))
SPAN = timedelta(days=30)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path)) as opened:
        yield opened


REPORT = Report(vendor="fake", account="main")
ACCOUNT: Any = SimpleNamespace(
    vendor="fake",
    config=SimpleNamespace(privacy=SimpleNamespace(drops_personal=False)),
    connector=SimpleNamespace(max_window=SPAN, retention=SPAN, lookback=timedelta(days=3)),
    context=SimpleNamespace(now=lambda: NOW, knows_vendor_time=True),
)


def test_what_is_older_than_the_retention_is_named_to_the_hour(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    connector = SimpleNamespace(**{**vars(ACCOUNT.connector), "retention": SPAN - timedelta(hours=1)})
    account: Any = SimpleNamespace(**{**vars(ACCOUNT), "connector": connector})
    older = Window(start=NOW - timedelta(days=40), end=NOW)
    retained = runner.clip_to_retention(account, older, "verified")
    assert retained == Window(start=NOW - SPAN + timedelta(hours=1), end=NOW)
    assert runner.clip_to_retention(account, Window(start=NOW - timedelta(days=40), end=NOW - SPAN)) is None
    assert caplog.messages == [
        "fake: the vendor retains 29 days and 23 hours: nothing before 2026-10-22 04:00 UTC can be verified",
        "fake: nothing can be read: the vendor retains 29 days and 23 hours, and all of this is older",
    ]


@pytest.mark.parametrize(
    ("given", "window", "again"),
    [
        ({}, DAY, False),
        ({"first": DAY.start.date()}, DAY, False),
        ({"on": DAY.start.date()}, DAY, True),
        ({"upcoming_days": 7}, Window(start=NOW, end=NOW + timedelta(days=7)), True),
    ],
)
def test_a_filtered_run_lists_its_window_and_records_no_target(
    given: dict[str, Any], window: Window, again: bool, journal: Journal
) -> None:
    options = VendorOptions(filtered=True, upcoming_days=given.pop("upcoming_days", None))
    request = resolve(now=NOW, zone=ZoneInfo("UTC"), options=options, **given)
    with runner.recorded_run(ACCOUNT, journal, lambda: False, request, REPORT) as (plan, _):
        assert [part.window for part in plan.slices] == [window]
        assert (plan.filtered, plan.forced_since is not None) == (True, again)
    assert journal.first_nightly() is None, "a filtered run sets no first nightly day"
    begun = journal.begin_forced_run(window, frozenset(), NOW + timedelta(hours=1))
    assert begun == NOW + timedelta(hours=1), "no forced run was recorded"


def test_a_filtered_run_beyond_the_retention_reads_nothing(journal: Journal) -> None:
    waiting = MeetingRef(uuid="waiting", start_time=DAY.start + timedelta(hours=9), digest="d")
    journal.record_intent(waiting, frozenset(), 1)
    journal.flush()
    request = resolve(
        now=NOW, zone=ZoneInfo("UTC"), options=VendorOptions(filtered=True), on=date(2026, 1, 1)
    )
    with runner.recorded_run(ACCOUNT, journal, lambda: False, request, REPORT) as (plan, tracker):
        assert list(plan.slices) == []
        assert list(tracker.resume()) == []


def test_what_is_left_is_counted_with_the_last_changes_and_from_the_start_of_the_run(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A meeting that was due before the run, and that the run left, must not make it begin again and again."""
    monkeypatch.setattr(batch_writer, "COMMIT_SECONDS", 3600.0)  # no change is committed by itself
    dues = {"before": NOW, "meanwhile": NOW + timedelta(minutes=5), "later": NOW + timedelta(hours=2)}
    clock = iter([NOW, NOW + timedelta(minutes=10)])
    report = Report(vendor="fake", account="main")
    with runner.counted_unfinished(journal, report, lambda: next(clock)):
        for uuid, due in dues.items():
            ref = MeetingRef(uuid=uuid, start_time=NOW, digest="d", hint={})
            journal.record_intent(ref, frozenset(), 1)
            journal.set_outcome(ref, "pending", due=due, reason="live")
    assert report.unfinished == {"pending": 3}
    assert report.resume_after == timedelta(0), "at once: one has become due during the run"


def account_at(now: datetime, *, known: bool) -> Any:
    return SimpleNamespace(
        vendor="fake",
        config=SimpleNamespace(privacy=SimpleNamespace(drops_personal=False)),
        connector=ACCOUNT.connector,
        context=SimpleNamespace(now=lambda: now, knows_vendor_time=known),
    )


def nightly_run(journal: Journal, now: datetime, *, known: bool = True) -> list[Window]:
    """The windows that a nightly run lists; the listing reaches its end."""
    request = resolve(now=now, zone=ZoneInfo("UTC"))
    report = Report(vendor="fake", account="main", listing_complete=True)
    account = account_at(now, known=known)
    with runner.recorded_run(account, journal, lambda: False, request, report) as (plan, tracker):
        for part in plan.slices:
            tracker.on_slice_started(part)
            tracker.on_slice_listed(part)
    journal.flush()
    return [part.window for part in plan.slices]


@pytest.mark.parametrize("known", [True, False])
def test_after_a_night_with_the_clock_ahead_everything_is_listed_again(
    journal: Journal, caplog: pytest.LogCaptureFixture, known: bool
) -> None:
    nightly_run(journal, NOW)
    nightly_run(journal, NOW + timedelta(hours=20), known=False)
    (window,) = nightly_run(journal, NOW + timedelta(hours=10), known=known)
    assert window == DAY
    assert "was ahead in an earlier run" in caplog.text


def test_a_clock_that_may_be_wrong_now_does_not_overrule_the_journal(journal: Journal) -> None:
    nightly_run(journal, NOW + 10 * timedelta(days=1))
    before = journal.listings(frozenset())
    with pytest.raises(ConfigurationError, match=r"2026-12-01 03:00 UTC, but now it is 2026-11-21 03:00 UTC"):
        nightly_run(journal, NOW, known=False)
    assert (journal.listings(frozenset()), len(journal.runs(9))) == (before, 1)


def test_a_meeting_is_given_up_by_the_vendors_time_and_taken_back_if_it_was_wrong(journal: Journal) -> None:
    waiting = MeetingRef(uuid="waiting", start_time=DAY.start, digest="d")
    journal.record_intent(waiting, frozenset(), 1)
    journal.set_outcome(waiting, "failed", reason="no")
    nightly_run(journal, NOW + 300 * timedelta(days=1), known=False)
    assert journal.counts() == {"gone": 1}
    nightly_run(journal, NOW)
    assert journal.counts() == {"failed": 1}


def test_a_first_night_without_elasticsearch_is_caught_up(journal: Journal) -> None:
    def unreachable(_ended: datetime | None) -> None:
        raise Unreachable("Elasticsearch does not answer")

    generation: Any = SimpleNamespace(check_before=unreachable)
    request, report = resolve(now=NOW, zone=ZoneInfo("UTC")), Report(vendor="fake", account="main")
    with (
        pytest.raises(Unreachable),
        runner.recorded_run(ACCOUNT, journal, lambda: False, request, report, generation=generation),
    ):
        raise AssertionError("nothing is harvested")
    assert journal.first_nightly() == DAY.start
    assert journal.targets() == [DAY]
    assert nightly_run(journal, NOW + timedelta(days=1)) == [
        Window(start=DAY.start, end=DAY.end + timedelta(days=1))
    ]
