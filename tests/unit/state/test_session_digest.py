"""The summary of a meeting's sessions, as the journal keeps it."""

from __future__ import annotations

import pytest

from connectors.models import session_key
from harvester.state.session_digest import SAMPLE, SessionSummary

KEYS = sorted(session_key(str(number)) for number in range(100))


@pytest.mark.parametrize("count", [0, 1, SAMPLE, 100])
def test_a_summary_survives_as_text(count: int) -> None:
    summary = SessionSummary.of(KEYS[:count])
    assert SessionSummary.parse(str(summary)) == summary
    assert len(summary.sample) == min(count, SAMPLE)


def test_a_summary_of_an_earlier_version_has_no_values() -> None:
    summary = SessionSummary.parse("2 0123456789abcdef AbCdEfGh IjKlMnOp")
    assert (summary.count, summary.sampled) == (2, {"AbCdEfGh", "IjKlMnOp"})
    assert str(summary) == "2 0123456789abcdef AbCdEfGh IjKlMnOp"
    keys = ["AbCdEfGh12", "IjKlMnOp12"]
    assert list(summary.pairs(SessionSummary.of(keys, [0x11, 0x11], meeting=0x11))) == []
    assert summary.count_shared(keys) == 2


def test_values_are_compared_for_the_meeting_and_the_sessions_of_both_samples() -> None:
    stored = SessionSummary.of(KEYS[:3], [0x54] * 3, meeting=0xF2)
    found = SessionSummary.of(KEYS[1:4], [0x10] * 3, meeting=0x62)
    assert sorted(stored.pairs(found)) == [((5, 4), (1, 0))] * 2 + [((15, 2), (6, 2))]
    assert SessionSummary.parse(str(stored)) == stored


def test_each_session_matters() -> None:
    assert SessionSummary.of(KEYS) != SessionSummary.of(sorted([*KEYS[:-1], session_key("other")]))


def test_a_shorter_list_of_the_same_sessions_shares_samples() -> None:
    stored = SessionSummary.of(KEYS)
    assert stored.count_shared(KEYS) == SAMPLE
    assert stored.count_shared(KEYS[:90]) > SAMPLE / 2 > stored.count_shared(KEYS[10:])
    assert SessionSummary.of([]).count_shared([]) == 0


def test_other_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="values to unpack"):
        SessionSummary.parse("many")
