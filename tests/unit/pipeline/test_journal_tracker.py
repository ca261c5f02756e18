"""The meetings that a run fetches, and their records in the journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from connectors.errors import VendorError
from connectors.models import (
    ONCE_A_DAY,
    Detail,
    Meeting,
    MeetingRecord,
    MeetingRef,
    Pending,
    Reason,
    Session,
    SkippedPartition,
    Window,
)
from harvester.pipeline.journal_tracker import JournalTracker
from harvester.pipeline.planner import RunPlan, Slice, backfill, filtered, nightly, with_backlog
from harvester.pipeline.tracker import Fetch, KeepStored, LoadedMeeting, Unchanged
from harvester.sinks.base import Load
from harvester.state.journal import Journal
from harvester.state.journal_rows import JournalEntry
from tests.unit.journal_builders import (
    DAY,
    FIRST,
    HOUR,
    LOOKBACK,
    NOTHING,
    NOW,
    QOS,
    SPAN,
    Clock,
    begin_forced,
    days,
    fetched_again,
    in_days,
    kill,
    kill_after,
    mark_stored,
    ref,
    run_listings,
    run_nightly,
    run_of,
)

WINDOW = days(0, 1)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "scope")) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


def tracker_of(journal: Journal, plan: RunPlan, now: Clock | None = None) -> JournalTracker:
    return JournalTracker(journal, plan, extras=NOTHING, run=1, now=now or Clock(NOW), was_empty=False)


def begin_fetch(tracker: JournalTracker, ref: MeetingRef) -> MeetingRef:
    fetch = tracker.should_fetch(ref)
    assert isinstance(fetch, Fetch)
    tracker.on_fetching(fetch)
    return fetch.ref


def record_of(
    uuid: str, detail: Detail, *, listed_only: bool = False, replaces: tuple[str, ...] = ()
) -> MeetingRecord:
    meeting = Meeting(
        vendor="v", account="a", uuid=uuid, detail=detail, harvested_at=NOW, start_time=WINDOW.start
    )
    return MeetingRecord(meeting=meeting, listed_only=listed_only, replaces=replaces)


def store(journal: Journal, ref: MeetingRef, *, replaces: tuple[str, ...] = ()) -> None:
    tracker = tracker_of(journal, filtered(WINDOW, SPAN, since=None))
    fetched = begin_fetch(tracker, ref)
    tracker.on_acknowledged(LoadedMeeting.of(fetched, record_of(ref.uuid, Detail.basic, replaces=replaces)))
    journal.flush()


# Which meetings are fetched


def test_within_the_lookback_only_changed_rows_are_fetched_again(journal: Journal, clock: Clock) -> None:
    rows = [ref("same", FIRST + 3 * DAY), ref("late", FIRST + 3 * DAY)]
    assert run_nightly(journal, clock, rows[0]) == ["same"]
    clock.now += DAY
    assert run_nightly(journal, clock, *rows) == ["late"]
    clock.now += HOUR
    assert run_nightly(journal, clock, *rows) == []
    assert run_nightly(journal, clock, ref("same", FIRST + 3 * DAY, "other"), rows[1]) == ["same"]


def test_a_run_with_more_extras_fetches_meetings_again(journal: Journal, clock: Clock) -> None:
    assert run_nightly(journal, clock, ref("m")) == ["m"]
    clock.now += 4 * DAY
    assert run_nightly(journal, clock, ref("m")) == []
    assert in_days([*backfill(journal, days(0, 1), QOS, SPAN).slices]) == [(0, 1)]
    assert run_nightly(journal, clock, ref("m"), extras=QOS) == ["m"]
    assert run_nightly(journal, clock, ref("m"), extras=QOS) == []
    assert not backfill(journal, days(0, 1), NOTHING, SPAN).slices
    assert in_days([*backfill(journal, days(0, 1), QOS | {"raw"}, SPAN).slices]) == [(0, 1)]


def test_a_meeting_is_fetched_again_with_all_extras_of_earlier_runs(journal: Journal, clock: Clock) -> None:
    run_nightly(journal, clock, ref("m", FIRST + 3 * DAY), extras=QOS)
    clock.now += HOUR
    run = run_of(
        journal, clock, begin_forced(journal, days(3, 4), frozenset({"raw"}), clock), frozenset({"raw"})
    )
    (fetched,) = run_listings(run, journal, ref("m", FIRST + 3 * DAY, "changed"))
    assert fetched.extras == {"qos", "raw"}
    (first,) = run_of(journal, clock, RunPlan()).resume()
    assert first.extras == {"qos", "raw"}


def test_failed_and_due_meetings_are_resumed_and_finished_ones_are_not(
    journal: Journal, clock: Clock
) -> None:
    run = run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 1))]))
    run_listings(run, journal, *(ref(name) for name in ("done", "failed", "due", "later", "gone")))
    mark_stored(run, journal, clock, ref("done"))
    run.tracker.on_failed(ref("failed"), VendorError("no"))
    journal.set_outcome(ref("due"), "pending", due=clock() + HOUR, reason="live")
    journal.set_outcome(ref("later"), "pending", due=clock() + DAY, reason="live")
    journal.set_outcome(ref("gone"), "gone", reason="deleted")
    journal.flush()
    clock.now += 2 * HOUR
    assert fetched_again(run_of(journal, clock, RunPlan())) == {"due", "failed"}
    assert fetched_again(run_of(journal, clock, RunPlan(slices=(), within=days(1, 2)))) == set()


def test_meetings_of_a_killed_run_are_resumed_unless_the_plan_lists_them(
    journal: Journal, clock: Clock
) -> None:
    run_listings(run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 1))])), journal, ref("m"))
    again = RunPlan(slices=[Slice(window=days(0, 2))])
    assert [*run_of(journal, clock, again).resume()] == []
    assert fetched_again(run_of(journal, clock, RunPlan())) == {"m"}


# Forced runs


def test_a_killed_forced_run_resumes_and_a_finished_one_starts_over(journal: Journal, clock: Clock) -> None:
    rows = [ref("a"), ref("b")]
    run_nightly(journal, clock, *rows)
    clock.now += HOUR
    run = run_of(journal, clock, begin_forced(journal, days(0, 1), NOTHING, clock))
    assert [each.uuid for each in run_listings(run, journal, *rows)] == ["a", "b"]
    mark_stored(run, journal, clock, rows[0])
    clock.now += DAY
    run = run_of(journal, clock, begin_forced(journal, days(0, 1), NOTHING, clock))
    assert [each.uuid for each in run_listings(run, journal, *rows)] == ["b"]
    mark_stored(run, journal, clock, rows[1])
    journal.finish_forced_run(days(0, 1), NOTHING, clock())
    journal.flush()
    clock.now += HOUR
    run = run_of(journal, clock, begin_forced(journal, days(0, 1), NOTHING, clock))
    assert [each.uuid for each in run_listings(run, journal, *rows)] == ["a", "b"]


def test_a_forced_run_fetches_meetings_again_that_a_run_with_fewer_extras_stored(
    journal: Journal, clock: Clock
) -> None:
    begin_forced(journal, days(0, 1), QOS, clock)  # killed before its first request
    clock.now += HOUR
    assert run_nightly(journal, clock, ref("m")) == ["m"]
    clock.now += HOUR
    run = run_of(journal, clock, begin_forced(journal, days(0, 1), QOS, clock), QOS)
    assert [each.extras for each in run_listings(run, journal, ref("m"))] == [QOS]


def test_a_resumed_forced_run_fetches_changed_rows_again(journal: Journal, clock: Clock) -> None:
    run = run_of(journal, clock, begin_forced(journal, days(0, 1), NOTHING, clock))
    mark_stored(run, journal, clock, *run_listings(run, journal, ref("m")))  # killed before its end
    clock.now += 2 * LOOKBACK  # this listing is final: the time is not listed again
    run = run_of(journal, clock, begin_forced(journal, days(0, 1), NOTHING, clock))
    assert [each.uuid for each in run_listings(run, journal, ref("m", digest="changed"))] == ["m"]


# Outcomes


def test_a_stored_meeting_keeps_its_rank_while_it_is_fetched_again(journal: Journal, clock: Clock) -> None:
    run_nightly(journal, clock, ref("m"))
    clock.now += HOUR
    run = run_of(journal, clock, begin_forced(journal, days(0, 1), NOTHING, clock))
    run_listings(run, journal, ref("m"))
    record = journal.meeting("m")
    assert record is not None
    assert (record.outcome, record.rank) == ("listed", 2)
    run.tracker.on_failed(ref("m"), VendorError("no"))
    run.tracker.on_failed(ref("m"), VendorError("no, again"))
    journal.flush()
    record = journal.meeting("m")
    assert record is not None
    assert (record.outcome, record.rank, record.attempts, record.reason) == ("failed", 2, 2, "no, again")
    assert record.harvested_at == clock() - HOUR


def test_a_poorer_pending_record_is_kept_as_pending(journal: Journal, clock: Clock) -> None:
    run = run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 1))]), QOS)
    run_listings(run, journal, ref("m"))
    mark_stored(run, journal, clock, ref("m"), rank=Detail.full)
    changed = ref("m", digest="changed")
    run_listings(run, journal, changed)
    pending = Pending(until=clock() + HOUR, reason=Reason.quality)
    meeting = Meeting(vendor="v", account="a", uuid="m", detail=Detail.basic, harvested_at=clock())
    poorer = MeetingRecord(meeting=meeting, pending=pending)
    kept = run.tracker.decide(changed, poorer)
    assert isinstance(kept, KeepStored)
    run.tracker.on_kept(changed, kept)
    journal.flush()
    record = journal.meeting("m")
    assert record is not None
    assert (record.outcome, record.due) == ("pending", pending.until)


def test_a_replaced_meeting_is_no_longer_stored(journal: Journal) -> None:
    store(journal, replace(ref("old"), hint={"source": "meet"}))
    assert dict(journal.stored_refs(WINDOW)) == {"old": {"source": "meet"}}
    store(journal, replace(ref("new"), hint={"source": "auto"}), replaces=("old",))
    assert dict(journal.stored_refs(WINDOW)) == {"new": {"source": "auto"}}
    assert journal.gone_by_reason() == {str(Reason.replaced): 1}
    assert list(journal.stored_refs(Window(start=WINDOW.end, end=WINDOW.end + SPAN))) == []


# Readings with far fewer sessions


def reading(clock: Clock, *keys: str, expected: int | None = None, **more: Any) -> MeetingRecord:
    meeting = Meeting(
        vendor="v",
        account="a",
        uuid="m",
        detail=Detail.basic,
        harvested_at=clock(),
        start_time=WINDOW.start,
    )
    sessions = [Session(key=key) for key in keys]
    return MeetingRecord(meeting=meeting, sessions=sessions, expected_sessions=expected, **more)


def read(journal: Journal, clock: Clock, record: MeetingRecord, *, force: bool = False) -> Load | KeepStored:
    """Read the meeting again in a new run, and act as the tracker decides."""
    since = clock() if force else None
    run = run_of(journal, clock, filtered(WINDOW, SPAN, since=since))
    tracker, fetched = run.tracker, ref("m", digest=str(clock()))
    begin_fetch(tracker, fetched)
    decision = tracker.decide(fetched, record)
    if isinstance(decision, KeepStored):
        tracker.on_kept(fetched, decision)
    else:
        tracker.on_acknowledged(LoadedMeeting.of(fetched, decision.record))
    journal.flush()
    return decision


def entry_of(journal: Journal) -> JournalEntry:
    entry = journal.meeting("m")
    assert entry is not None
    return entry


MANY = [f"stay{number}" for number in range(9)]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("found", [[], MANY[:4], [f"other{number}" for number in range(8)]])
def test_far_fewer_sessions_replace_nothing_until_a_second_equal_reading(
    journal: Journal, clock: Clock, found: list[str], force: bool
) -> None:
    read(journal, clock, reading(clock, *MANY))
    clock.now += DAY
    first = clock()
    assert isinstance(read(journal, clock, reading(clock, *found), force=force), KeepStored)
    entry = entry_of(journal)
    assert (entry.outcome, entry.reason) == ("pending", str(Reason.few_sessions))
    assert (entry.due, entry.sessions and entry.sessions.count) == (first + ONCE_A_DAY, 9)
    clock.now += HOUR
    assert isinstance(read(journal, clock, reading(clock, *found), force=force), KeepStored), "too soon"
    assert entry_of(journal).due == first + ONCE_A_DAY
    clock.now = first + ONCE_A_DAY
    decision = read(journal, clock, reading(clock, *found), force=force)
    assert isinstance(decision, Load)
    assert decision.is_confirmed
    entry = entry_of(journal)
    assert (entry.outcome, entry.doubt, entry.sessions and entry.sessions.count) == (
        "done",
        None,
        len(found),
    )


@pytest.mark.parametrize(("stored", "found"), [(4, 2), (2, 1)])
def test_half_of_the_sessions_is_believed_at_once_only_if_the_listing_counts_as_many(
    journal: Journal, clock: Clock, stored: int, found: int
) -> None:
    read(journal, clock, reading(clock, *MANY[:stored]))
    clock.now += DAY
    assert isinstance(read(journal, clock, reading(clock, *MANY[:found])), KeepStored)
    clock.now += HOUR
    assert isinstance(read(journal, clock, reading(clock, *MANY[:found], expected=found)), Load)


def full(clock: Clock, **more: Any) -> MeetingRecord:
    """A reading whose rows have all their values."""
    found = reading(clock, *MANY[:3], **more)
    given = {"user_name": "Ada", "email": "ada@example.org", "os": "Windows", "country": "DE"}
    times = {"join_time": WINDOW.start, "leave_time": WINDOW.start + HOUR}
    sessions = [structs.replace(session, **given, **times) for session in found.sessions]
    return replace(found, sessions=sessions, meeting=replace(found.meeting, topic="Weekly", meeting_code="1"))


def without_values(record: MeetingRecord, *, rows: int) -> MeetingRecord:
    """Of the first rows only the keys are left."""
    hollow = [Session(key=session.key) for session in record.sessions[:rows]]
    return replace(record, sessions=[*hollow, *record.sessions[rows:]])


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("rows", [1, 3])
def test_rows_without_their_values_replace_nothing_until_a_second_equal_reading(
    journal: Journal, clock: Clock, rows: int, force: bool
) -> None:
    read(journal, clock, full(clock))
    clock.now += DAY
    first = clock()
    assert isinstance(read(journal, clock, without_values(full(clock), rows=rows), force=force), KeepStored)
    entry = entry_of(journal)
    assert (entry.outcome, entry.reason, entry.due) == ("pending", "values missing", first + ONCE_A_DAY)
    clock.now = first + ONCE_A_DAY
    decision = read(journal, clock, without_values(full(clock), rows=rows), force=force)
    assert isinstance(decision, Load)
    assert decision.is_confirmed
    assert entry_of(journal).outcome == "done"


def test_a_meeting_that_has_lost_its_values_replaces_nothing(journal: Journal, clock: Clock) -> None:
    read(journal, clock, full(clock))
    clock.now += DAY
    found = full(clock)
    hollow = replace(found, meeting=replace(found.meeting, topic=None, meeting_code=None))
    assert isinstance(read(journal, clock, hollow), KeepStored)
    clock.now += HOUR
    assert isinstance(read(journal, clock, full(clock)), Load)


def test_a_loss_of_some_values_is_stored_and_counted(journal: Journal, clock: Clock) -> None:
    assert read(journal, clock, full(clock)) == Load(record=full(clock))
    clock.now += DAY
    found = full(clock)
    nameless = replace(found, sessions=[structs.replace(each, user_name=None) for each in found.sessions])
    decision = read(journal, clock, nameless)
    assert isinstance(decision, Load)
    assert decision.has_lost_values


def test_a_run_that_begins_to_drop_personal_fields_replaces_them(journal: Journal, clock: Clock) -> None:
    def nameless(record: MeetingRecord) -> MeetingRecord:
        sessions = [
            structs.replace(each, user_name=None, email=None, os=None, country=None)
            for each in record.sessions
        ]
        return replace(record, sessions=sessions, meeting=replace(record.meeting, topic=None))

    def personal(record: MeetingRecord) -> MeetingRecord:
        return replace(
            record, sessions=[structs.replace(each, os=None, country=None) for each in record.sessions]
        )

    read(journal, clock, personal(full(clock)))
    clock.now += DAY
    plan = filtered(WINDOW, SPAN, since=clock())
    for drops, kind in ((False, KeepStored), (True, Load)):
        tracker = JournalTracker(
            journal, plan, extras=NOTHING, run=1, now=clock, was_empty=False, drops_personal=drops
        )
        fetched = ref("m", digest=str(drops))
        begin_fetch(tracker, fetched)
        decision = tracker.decide(fetched, nameless(full(clock)))
        assert isinstance(decision, kind)
    assert isinstance(decision, Load)
    assert not decision.has_lost_values


def test_a_live_meeting_and_another_source_have_other_values(journal: Journal, clock: Clock) -> None:
    live = full(clock)
    read(journal, clock, replace(live, meeting=replace(live.meeting, detail=Detail.live)))
    clock.now += DAY
    assert isinstance(read(journal, clock, without_values(full(clock), rows=3)), Load)


def test_another_poor_reading_confirms_nothing(journal: Journal, clock: Clock) -> None:
    read(journal, clock, reading(clock, *MANY))
    for number in range(1, 4):
        clock.now += DAY
        assert isinstance(read(journal, clock, reading(clock, *MANY[:number])), KeepStored)
    assert entry_of(journal).due == clock() + ONCE_A_DAY


def test_a_full_reading_ends_the_doubt(journal: Journal, clock: Clock) -> None:
    read(journal, clock, reading(clock, *MANY))
    clock.now += DAY
    read(journal, clock, reading(clock))
    clock.now += DAY
    assert isinstance(read(journal, clock, reading(clock, *MANY, "late")), Load)
    entry = entry_of(journal)
    assert (entry.outcome, entry.doubt, entry.sessions and entry.sessions.count) == ("done", None, 10)


def test_a_poor_reading_of_a_meeting_without_details_yet_confirms_nothing(
    journal: Journal, clock: Clock
) -> None:
    read(journal, clock, reading(clock, *MANY))
    for _ in range(2):
        clock.now += DAY
        waits = Pending(until=clock() + HOUR, reason=Reason.not_ended)
        kept = read(journal, clock, reading(clock, pending=waits))
        assert isinstance(kept, KeepStored)
        assert kept.pending == waits


def test_a_first_reading_far_below_the_listing_is_stored_and_read_again(
    journal: Journal, clock: Clock
) -> None:
    assert isinstance(read(journal, clock, reading(clock, "stay0", expected=9)), Load)
    entry = entry_of(journal)
    assert (entry.outcome, entry.reason) == ("pending", str(Reason.few_sessions))
    clock.now += DAY
    decision = read(journal, clock, reading(clock, "stay0", expected=9))
    assert isinstance(decision, Load)
    assert decision.is_confirmed
    assert entry_of(journal).outcome == "done"


def test_a_meeting_of_an_earlier_version_is_not_replaced_by_an_empty_reading(
    journal: Journal, clock: Clock
) -> None:
    journal.record_intent(ref("m"), NOTHING, 1)
    journal.mark_stored(ref("m"), rank=Detail.basic, harvested_at=clock(), due=None, reason=None)
    journal.flush()
    clock.now += DAY
    assert isinstance(read(journal, clock, reading(clock)), KeepStored)
    clock.now += HOUR
    assert isinstance(read(journal, clock, reading(clock, "stay0")), Load), "unknown how many there were"


# Meetings known from the listing only


def test_a_meeting_known_from_the_listing_only_is_loaded_if_nothing_is_stored(journal: Journal) -> None:
    tracker = tracker_of(journal, filtered(WINDOW, SPAN, since=None))
    decision = tracker.decide(begin_fetch(tracker, ref("m")), record_of("m", Detail.basic, listed_only=True))
    assert isinstance(decision, Load)


@pytest.mark.parametrize("stored", [Detail.basic, Detail.full])
def test_a_meeting_known_from_the_listing_only_replaces_nothing_that_ended(
    journal: Journal, stored: Detail
) -> None:
    tracker = tracker_of(journal, filtered(WINDOW, SPAN, since=None))
    tracker.on_acknowledged(LoadedMeeting.of(begin_fetch(tracker, ref("m")), record_of("m", stored)))
    journal.flush()
    tracker = tracker_of(journal, filtered(WINDOW, SPAN, since=None))
    decision = tracker.decide(
        begin_fetch(tracker, ref("m", digest="changed")), record_of("m", Detail.basic, listed_only=True)
    )
    assert isinstance(decision, KeepStored)


def test_a_meeting_known_from_the_listing_only_ends_a_live_one(journal: Journal) -> None:
    tracker = tracker_of(journal, filtered(WINDOW, SPAN, since=None))
    tracker.on_acknowledged(LoadedMeeting.of(begin_fetch(tracker, ref("m")), record_of("m", Detail.live)))
    journal.flush()
    tracker = tracker_of(journal, filtered(WINDOW, SPAN, since=None))
    decision = tracker.decide(
        begin_fetch(tracker, ref("m", digest="changed")), record_of("m", Detail.basic, listed_only=True)
    )
    assert isinstance(decision, Load)


# Skipped partitions


def test_a_later_listing_trims_failed_partitions(journal: Journal, clock: Clock) -> None:
    run_listings(
        run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 4))])), journal, failing=("a", "b")
    )
    clock.now += HOUR
    run_listings(run_of(journal, clock, RunPlan(slices=[Slice(window=days(1, 2))])), journal, failing=("b",))
    failed = {(each.partition, each.window, each.tried_at) for each in journal.failed_partitions()}
    before = clock() - HOUR
    assert failed == {
        ("a", days(0, 1), before),
        ("a", days(2, 4), before),
        ("b", days(0, 1), before),
        ("b", days(1, 2), clock()),
        ("b", days(2, 4), before),
    }


def test_a_failed_partition_is_cleared_by_two_listings_in_a_row(journal: Journal, clock: Clock) -> None:
    run_listings(run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 4))])), journal, failing=("a",))
    clock.now += DAY
    run = run_of(journal, clock, RunPlan(), span=2 * DAY)
    for part in run.plan.slices:  # faster than the journal commits
        run.tracker.on_slice_started(part)
        run.tracker.on_slice_listed(part)
    journal.flush()
    assert journal.failed_partitions() == []


def test_a_kill_while_a_failed_partition_is_trimmed_loses_no_time(tmp_path: Path, clock: Clock) -> None:
    for after in range(5):
        journal = Journal(tmp_path / str(after))
        run_listings(
            run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 4))])), journal, failing=("a",)
        )
        run = run_of(journal, Clock(clock() + HOUR), RunPlan(slices=[Slice(window=days(0, 1))]))
        kill_after(journal, after)
        with suppress(KeyboardInterrupt):
            run_listings(run, journal)
        kill(journal)
        again = Journal(tmp_path / str(after))
        windows = [each.window for each in again.failed_partitions()]
        assert all(any(FIRST + day * DAY in window for window in windows) for day in (1, 2, 3)), after
        again.close()


def test_a_listing_with_fewer_extras_does_not_clear_a_failed_partition(
    journal: Journal, clock: Clock
) -> None:
    run = run_of(journal, clock, backfill(journal, days(0, 1), QOS, SPAN), QOS)
    run_listings(run, journal, failing=("a",))
    clock.now += DAY
    plain = run_of(journal, clock, RunPlan())
    mark_stored(plain, journal, clock, *run_listings(plain, journal, ref("m")))
    clock.now += DAY
    run = run_of(journal, clock, backfill(journal, days(0, 1), QOS, SPAN), QOS)
    fetched = [each.extras for each in [*run.resume(), *run_listings(run, journal, ref("m"))]]
    record = journal.meeting("m")
    assert record is not None
    assert QOS in [*fetched, record.extras]


# Kills


def test_a_listing_is_recorded_after_its_meetings(tmp_path: Path, clock: Clock) -> None:
    """A kill after any statement leaves the statements before it."""
    for after in range(5):
        folder = tmp_path / str(after)
        journal = Journal(folder)
        run = run_of(journal, clock, RunPlan(slices=[Slice(window=days(0, 1))]))
        statements = kill_after(journal, after)
        with suppress(KeyboardInterrupt):
            run_listings(run, journal, *(ref(f"m{number}") for number in range(8)))
        kill(journal)
        again = Journal(folder)
        covered = not backfill(again, days(0, 1), NOTHING, SPAN).slices
        there = sum(again.meeting(f"m{number}") is not None for number in range(3))
        assert there == min(after, 3)
        assert not covered or there == 3, statements
        again.close()


# Filtered runs


def test_a_filtered_listing_covers_nothing(journal: Journal) -> None:
    part = Slice(window=WINDOW)
    plan = filtered(WINDOW, SPAN, since=None)
    assert plan.slices == [part]
    tracker = tracker_of(journal, plan)
    tracker.on_slice_started(part)
    skipped = SkippedPartition(partition="user x", reason=Reason.refused, permanent=False)
    tracker.on_partition_skipped(skipped, part)
    tracker.on_slice_listed(part)
    assert journal.listings(NOTHING) == []
    assert journal.failed_partitions() == []
    assert [p.window for p in backfill(journal, WINDOW, NOTHING, SPAN).slices] == [WINDOW]
    assert [p.window for p in nightly(journal, WINDOW, NOTHING, SPAN, SPAN).slices] == [WINDOW]


def test_a_filtered_run_resumes_nothing(journal: Journal) -> None:
    journal.record_intent(ref("waiting"), NOTHING, 1)
    journal.set_outcome(ref("waiting"), "failed", reason="r")
    journal.flush()
    plan = with_backlog(filtered(WINDOW, SPAN, since=None), journal, max_window=SPAN, now=NOW)
    tracker = tracker_of(journal, plan)
    assert list(tracker.resume()) == []
    assert list(tracker.missing_from_listing(Slice(window=WINDOW))) == []
    assert plan.slices == [Slice(window=WINDOW)]


def test_a_filtered_run_records_the_meetings_that_it_stores(journal: Journal) -> None:
    store(journal, ref("m1"))
    once = tracker_of(journal, filtered(WINDOW, SPAN, since=None))
    again = tracker_of(journal, filtered(WINDOW, SPAN, since=NOW + HOUR))
    assert isinstance(once.should_fetch(ref("m1")), Unchanged)
    assert isinstance(again.should_fetch(ref("m1")), Fetch)
    assert isinstance(once.should_fetch(ref("m1", digest="other")), Fetch)


def test_a_listed_meeting_of_which_nothing_is_stored_is_gone_or_pending_at_every_run(
    journal: Journal,
) -> None:
    until = NOW + 5 * HOUR
    for uuid in ("gone", "replaced", "waiting", "stored"):
        journal.record_intent(ref(uuid), NOTHING, 1)
    journal.set_outcome(ref("gone"), "gone", reason=str(Reason.no_time))
    journal.set_outcome(ref("waiting"), "pending", due=until, reason=str(Reason.no_time))
    journal.mark_stored(ref("stored"), rank=2, harvested_at=NOW, due=until, reason=Reason.settling)
    journal.mark_replaced("replaced")
    tracker = tracker_of(journal, RunPlan())
    assert tracker.should_fetch(ref("gone")) == Unchanged(gone="no start time")
    assert tracker.should_fetch(ref("waiting")) == Unchanged(waits=("no start time", until))
    assert tracker.should_fetch(ref("stored")) == Unchanged()
    assert tracker.should_fetch(ref("replaced")) == Unchanged(), "its documents have the other id"


def test_meetings_that_were_looked_up_are_read_at_once(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(journal, ref("stored"))
    store(journal, ref("replaced"))
    tracker = tracker_of(journal, RunPlan())
    tracker.look_up(["new", "stored", "replaced"])
    tracker.on_acknowledged(
        LoadedMeeting(ref=ref("other"), rank=2, harvested_at=NOW, pending=None, replaces=["replaced"])
    )
    asked = list[str]()
    meeting = journal.meeting
    monkeypatch.setattr(journal, "meeting", lambda uuid: (asked.append(uuid), meeting(uuid))[1])
    assert tracker.should_fetch(ref("new")) == Fetch(ref=ref("new"), is_new=True)
    assert tracker.should_fetch(ref("stored")) == Unchanged()
    assert asked == []
    fetch = tracker.should_fetch(ref("replaced", digest="other"))
    assert isinstance(fetch, Fetch)
    assert fetch.stored_rank is None, "the other meeting has taken its place since it was looked up"
    assert asked == ["replaced"]


# Partitions that the vendor refuses for good


def refuse(journal: Journal, now: datetime, *partitions: str, reason: Reason = Reason.refused) -> None:
    """A run lists a slice in which the vendor refuses these partitions."""
    part = Slice(window=WINDOW)
    tracker = tracker_of(journal, RunPlan(slices=[part]), now=Clock(now))
    tracker.on_slice_started(part)
    for partition in partitions:
        tracker.on_partition_skipped(
            SkippedPartition(partition=partition, reason=reason, permanent=True), part
        )
    tracker.on_slice_listed(part)
    journal.flush()


def test_a_refusal_is_recorded_once_and_kept_until_the_vendor_answers(journal: Journal) -> None:
    refuse(journal, NOW, "user x", "user y")
    refuse(journal, NOW + DAY, "user x")
    (known,) = journal.refused_partitions().values()
    assert (known.partition, known.reason) == ("user x", Reason.refused)
    assert (known.refused_at, known.asked_at) == (NOW, NOW + DAY)
    assert journal.failed_partitions() == []


def test_a_partition_that_was_not_requested_keeps_its_refusal(journal: Journal) -> None:
    refuse(journal, NOW, "user x")
    refuse(journal, NOW + HOUR, "user x")
    refuse(journal, NOW + HOUR)
    assert journal.refused_partitions()["user x"].asked_at == NOW


@pytest.mark.parametrize("reason", [Reason.replaced, Reason.error])
def test_days_of_another_source_are_no_refusals(journal: Journal, reason: Reason) -> None:
    refuse(journal, NOW, "day 2026-11-20", reason=reason)
    assert journal.refused_partitions() == {}
