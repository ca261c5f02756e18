"""Options that carry values, and runs that they narrow: what such a run lists counts as listed for nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import click
import pytest
from click.testing import CliRunner

from connectors.base import Option
from connectors.models import Detail, Meeting, MeetingRecord, MeetingRef, Reason, SkippedPartition, Window
from harvester.cli.environment import RunEnvironment
from harvester.config import Environment
from harvester.pipeline import runner
from harvester.pipeline.planner import RunPlan, Slice, backfill, filtered, nightly, with_backlog
from harvester.pipeline.request import HarvestRequest, chosen, vendor_options
from harvester.pipeline.tracker import Fetch, JournalTracker, LoadedMeeting, Unchanged
from harvester.state.journal import Journal

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
DAY = Window(start=datetime(2026, 11, 20, tzinfo=UTC), end=datetime(2026, 11, 21, tzinfo=UTC))
SPAN = timedelta(days=30)

OPTIONS = (
    Option(name="qos", help="a switch"),
    Option(name="meeting-code", help="one value", metavar="CODE", filters=True),
    Option(name="user", help="several", metavar="EMAIL", repeatable=True, filters=True),
    Option(name="upcoming", help="days", metavar="DAYS", filters=True, future_days=True),
    Option(name="mine", help="a switch that narrows", filters=True),
)


def parse(*words: str) -> HarvestRequest | str:
    """What these words come to; what the command line says, where it refuses them."""
    found: list[HarvestRequest] = []

    @click.command()
    @vendor_options(OPTIONS)
    def command(**given: Any) -> None:
        ours = chosen(OPTIONS, given)
        found.append(HarvestRequest(**given, **ours))

    ended = CliRunner().invoke(command, list(words))
    return found[0] if found else ended.output


@pytest.mark.parametrize(
    ("words", "options", "given", "narrow", "ahead"),
    [
        ([], set(), {}, False, None),
        (["--qos"], {"qos"}, {}, False, None),
        (["--meeting-code", "a-b-c"], set(), {"meeting-code": ("a-b-c",)}, True, None),
        (["--user", "a", "--user", "b"], set(), {"user": ("a", "b")}, True, None),
        (["--upcoming", "7", "--qos"], {"qos"}, {"upcoming": ("7",)}, True, 7),
        (["--mine"], set(), {"mine": ()}, True, None),
    ],
)
def test_options_are_what_was_given(
    words: list[str], options: set[str], given: dict[str, tuple[str, ...]], narrow: bool, ahead: int | None
) -> None:
    told = parse(*words)
    assert isinstance(told, HarvestRequest)
    assert (told.options, told.option_values, told.filtered, told.upcoming_days) == (
        options,
        given,
        narrow,
        ahead,
    )
    assert told.extras == options, "what narrows a run is not kept with its meetings"


def test_days_ahead_are_a_number_and_go_without_dates() -> None:
    assert "range" in str(parse("--upcoming", "0"))
    with pytest.raises(click.UsageError, match="from now on"):
        HarvestRequest(upcoming_days=7, filtered=True, on=DAY.start.date()).validate(
            RunEnvironment(environment=Environment(values={}))
        )


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path)) as opened:
        yield opened


def tracker_of(journal: Journal, plan: RunPlan) -> JournalTracker:
    return JournalTracker(journal, plan, extras=frozenset(), run=1, now=lambda: NOW, was_empty=False)


def stored(journal: Journal, ref: MeetingRef, *, replaces: tuple[str, ...] = ()) -> None:
    meeting = Meeting(
        vendor="v",
        account="a",
        uuid=ref.uuid,
        detail=Detail.basic,
        harvested_at=NOW,
        start_time=ref.start_time,
    )
    tracker = tracker_of(journal, filtered(DAY, SPAN, since=None))
    fetch = tracker.should_fetch(ref)
    assert isinstance(fetch, Fetch)
    tracker.on_fetching(fetch)
    tracker.on_acknowledged(LoadedMeeting.of(fetch.ref, MeetingRecord(meeting=meeting, replaces=replaces)))
    journal.flush()


def ref(uuid: str, digest: str = "d", **hint: str) -> MeetingRef:
    return MeetingRef(uuid=uuid, start_time=DAY.start + timedelta(hours=9), digest=digest, hint=hint)


def test_a_narrowed_listing_covers_nothing(journal: Journal) -> None:
    part = Slice(window=DAY)
    plan = filtered(DAY, SPAN, since=None)
    assert plan.slices == [part]
    tracker = tracker_of(journal, plan)
    tracker.on_slice_started(part)
    skipped = SkippedPartition(partition="user x", reason=Reason.refused, permanent=False)
    tracker.on_partition_skipped(skipped, part)
    tracker.on_slice_listed(part)
    assert journal.listings(frozenset()) == []
    assert journal.failed_partitions() == []
    assert [p.window for p in backfill(journal, DAY, frozenset(), SPAN).slices] == [DAY]
    assert [p.window for p in nightly(journal, DAY, frozenset(), SPAN, SPAN).slices] == [DAY]


@dataclass
class Around:
    """As much of a run's surroundings as its scheme takes."""

    def zone(self, _name: str | None) -> ZoneInfo:
        return ZoneInfo("UTC")


