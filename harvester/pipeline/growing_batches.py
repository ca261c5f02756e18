"""Items of an iterator in batches, the first of which are small: what is slow to come in is not held back for long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from connectors.errors import HarvestError

Item = TypeVar("Item")


def growing_batches(items: Iterable[Item], most: int) -> Iterator[list[Item]]:
    """The items in lists of 1, 2, 4 and so on, up to `most` of them.

    Raises what the iterator raises; after a HarvestError only when everything that came before it was returned.
    """
    size, batch = 1, list[Item]()
    try:
        for item in items:
            batch.append(item)
            if len(batch) == size:
                yield batch
                size, batch = min(2 * size, most), []
    except HarvestError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
