"""Duplicate sessions, distinct people, and how long they attended."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.attendance import to_record, union_seconds
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
        replace(stay((0, leave or 1), user_name=name), **({} if leave else {"leave_time": None}))
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
