"""Which readings have far fewer sessions than are stored, or than the vendor counts."""

from __future__ import annotations

import pytest

from connectors.models import Detail, session_key
from harvester.pipeline.too_few_sessions import is_far_below, lacks_sessions
from harvester.state.session_digest import SessionSummary


def keys(count: int, *, since: int = 0) -> list[str]:
    return [session_key(str(number)) for number in range(since, since + count)]


@pytest.mark.parametrize(
    ("found", "stored", "is_doubtful"),
    [
        (keys(5), keys(318), True),
        (keys(15), keys(249), True),
        (keys(390, since=1000), keys(418), True),
        (keys(390), keys(418), False),
        (keys(418, since=1000), keys(418), True),
        (keys(0), keys(1), True),
        (keys(1), keys(2), False),
        (keys(10, since=5), keys(10), False),
        (keys(10, since=6), keys(10), True),
        (keys(1, since=9), keys(2), True),
        (keys(0), keys(0), False),
        (keys(9), keys(0), False),
        (keys(500), keys(3), False),
        (keys(500, since=9), keys(3), True),
        (keys(209), keys(418), False),
        (keys(208), keys(418), True),
    ],
)
def test_a_reading_lacks_more_than_half_of_the_stored_sessions(
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
    ("count", "expected", "short"), [(0, 1, True), (4, 9, True), (5, 9, False), (0, None, False)]
)
def test_fewer_than_half_of_the_vendors_count_is_far_below(
    count: int, expected: int | None, short: bool
) -> None:
    assert is_far_below(count, expected) is short
