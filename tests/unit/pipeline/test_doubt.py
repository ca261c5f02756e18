"""Which readings have far fewer sessions than are stored, or than the vendor counts."""

from __future__ import annotations

import pytest

from connectors.models import Detail, session_key
from harvester.pipeline.doubt import has_far_fewer, is_far_below
from harvester.state.session_summary import SessionSummary


def sessions(count: int, *, since: int = 0) -> SessionSummary:
    return SessionSummary.of(session_key(str(number)) for number in range(since, since + count))


@pytest.mark.parametrize(
    ("found", "stored", "is_doubtful"),
    [
        (sessions(5), sessions(318), True),
        (sessions(15), sessions(249), True),
        (sessions(390, since=1000), sessions(418), True),
        (sessions(390), sessions(418), False),
        (sessions(418, since=1000), sessions(418), False),
        (sessions(0), sessions(1), True),
        (sessions(1), sessions(2), False),
        (sessions(1, since=9), sessions(2), True),
        (sessions(0), sessions(0), False),
        (sessions(500), sessions(3), False),
        (sessions(209), sessions(418), False),
        (sessions(208), sessions(418), True),
    ],
)
def test_far_fewer_than_stored(found: SessionSummary, stored: SessionSummary, is_doubtful: bool) -> None:
    assert has_far_fewer(found, stored, Detail.full) is is_doubtful


def test_a_live_meeting_may_end_with_other_sessions_but_not_with_none() -> None:
    assert not has_far_fewer(sessions(4, since=9), sessions(5), Detail.live)
    assert has_far_fewer(sessions(0), sessions(5), Detail.live)


def test_nothing_is_far_fewer_than_nothing() -> None:
    assert not has_far_fewer(sessions(0), None, None)
    assert not has_far_fewer(sessions(0), None, Detail.scheduled)
    assert has_far_fewer(sessions(0), None, Detail.basic)
    assert not has_far_fewer(sessions(1), None, Detail.basic)


@pytest.mark.parametrize(
    ("count", "expected", "short"), [(0, 1, True), (4, 9, True), (5, 9, False), (0, None, False)]
)
def test_far_below_what_the_vendor_counts(count: int, expected: int | None, short: bool) -> None:
    assert is_far_below(sessions(count), expected) is short
