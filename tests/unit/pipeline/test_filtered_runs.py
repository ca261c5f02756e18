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
from harvester.cli.options import split_options, vendor_options
from harvester.config import Environment
from harvester.pipeline import runner
from harvester.pipeline.context import Clock
from harvester.pipeline.planner import RunPlan, Slice, backfill, narrowed, nightly
from harvester.pipeline.request import HarvestRequest
from harvester.pipeline.tracker import JournalTracker, LoadedMeeting
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


def request(*words: str) -> HarvestRequest | str:
    """What these words come to; what the command line says, where it refuses them."""
    found: list[HarvestRequest] = []

    @click.command()
    @vendor_options(OPTIONS)
    def command(**given: Any) -> None:
        ours = split_options(OPTIONS, given)
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
    told = request(*words)
    assert isinstance(told, HarvestRequest)
    assert (told.options, told.option_values, told.filtered, told.upcoming_days) == (
        options,
        given,
        narrow,
        ahead,
    )
    assert told.extras == options, "what narrows a run is not kept with its meetings"


def test_days_ahead_are_a_number_and_go_without_dates() -> None:
    assert "range" in str(request("--upcoming", "0"))
    with pytest.raises(click.UsageError, match="from now on"):
        HarvestRequest(upcoming_days=7, filtered=True, on=DAY.start.date()).validate(
            RunEnvironment(
                environment=Environment(values={}), machine=Clock(wall=NOW.timestamp, monotonic=lambda: 0.0)
            )
        )


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path)) as opened:
        yield opened


def reading(journal: Journal, scheme: RunPlan) -> JournalTracker:
    return JournalTracker(journal, scheme, asked=frozenset(), run=1, now=lambda: NOW, span=SPAN, empty=False)


def stored(journal: Journal, ref: MeetingRef, *, replaces: tuple[str, ...] = ()) -> None:
    meeting = Meeting(
        vendor="v",
        account="a",
        uuid=ref.uuid,
        detail=Detail.basic,
        harvested_at=NOW,
        start_time=ref.start_time,
    )
    one = reading(journal, narrowed(DAY, SPAN, since=None))
    wanted = one.wants(ref)
    assert wanted is not None
    one.stored(LoadedMeeting.of(wanted, MeetingRecord(meeting=meeting, replaces=replaces)))
    journal.flush()


def ref(uuid: str, digest: str = "d", **hint: str) -> MeetingRef:
    return MeetingRef(uuid=uuid, start_time=DAY.start + timedelta(hours=9), digest=digest, hint=hint)


def test_a_narrowed_listing_covers_nothing(journal: Journal) -> None:
    part = Slice(window=DAY)
    one = reading(journal, narrowed(DAY, SPAN, since=None))
    assert one.parts == [part]
    one.begins(part)
    one.skipped(SkippedPartition(partition="user x", reason=Reason.refused, permanent=False), part)
    one.listed(part)
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
    ("filtered", "window", "again"),
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
    filtered: HarvestRequest, window: Window, again: bool, journal: Journal
) -> None:
    env: Any = Around()
    wanted = runner._wanted(journal, VENDOR, filtered, env)
    scheme = runner._scheme(journal, VENDOR, filtered, wanted, env)
    assert [part.window for part in scheme.slices] == [window]
    assert (scheme.filtered, scheme.forced_since is not None) == (True, again)
    assert journal.first_nightly() is None, "the nightly run begins where it began"
    begun = journal.begin_forced_run(window, frozenset(), NOW + timedelta(hours=1))
    assert begun == NOW + timedelta(hours=1), "no forced reading was written down"


def test_what_waits_in_the_journal_is_left_to_other_runs(journal: Journal) -> None:
    journal.record_intent(ref("waiting"), frozenset(), 1)
    journal.set_outcome(ref("waiting"), "failed", reason="r")
    journal.flush()
    one = reading(journal, narrowed(DAY, SPAN, since=None))
    assert list(one.first()) == []
    assert list(one.unseen(Slice(window=DAY))) == []
    assert one.parts == [Slice(window=DAY)]


def test_what_it_stores_is_known_to_the_next(journal: Journal) -> None:
    stored(journal, ref("m1"))
    assert reading(journal, narrowed(DAY, SPAN, since=None)).wants(ref("m1")) is None
    assert reading(journal, narrowed(DAY, SPAN, since=NOW + timedelta(hours=1))).wants(ref("m1")) is not None
    assert reading(journal, narrowed(DAY, SPAN, since=None)).wants(ref("m1", digest="other")) is not None


def test_a_meeting_that_was_replaced_is_no_longer_stored(journal: Journal) -> None:
    stored(journal, ref("old", source="meet"))
    assert dict(journal.stored_refs(DAY)) == {"old": {"source": "meet"}}
    stored(journal, ref("new", source="auto"), replaces=("old",))
    assert dict(journal.stored_refs(DAY)) == {"new": {"source": "auto"}}
    assert journal.gone_by_reason() == {str(Reason.replaced): 1}
    assert list(journal.stored_refs(Window(start=DAY.end, end=DAY.end + SPAN))) == []
