"""What is inside an error."""

from __future__ import annotations

from collections.abc import Iterator


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything inside it: libraries wrap errors in several ways."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        found = waiting.pop()
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += found.__cause__, found.__context__, getattr(found, "reason", None)
        waiting += found.args
        waiting += getattr(found, "errors", ())
