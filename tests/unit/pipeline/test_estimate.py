"""When the requests of a backfill are made, with and without a daily quota."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.pipeline.estimate import Budget, spread

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@given(
    requests=st.integers(1, 100_000),
    rate=st.floats(0.01, 100),
    limit=st.integers(1, 50_000),
    share=st.floats(0, 1),
)
def test_every_request_is_made_and_no_day_exceeds_its_quota(
    requests: int, rate: float, limit: int, share: float
) -> None:
    budget = Budget(name="heavy", limit=limit, spent=round(limit * share), rate_share=0.8)
    forecast = spread(requests, requests / rate, budget, NOW)
    assert forecast.ends is not None
    passed = (forecast.ends.date() - NOW.date()).days
    assert forecast.days in {passed, passed + 1, passed + 2}
    assert requests <= forecast.days * limit + 1
    assert (forecast.ends - NOW).total_seconds() >= requests / rate - 1 / rate - 0.001


@pytest.mark.parametrize(
    ("requests", "seconds", "days", "ends"),
    [
        (0, 0.0, 0, None),
        (10, 5.0, 1, NOW + timedelta(seconds=5)),
        (10, 50_000.0, 2, NOW + timedelta(seconds=50_000)),
    ],
)
def test_without_a_quota_the_rate_alone_decides(
    requests: int, seconds: float, days: int, ends: datetime | None
) -> None:
    forecast = spread(requests, seconds, None, NOW)
    assert forecast.days == days
    assert (forecast.ends is None) is (ends is None)
    if ends is not None and forecast.ends is not None:
        assert abs(forecast.ends - ends) < timedelta(seconds=0.01)
