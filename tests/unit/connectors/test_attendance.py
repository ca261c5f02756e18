"""Duplicate sessions, distinct people, and how long they attended."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from connectors.attendance import TIME_AROUND, to_record, union_seconds
from connectors.models import Meeting, Session
from connectors.quality import Measure, Quality
from tests.unit.short_meetings import meeting, stay


def test_equal_sessions_are_one_regardless_of_quality() -> None:
    rated = stay(quality=Quality(cpu_pct=Measure(mean=1, worst=1, samples=1)))
    harvest = to_record(meeting(), [rated, stay(), stay()])
    assert harvest.sessions == [rated]
    assert harvest.sessions[0].quality is not None
    assert harvest.collisions == 0


@given(st.permutations([("Ada", 10), ("Ben", 10), ("Cleo", 5), ("Dee", None)]))
def test_different_sessions_with_one_key_are_numbered(
    order: list[tuple[str, int | None]],
) -> None:
    stays = [
        structs.replace(stay((0, leave or 1), user_name=name), **({} if leave else {"leave_time": None}))
        for name, leave in order
    ]
    harvest = to_record(meeting(), stays)
    named = {session.user_name: session.key for session in harvest.sessions}
    assert named == {"Cleo": "k", "Ada": "k-2", "Ben": "k-3", "Dee": "k-4"}
    assert harvest.collisions == 3


def test_counts_are_people_and_the_union_of_their_sessions() -> None:
    stays = [
        stay((0, 20), key="1", id="ada"),
        stay((10, 30), key="2", id="ada"),
        stay((0, 10), key="3", user_name="Ben"),
        stay((0, 10), key="4", user_name="Ben"),
        stay((5, 10), key="5", stay="breakout", id="ada"),
        stay((0, 60), key="6", stay="waiting_room", user_name="Cleo"),
        stay(None, key="7", user_id="9"),
        stay((0, 1), key="8"),
        stay((1, 2), key="9"),
    ]
    counted = to_record(meeting(), stays).meeting
    assert counted.participant_sessions == 7
    assert counted.participants == 5
    assert counted.participant_seconds == (30 + 10 + 0 + 1 + 1) * 60


def test_empty_list_counts_zero_participants() -> None:
    counted = to_record(meeting(), []).meeting
    assert (counted.participants, counted.participant_sessions, counted.participant_seconds) == (0, 0, 0)


MINUTES = st.tuples(st.integers(0, 30), st.integers(0, 30))


@given(st.lists(MINUTES, max_size=6).flatmap(st.permutations))
def test_reversed_and_empty_stays_take_nothing_from_the_union(spans: list[tuple[int, int]]) -> None:
    present = {minute for join, leave in spans for minute in range(join, leave)}
    assert union_seconds(stay(span) for span in spans) == len(present) * 60


def test_a_stay_that_ends_before_it_begins_is_no_time() -> None:
    harvest = to_record(meeting(), [stay((20, 5), id="ada"), stay((0, 10), id="ada", key="b")])
    assert harvest.meeting.participant_seconds == 10 * 60


HOUR, YEAR = timedelta(hours=1), timedelta(days=365)


def held(**changes: object) -> Meeting:
    """An hour long, and read an hour after its end."""
    start = stay((0, 60)).join_time
    assert start is not None
    times = {"start_time": start, "end_time": start + HOUR, "harvested_at": start + 2 * HOUR}
    return replace(meeting(), **{**times, **changes})


def times_of(made: Session) -> tuple[datetime | None, datetime | None, int | None]:
    return made.join_time, made.leave_time, made.duration


def between(join: timedelta, leave: timedelta) -> Session:
    """A stay that begins and ends at these distances from the meeting's start."""
    start = held().start_time
    assert start is not None
    seconds = int((leave - join).total_seconds())
    return structs.replace(stay((0, 1)), join_time=start + join, leave_time=start + leave, duration=seconds)


@pytest.mark.parametrize(
    ("join", "leave"),
    [
        (-5 * 60, 60),
        (-3 * HOUR.total_seconds(), -2 * HOUR.total_seconds()),
        (-TIME_AROUND.total_seconds(), 0),
        (0, 3600),
        (60, 3600 + TIME_AROUND.total_seconds()),
    ],
)
def test_a_stay_may_begin_before_the_meeting_and_end_after_it(join: float, leave: float) -> None:
    """In a waiting room or a lobby, with the host alone, or if the start is the planned one."""
    early = between(timedelta(seconds=join), timedelta(seconds=leave))
    record = to_record(held(), [early])
    assert record.sessions == [early]
    assert record.meeting.participant_seconds == int(leave - join)


@pytest.mark.parametrize("wrong", [-20 * YEAR, -YEAR, -2 * TIME_AROUND, 3 * TIME_AROUND, YEAR, 60 * YEAR])
def test_a_time_that_cannot_belong_to_the_meeting_is_absent(wrong: timedelta) -> None:
    usual = between(timedelta(0), HOUR)
    other = between(min(wrong, HOUR), max(wrong, HOUR))
    right = other.leave_time if wrong < HOUR else other.join_time
    record = to_record(held(), [structs.replace(usual, id="ada"), structs.replace(other, key="2", id="ben")])
    first, second = record.sessions
    assert times_of(first) == times_of(usual)
    assert set(times_of(second)) == {right, None}
    assert record.meeting.participant_seconds == 3600
    assert (record.meeting.participants, second.key) == (2, "2")


def test_a_stay_in_another_year_has_no_times() -> None:
    record = to_record(held(), [between(-YEAR, HOUR - YEAR)])
    assert times_of(record.sessions[0]) == (None, None, None)
    assert record.meeting.participant_seconds == 0


@pytest.mark.parametrize("end", [None, 60 * YEAR, -YEAR])
def test_without_a_credible_end_nothing_is_later_than_the_harvest(end: timedelta | None) -> None:
    start = held().start_time
    assert start is not None
    ends = None if end is None else start + end
    made = replace(held(), end_time=ends, harvested_at=start + 5 * TIME_AROUND)
    long, future = between(timedelta(0), 4 * TIME_AROUND), between(timedelta(0), 7 * TIME_AROUND)
    record = to_record(made, [long, structs.replace(future, key="2")])
    assert [times_of(each) for each in record.sessions] == [times_of(long), (start, None, None)]


def test_a_planned_start_is_no_bound() -> None:
    planned = replace(held(), start_time=None, end_time=None, scheduled_start_time=held().start_time)
    other = between(-YEAR, HOUR - YEAR)
    assert to_record(planned, [other]).sessions == [other]


FAR = st.sampled_from([timedelta(0), HOUR, TIME_AROUND, YEAR, 20 * YEAR]).flatmap(
    lambda size: st.sampled_from([size, -size])
)


@given(st.lists(st.tuples(FAR, FAR), max_size=5))
def test_no_times_count_beyond_the_meeting(times: list[tuple[timedelta, timedelta]]) -> None:
    stays = [
        structs.replace(between(join, leave), key=str(place), id=str(place))
        for place, (join, leave) in enumerate(times)
    ]
    record = to_record(held(), stays)
    seconds = record.meeting.participant_seconds
    assert seconds is not None
    assert seconds <= len(times) * (HOUR + 2 * TIME_AROUND).total_seconds()
    assert [each.key for each in record.sessions] == [each.key for each in stays]
