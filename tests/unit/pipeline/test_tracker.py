"""A run without a journal, and one that only looks. The tracker with a journal is tested in test_journal_tracker.py."""

from __future__ import annotations

import pytest

from connectors.models import MeetingRef, Window
from harvester.pipeline.planner import RunPlan, Slice
from harvester.pipeline.tracker import Fetch, NullTracker, OutOfRange, SilentTracker
from harvester.sinks.base import Load
from tests.invented_meetings import full_harvest
from tests.unit.journal_builders import days, ref


def plan() -> RunPlan:
    return RunPlan(slices=(Slice(window=days(4, 5)),))


def test_without_a_journal_every_listed_meeting_is_fetched_and_loaded() -> None:
    tracker, listed, record = NullTracker(plan()), ref("a"), full_harvest()
    assert list(tracker.resume()) == []
    assert tracker.should_fetch(listed) == Fetch(ref=listed)
    assert list(tracker.missing_from_listing(plan().slices[0])) == []
    assert tracker.decide(listed, record) == Load(record=record)


@pytest.mark.parametrize(("window", "is_loaded"), [(days(4, 5), True), (days(5, 6), False)])
def test_a_meeting_listed_without_a_start_is_loaded_only_if_it_began_in_the_plan(
    window: Window, is_loaded: bool
) -> None:
    tracker = NullTracker(RunPlan(slices=(Slice(window=window),)))
    decided = tracker.decide(ref("a", start=None), full_harvest())
    assert isinstance(decided, Load) == is_loaded
    assert isinstance(decided, OutOfRange) != is_loaded


def test_a_silent_tracker_answers_as_the_other_and_passes_no_event_on() -> None:
    class Recording(NullTracker):
        def on_failed(self, ref: MeetingRef, error: BaseException) -> None:
            failed.append(ref)

    failed: list[MeetingRef] = []
    recording = Recording(plan())
    silent = SilentTracker(recording)
    assert silent.should_fetch(ref("a")) == recording.should_fetch(ref("a"))
    recording.on_failed(ref("a"), ValueError())
    silent.on_failed(ref("b"), ValueError())
    assert [each.uuid for each in failed] == ["a"]
