"""Calls side by side keep their order, and run only as far ahead as the reader needs."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from connectors.concurrency import ordered_map


def test_results_come_in_the_order_of_the_items() -> None:
    first_may_end = threading.Event()

    def call(number: int) -> int:
        if number == 0:
            assert first_may_end.wait(10)
        else:
            first_may_end.set()
        return number * number

    assert list(ordered_map(call, range(20), workers=3, name="test")) == [n * n for n in range(20)]


def test_no_more_items_are_taken_than_twice_the_workers_ahead_of_the_reader() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    results = ordered_map(lambda number: number, items(), workers=2, name="test")
    for read in range(1, 6):
        next(results)
        assert taken <= read + 2 * 2


def test_an_error_is_raised_in_its_place_and_ends_the_calls() -> None:
    called: list[int] = []

    def call(number: int) -> int:
        called.append(number)
        if number == 3:
            raise ValueError("three")
        return number

    results = ordered_map(call, range(1_000), workers=2, name="test")
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert len(called) <= 3 + 2 * 2 + 2


def test_a_reader_that_stops_early_ends_the_calls() -> None:
    called: list[int] = []
    results = ordered_map(called.append, iter(range(1_000)), workers=2, name="test")
    next(results)
    results.close()  # type: ignore[attr-defined]  # a member that the stub does not declare
    assert len(called) <= 1 + 2 * 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("test_")]


def test_nothing_in_nothing_out() -> None:
    assert list(ordered_map(str, [], workers=4, name="test")) == []
