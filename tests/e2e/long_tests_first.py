"""The order of the tests for several processes: at the end, none should wait for one that has just begun a long test."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress, islice
from typing import TypeVar

Test = TypeVar("Test")


def long_first(
    tests: Sequence[Test], *, long: Sequence[bool], fast: Sequence[bool], workers: int
) -> list[Test]:
    """Every second worker begins with its share of the long tests, which mostly wait: so the workers between them have the
    processors to themselves. Each worker ends with its share of the fast ones. All others keep their order.

    xdist first gives each worker an equal part of the list, and later lets workers without tests take over some of others.
    """
    usual = [not (slow or quick) for slow, quick in zip(long, fast, strict=True)]
    begin, middle, end = (list(compress(tests, chosen)) for chosen in (long, usual, fast))
    share, rest = -(-len(middle) // workers), iter(end)
    ordered: list[Test] = []
    for worker in range(workers):
        part = (len(tests) - len(ordered)) // (workers - worker)
        first = [] if worker % 2 else begin[worker // 2 :: (workers + 1) // 2]
        first += middle[worker * share :][:share]
        ordered += [*first, *islice(rest, max(0, part - len(first)))]
    return ordered
