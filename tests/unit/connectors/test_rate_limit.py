from __future__ import annotations

from bisect import bisect_left
from itertools import cycle, pairwise
from math import ceil
from threading import Lock, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import Interrupted
from connectors.rate_limit import MARGIN, SLOWEST, LimiterPool, RateLimiter
from tests.unit.fake_context import FakeContext


class LateContext(FakeContext):
    """Wakes up late by the given seconds, in turn."""

    def __init__(self, late: list[float]) -> None:
        super().__init__()
        self._late = cycle(late)

    def wait(self, seconds: float) -> None:
        super().wait(seconds + next(self._late))


def moments(limiter: RateLimiter, clock: FakeContext, count: int) -> list[float]:
    found = []
    for _ in range(count):
        limiter.acquire()
        found.append(clock.seconds)
    return found


@given(calls=st.floats(0.1, 100), per=st.sampled_from([1.0, 60.0]), share=st.floats(0.05, 1))
def test_calls_are_even_and_never_faster_than_permitted(calls: float, per: float, share: float) -> None:
    clock = FakeContext()
    at = moments(RateLimiter(clock, calls=calls, per=per, share=share), clock, 20)
    for before, after in pairwise(at):
        assert after - before == pytest.approx(per / (calls * MARGIN * share))


def test_the_first_call_does_not_wait() -> None:
    clock = FakeContext()
    assert RateLimiter(clock, calls=1).acquire() == 0
    assert clock.waits == []


def test_unused_moments_are_not_made_up_for() -> None:
    clock = FakeContext()
    limiter = RateLimiter(clock, calls=10)
    limiter.acquire()
    clock.seconds += 100
    at = moments(limiter, clock, 3)
    assert at[1] - at[0] == pytest.approx(1 / 9.7)


@given(
    calls=st.integers(1, 40),
    share=st.floats(0.1, 1),
    late=st.lists(st.floats(0, 3), min_size=1, max_size=200),
)
def test_late_threads_never_exceed_the_permitted_calls_of_any_period(
    calls: int, share: float, late: list[float]
) -> None:
    clock = LateContext(late)
    limiter = RateLimiter(clock, calls=calls, share=share)
    at: list[float] = []
    for reserved in [
        limiter._reserve() for _ in range(100)
    ]:  # as many threads, all of them asleep for a while
        clock.wait(max(0.0, reserved - clock.seconds))
        another = limiter._next_slot_if_blocked(reserved)
        while another is not None:
            clock.wait(max(0.0, another - clock.seconds))
            another = limiter._next_slot_if_blocked(another)
        at.append(clock.seconds)
    most = max(bisect_left(at, first + 1.0) - position for position, first in enumerate(at))
    assert most <= max(1, ceil(calls * share))


def test_refusals_in_flight_together_pause_all_calls_and_lower_the_rate_once() -> None:
    clock = FakeContext()
    limiter = RateLimiter(clock, calls=10)
    limiter.acquire()
    before = limiter.per_second
    for _ in range(5):  # those that were in flight together
        limiter.pause(30)
    assert limiter.per_second == pytest.approx(before * 0.7)
    assert limiter.acquire() >= 30


def test_the_rate_never_falls_below_a_tenth_and_recovers() -> None:
    clock = FakeContext()
    limiter = RateLimiter(clock, calls=10)
    for _ in range(50):
        clock.seconds += 100
        limiter.pause(1)
    assert limiter.per_second == pytest.approx(9.7 * SLOWEST)
    moments(limiter, clock, 110)
    assert limiter.per_second == pytest.approx(9.7)


def test_many_threads_never_share_a_moment() -> None:
    clock = FakeContext()
    limiter = RateLimiter(clock, calls=100)
    reserved: list[float] = []
    lock = Lock()

    def work() -> None:
        for _ in range(20):
            moment = limiter._reserve()
            with lock:
                reserved.append(moment)

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(reserved)) == 160
    assert all(b - a >= 1 / 97 - 1e-9 for a, b in pairwise(sorted(reserved)))


def test_a_pause_while_a_thread_waits_cancels_its_moment() -> None:
    clock = FakeContext()
    limiter = RateLimiter(clock, calls=1)
    limiter.acquire()
    original = clock.wait

    def refused_meanwhile(seconds: float) -> None:
        original(seconds)
        if len(clock.waits) == 1:
            limiter.pause(10)

    clock.wait = refused_meanwhile  # type: ignore[method-assign]  # another thread's refusal, at the worst moment
    limiter.acquire()
    assert clock.seconds >= 11


def test_accounts_of_one_pool_get_the_same_limiter_for_the_same_rate() -> None:
    clock, pool = FakeContext(), LimiterPool()
    limiter = pool.get("heavy", clock, calls=10, share=0.5).limiter
    assert pool.get("heavy", FakeContext(), calls=10, share=0.5).limiter is limiter
    assert pool.get("heavy", clock, calls=40, share=0.5).limiter is not limiter  # of another plan
    assert pool.get("medium", clock, calls=10, share=0.5).limiter is not limiter
    assert LimiterPool().get("heavy", clock, calls=10, share=0.5).limiter is not limiter


def test_an_account_that_has_to_stop_interrupts_no_other_of_its_pool() -> None:
    class Stopped(FakeContext):
        def wait(self, seconds: float) -> None:
            raise Interrupted(exit_code=143)

    first, second, pool = Stopped(), FakeContext(), LimiterPool()
    first.elapsed = second.elapsed  # type: ignore[method-assign]  # the seconds of one machine
    stopped, other = (pool.get("calls", clock, calls=1) for clock in (first, second))
    other.acquire()
    other.acquire()
    with pytest.raises(Interrupted):
        stopped.acquire()
    assert second.waits
