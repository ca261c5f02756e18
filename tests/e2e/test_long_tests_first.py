from __future__ import annotations

import pytest

from tests.e2e.long_tests_first import long_first


@pytest.mark.parametrize("workers", range(1, 6))
@pytest.mark.parametrize("count", [0, 1, 7, 20, 23])
def test_every_second_worker_begins_with_its_share_of_the_long_tests(workers: int, count: int) -> None:
    long = [number % 8 == 3 for number in range(count)]
    ordered = long_first(range(count), long, workers)
    assert sorted(ordered) == list(range(count))
    begun, rest = [], list(ordered)
    for worker in range(workers):
        size = len(rest) // (workers - worker)
        part, rest = rest[:size], rest[size:]
        slow = [number for number in part if long[number]]
        assert part[: len(slow)] == slow
        begun.append(len(slow))
    assert sum(begun) == sum(long)
    assert max(begun[::2]) - min(begun[::2]) <= 1
    assert not any(begun[1::2])


def test_the_others_keep_their_order() -> None:
    assert long_first("aBcdEf", [each.isupper() for each in "aBcdEf"], 2) == ["B", "E", "a", "c", "d", "f"]
