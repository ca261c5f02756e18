"""Batches of a listing: small at first, and complete if the listing fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.errors import VendorError
from harvester.pipeline.growing_batches import growing_batches


def test_batches_grow_up_to_the_largest() -> None:
    found = list(growing_batches(range(25), 8))
    assert [len(batch) for batch in found] == [1, 2, 4, 8, 8, 2]
    assert [number for batch in found for number in batch] == list(range(25))


def test_nothing_makes_no_batch() -> None:
    assert list(growing_batches([], 8)) == []


def test_no_more_is_taken_than_a_batch_needs() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(10):
            taken.append(number)
            yield number

    batches = growing_batches(items(), 4)
    assert next(batches) == [0]
    assert taken == [0]
    assert next(batches) == [1, 2]
    assert taken == [0, 1, 2]


def test_what_came_before_an_error_is_returned_before_it_is_raised() -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise VendorError("the second page is missing")

    found = list[int]()
    with pytest.raises(VendorError, match="second page"):
        for batch in growing_batches(items(), 32):
            found += batch
    assert found == [0, 1, 2, 3, 4]
