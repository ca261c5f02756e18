"""Run calls side by side without losing their order or running far ahead of the reader."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int, name: str
) -> Iterator[Result]:
    """The results of `function` in the order of `items`, with `workers` calls at a time.

    Looks ahead by `2 * workers` items, so that one slow call does not idle the others; memory holds that many results,
    whatever the number of items. Raises what a call raised, at its place in the order; calls that have not begun by
    then, or when the reader stops early, are not made. `name` is the prefix of the threads' names.
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
    try:
        for item in items:
            waiting.append(pool.submit(copy_context().run, function, item))
            if len(waiting) >= 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
