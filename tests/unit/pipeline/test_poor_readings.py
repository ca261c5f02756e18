"""Which readings have far fewer sessions than are stored, or than the vendor counts, or have lost their values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.models import Detail, session_key
from harvester.pipeline.poor_readings import is_far_below, lacks_sessions, lost_values
from harvester.state.session_digest import SAMPLE, SessionSummary


def keys(count: int, *, since: int = 0) -> list[str]:
    return sorted(session_key(str(number)) for number in range(since, since + count))


@pytest.mark.parametrize(
    ("found", "stored", "is_doubtful"),
    [
        (keys(5), keys(318), True),
        (keys(15), keys(249), True),
        (keys(390, since=1000), keys(418), True),
        (keys(390), keys(418), False),
        (keys(418, since=1000), keys(418), True),
        (keys(0), keys(1), True),
        (keys(1), keys(2), True),
        (keys(2), keys(4), True),
        (keys(2), keys(3), False),
        (keys(3), keys(4), False),
        (keys(10, since=4), keys(10), False),
        (keys(10, since=5), keys(10), True),
        (keys(1, since=9), keys(2), True),
        (keys(0), keys(0), False),
        (keys(9), keys(0), False),
        (keys(500), keys(3), False),
        (keys(500, since=9), keys(3), True),
        (keys(210), keys(418), False),
        (keys(209), keys(418), True),
    ],
)
def test_a_reading_lacks_half_of_the_stored_sessions_or_more(
    found: list[str], stored: list[str], is_doubtful: bool
) -> None:
    assert lacks_sessions(found, SessionSummary.of(stored), Detail.full) is is_doubtful


def test_a_live_meeting_may_end_with_other_sessions_but_not_with_none() -> None:
    live = SessionSummary.of(keys(5))
    assert not lacks_sessions(keys(4, since=9), live, Detail.live)
    assert lacks_sessions([], live, Detail.live)


def test_another_source_makes_other_keys_but_not_fewer_sessions() -> None:
    stored = SessionSummary.of(keys(10))
    assert not lacks_sessions(keys(10, since=50), stored, Detail.full, same_source=False)
    assert lacks_sessions(keys(4, since=50), stored, Detail.full, same_source=False)


def test_nothing_is_missing_of_nothing() -> None:
    assert not lacks_sessions([], None, None)
    assert not lacks_sessions([], None, Detail.scheduled)
    assert lacks_sessions([], None, Detail.basic)
    assert not lacks_sessions(keys(1), None, Detail.basic)


@pytest.mark.parametrize(
    ("found", "stored", "expected", "is_doubtful"),
    [
        (1, 2, 1, False),
        (2, 4, 2, False),
        (2, 4, 1, False),
        (2, 4, 3, True),
        (2, 3, 3, True),
        (2, 3, 2, False),
        (99, 100, 100, True),
        (99, 100, 120, True),
        (100, 100, 120, False),
        (1, 4, 1, True),
        (0, 1, 0, True),
        (0, 0, 9, False),
    ],
)
def test_the_vendors_own_count_makes_half_credible_and_any_loss_doubtful(
    found: int, stored: int, expected: int, is_doubtful: bool
) -> None:
    summary = SessionSummary.of(keys(stored))
    assert lacks_sessions(keys(found), summary, Detail.full, expected=expected) is is_doubtful


@given(st.integers(0, 60), st.integers(0, 60), st.none() | st.integers(0, 60), st.sampled_from(Detail))
def test_a_reading_is_believed_at_once_only_if_most_is_left_or_the_vendor_counts_as_many(
    found: int, stored: int, expected: int | None, rank: Detail
) -> None:
    summary = SessionSummary.of(keys(stored))
    believed = not lacks_sessions(keys(found), summary, rank, expected=expected)
    if found < stored and believed:
        assert 2 * found >= stored
        assert expected is None or found >= expected
        assert 2 * found > stored or found == stored / 2 >= (expected or 0)
        assert 2 * found > stored or expected is not None
    if found >= stored:
        assert believed, "nothing is lost"


@given(st.lists(st.booleans(), min_size=1, max_size=SAMPLE), st.integers(0, 30))
def test_sessions_that_are_replaced_are_missing(stays: list[bool], others: int) -> None:
    stored = keys(len(stays))
    left = [key for key, stay in zip(stored, stays, strict=True) if stay]
    found = [*left, *keys(others, since=1000)]
    if 2 * len(left) <= len(stored):
        assert lacks_sessions(found, SessionSummary.of(stored), Detail.full)


@pytest.mark.parametrize(
    ("count", "expected", "short"),
    [(0, 1, True), (4, 9, True), (4, 8, True), (5, 9, False), (1, 2, True), (0, 0, False), (0, None, False)],
)
def test_half_of_the_vendors_count_is_far_below(count: int, expected: int | None, short: bool) -> None:
    assert is_far_below(count, expected) is short


ROW, MEETING = 0x64, 0x82
"""6 neutral and 4 personal values, 8 and 2."""


@pytest.mark.parametrize(
    ("row", "meeting", "lost"),
    [
        (ROW, MEETING, None),
        (0x94, MEETING, None),
        (0x46, MEETING, None),
        (0x63, MEETING, "some"),
        (0x24, MEETING, "some"),
        (0x14, MEETING, "most"),
        (0x00, MEETING, "most"),
        (ROW, 0x81, "some"),
        (ROW, 0x32, "most"),
    ],
)
def test_a_row_that_keeps_its_key_loses_values(row: int, meeting: int, lost: str | None) -> None:
    stored = SessionSummary.of(keys(3), [ROW] * 3, meeting=MEETING)
    found = SessionSummary.of(keys(3), [ROW, row, ROW], meeting=meeting)
    assert lost_values(stored, found, drops_personal=False) == lost


def test_a_run_that_drops_personal_fields_has_lost_none() -> None:
    stored = SessionSummary.of(keys(1), [0x25], meeting=0x32)
    found = SessionSummary.of(keys(1), [0x20], meeting=0x30)
    assert lost_values(stored, found, drops_personal=False) == "most"
    assert lost_values(stored, found, drops_personal=True) is None


def test_nothing_is_lost_of_a_row_without_values() -> None:
    stored = SessionSummary.of(keys(1), [0x00])
    assert lost_values(stored, stored, drops_personal=False) is None
