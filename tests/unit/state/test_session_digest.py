"""The summary of a meeting's sessions, as the journal keeps it."""

from __future__ import annotations

import pytest

from connectors.models import session_key
from harvester.state.session_digest import SAMPLE, SessionSummary

KEYS = [session_key(str(number)) for number in range(100)]


@pytest.mark.parametrize("count", [0, 1, SAMPLE, 100])
def test_a_summary_survives_as_text(count: int) -> None:
    summary = SessionSummary.of(KEYS[:count])
    assert SessionSummary.parse(str(summary)) == summary
    assert len(summary.sample) == min(count, SAMPLE)


def test_the_order_of_sessions_does_not_matter_and_each_session_does() -> None:
    assert SessionSummary.of(KEYS) == SessionSummary.of(reversed(KEYS))
    assert SessionSummary.of(KEYS) != SessionSummary.of([*KEYS[:-1], session_key("other")])


def test_a_shorter_list_of_the_same_sessions_shares_samples() -> None:
    stored = SessionSummary.of(KEYS)
    assert stored.count_shared(KEYS) == SAMPLE
    assert stored.count_shared(KEYS[:90]) > SAMPLE / 2 > stored.count_shared(KEYS[:10])
    assert SessionSummary.of([]).count_shared([]) == 0


def test_other_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="values to unpack"):
        SessionSummary.parse("many")