VENDOR: Any = SimpleNamespace(
    name="fake",
    connector=SimpleNamespace(max_window=SPAN, retention=SPAN, lookback=timedelta(days=3)),
    context=SimpleNamespace(now=lambda: NOW),
)


@pytest.mark.parametrize(
    ("given", "window", "again"),
    [
        (HarvestRequest(filtered=True), DAY, False),
        (HarvestRequest(filtered=True, first=DAY.start.date()), DAY, False),
        (HarvestRequest(filtered=True, on=DAY.start.date()), DAY, True),
        (
            HarvestRequest(filtered=True, upcoming_days=7),
            Window(start=NOW, end=NOW + timedelta(days=7)),
            True,
        ),
    ],
)
def test_a_narrowed_run_reads_its_own_time_and_moves_no_others(
    given: HarvestRequest, window: Window, again: bool, journal: Journal
) -> None:
    env: Any = Around()
    wanted = runner._wanted(journal, VENDOR, given, env)
    plan = runner._plan(journal, VENDOR, given, wanted, env)
    assert [part.window for part in plan.slices] == [window]
    assert (plan.filtered, plan.forced_since is not None) == (True, again)
    assert journal.first_nightly() is None, "the nightly run begins where it began"
    begun = journal.begin_forced_run(window, frozenset(), NOW + timedelta(hours=1))
    assert begun == NOW + timedelta(hours=1), "no forced reading was written down"


def test_what_waits_in_the_journal_is_left_to_other_runs(journal: Journal) -> None:
    journal.record_intent(ref("waiting"), frozenset(), 1)
    journal.set_outcome(ref("waiting"), "failed", reason="r")
    journal.flush()
    plan = with_backlog(filtered(DAY, SPAN, since=None), journal, max_window=SPAN, now=NOW)
    tracker = tracker_of(journal, plan)
    assert list(tracker.resume()) == []
    assert list(tracker.missing_from_listing(Slice(window=DAY))) == []
    assert plan.slices == [Slice(window=DAY)]


def test_what_it_stores_is_known_to_the_next(journal: Journal) -> None:
    stored(journal, ref("m1"))
    once = tracker_of(journal, filtered(DAY, SPAN, since=None))
    again = tracker_of(journal, filtered(DAY, SPAN, since=NOW + timedelta(hours=1)))
    assert isinstance(once.should_fetch(ref("m1")), Unchanged)
    assert isinstance(again.should_fetch(ref("m1")), Fetch)
    assert isinstance(once.should_fetch(ref("m1", digest="other")), Fetch)


def test_a_meeting_that_was_replaced_is_no_longer_stored(journal: Journal) -> None:
    stored(journal, ref("old", source="meet"))
    assert dict(journal.stored_refs(DAY)) == {"old": {"source": "meet"}}
    stored(journal, ref("new", source="auto"), replaces=("old",))
    assert dict(journal.stored_refs(DAY)) == {"new": {"source": "auto"}}
    assert journal.gone_by_reason() == {str(Reason.replaced): 1}
    assert list(journal.stored_refs(Window(start=DAY.end, end=DAY.end + SPAN))) == []
