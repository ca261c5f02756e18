"""The order of the tests for several processes: at the end, none should wait for one that has just begun a long test."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress, islice
from typing import TypeVar

Test = TypeVar("Test")


def long_first(tests: Sequence[Test], long: Sequence[bool], workers: int) -> list[Test]:
    """Every second worker begins with its share of the long tests, which mostly wait: so the workers between them have the
    processors to themselves. The other tests keep their order.

    xdist first gives each worker an equal part of the list, and later lets workers without tests take over some of others.
    """
    slow = list(compress(tests, long))
    others = iter(list(compress(tests, (not each for each in long))))
    ordered: list[Test] = []
    for worker in range(workers):
        part = (len(tests) - len(ordered)) // (workers - worker)
        first = [] if worker % 2 else slow[worker // 2 :: (workers + 1) // 2]
        ordered += [*first, *islice(others, max(0, part - len(first)))]
    return ordered
