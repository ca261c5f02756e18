"""When to read a meeting again: it has only just ended, or the vendor does not yet say when it took place."""

from __future__ import annotations

from datetime import datetime, timedelta

from connectors.errors import Gone, NotReady
from connectors.models import MeetingRecord, Pending, Reason

REFETCH_INTERVAL = timedelta(days=1)


def until_settled(ended: datetime | None, settling: timedelta, now: datetime) -> Pending | None:
    """Pending until `settling` has passed since the end; `None` after that, while no end is known, and if the end is so far
    ahead that it cannot be right: the meeting would be pending for years."""
    if ended is None or now >= ended + settling or ended > now + settling:
        return None
    return Pending(until=ended + settling, reason=Reason.settling)


def require_timestamp(
    record: MeetingRecord,
    *,
    vendor: str,
    since: datetime,
    lookback: timedelta,
    now: datetime,
) -> MeetingRecord:
    """The record, if it has an instant to file it under.

    One without any raises NotReady for the `lookback` after `since`, to be asked for again daily; after that, Gone, even
    if the vendor still lists it: no later answer can have a time.
    """
    if record.timestamp is not None:
        return record
    until = since + lookback
    if now >= until:
        raise Gone(f"{vendor}: the meeting never got a start time", reason=Reason.no_time)
    raise NotReady(
        f"{vendor}: the meeting has no start time yet",
        reason=Reason.no_time,
        until=min(now + REFETCH_INTERVAL, until),
    )
