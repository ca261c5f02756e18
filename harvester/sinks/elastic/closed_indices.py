"""Closed indices. A search over patterns passes over them, so what they hold would be missing in silence."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from connectors.errors import HarvestError
from connectors.models import Window
from connectors.retry import RetryPolicy
from harvester.sinks.elastic.answer_parsing import member
from harvester.sinks.elastic.client import Client, Response

_PERIOD = re.compile(r"-(\d{4})(?:-(\d{2}))?$")


def find_closed(
    client: Client,
    retry: RetryPolicy,
    patterns: Sequence[str],
    *,
    matters: Callable[[str], bool],
    error_for: Callable[[Response], HarvestError],
) -> str | None:
    """A closed index that matches the patterns and matters; `None` if there is none.

    Needs the privilege `read`. `error_for`: the error for an answer that refuses the search for any other reason.
    """
    others: list[str] = []
    while True:
        names = ",".join([*patterns, *(f"-{name}" for name in others)])
        response = client.request(retry, "POST", f"/{names}/_search?size=0&expand_wildcards=open,closed")
        if response.ok:
            return None
        closed = member(response.body, "error", "index")
        if response.error_type != "index_closed_exception" or not closed or closed in others:
            raise error_for(response)
        if matters(str(closed)):
            return str(closed)
        others.append(str(closed))


def holds_time_of(index: str, window: Window) -> bool:
    """Whether the period in the name of an index has a part of the window in it; true for a name without a period."""
    period = _PERIOD.search(index)
    if period is None:
        return True
    year, month = int(period[1]), int(period[2] or 1)
    try:
        start = datetime(year, month, 1, tzinfo=UTC)
        end = datetime(year + 1, 1, 1, tzinfo=UTC) if not period[2] else _month_after(year, month)
    except ValueError:
        return False
    return window.start < end and start < window.end


def _month_after(year: int, month: int) -> datetime:
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
