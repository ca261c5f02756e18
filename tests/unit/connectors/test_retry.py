from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import Interrupted
from connectors.retry import ELASTICSEARCH_LIMITS, VENDOR_LIMITS, RetryLimits, RetryPolicy, count_attempts
from tests.unit.fake_context import FakeContext

LIMITS = RetryLimits(first_seconds=1.0, cap_seconds=8.0, total_seconds=1_000.0)


def policy(context: FakeContext, limits: RetryLimits = LIMITS) -> RetryPolicy:
    return RetryPolicy(wait=context.wait, elapsed=context.elapsed, now=context.now, limits=limits)


@pytest.fixture
def longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda least, most: most)


@pytest.mark.usefixtures("longest")
def test_the_longest_pause_doubles_up_to_the_cap() -> None:
    state = policy(FakeContext()).start()
    assert [state.next_delay() for _ in range(6)] == [1, 2, 4, 8, 8, 8]


def test_the_pause_is_a_random_part_of_the_longest() -> None:
    pauses = [policy(FakeContext()).start().next_delay() for _ in range(50)]
    assert all(pause is not None and 0 <= pause <= 1 for pause in pauses)
    assert any(one != other for one, other in pairwise(pauses))


@given(st.floats(0, 900))
def test_no_pause_is_shorter_than_retry_after_and_few_much_longer(retry_after: float) -> None:
    delay = policy(FakeContext()).start().next_delay(retry_after)
    assert delay is not None
    assert retry_after <= delay <= retry_after + 1


def test_a_pause_beyond_the_total_time_gives_up() -> None:
    context = FakeContext()
    state = policy(context).start()
    context.seconds = 999.0
    assert state.next_delay(2.0) is None
    assert state.seconds == 999.0


@pytest.mark.usefixtures("longest")
def test_progress_starts_attempts_and_time_again() -> None:
    context = FakeContext()
    state = policy(context).start()
    state.next_delay()
    state.next_delay()
    context.seconds = 999.0
    state.reset()
    assert (state.attempts, state.seconds) == (0, 0.0)
    assert state.next_delay() == 1


@pytest.mark.parametrize(("lowered", "attempts"), [(None, 7), (3, 3), (9, 7)])
def test_the_number_of_attempts_is_limited(lowered: int | None, attempts: int) -> None:
    state = policy(FakeContext(), VENDOR_LIMITS).start()
    sent = 1
    while state.next_delay(attempts=lowered) is not None:
        sent += 1
    assert sent == attempts


def test_thousands_of_attempts_are_possible_without_a_limit() -> None:
    state = policy(FakeContext()).start()
    assert all(state.next_delay() is not None for _ in range(3_000))


def test_a_shorter_total_time_applies_and_a_longer_one_does_not() -> None:
    long = policy(FakeContext(), ELASTICSEARCH_LIMITS)
    assert long.within(20).limits.total_seconds == 20
    assert long.within(20).limits.cap_seconds == ELASTICSEARCH_LIMITS.cap_seconds
    assert long.within(10_000).limits == ELASTICSEARCH_LIMITS


def test_a_cancelled_policy_ends_every_request() -> None:
    cancelled = policy(FakeContext())
    state = cancelled.within(20).start()
    cancelled.cancelled.set()
    with pytest.raises(Interrupted):
        state.next_delay()


@pytest.mark.parametrize(("number", "text"), [(1, "1 try"), (7, "7 tries"), (1_000, "1,000 tries")])
def test_attempts_are_counted_in_words(number: int, text: Any) -> None:
    assert count_attempts(number) == text
