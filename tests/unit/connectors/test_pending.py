"""When a meeting is read again: after it has settled, or once it has a start time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.errors import Gone, NotReady
from connectors.models import Detail, Meeting, MeetingRecord, Pending, Reason
from connectors.pending import require_timestamp, until_settled

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def record(start: datetime | None) -> MeetingRecord:
    return MeetingRecord(
        meeting=Meeting(
            vendor="zoom", account="main", uuid="u", detail=Detail.basic, harvested_at=NOW, start_time=start
        )
    )


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (None, None),
        (NOW - 2 * HOUR, None),
        (NOW - HOUR, Pending(until=NOW + HOUR, reason=Reason.settling)),
        (NOW + HOUR, Pending(until=NOW + 3 * HOUR, reason=Reason.settling)),
        (NOW + 3 * HOUR, None),
        (NOW.replace(year=2090), None),
    ],
)
def test_a_meeting_is_read_again_once_it_has_settled(
    ended: datetime | None, expected: Pending | None
) -> None:
    assert until_settled(ended, 2 * HOUR, NOW) == expected


def test_a_record_with_a_start_is_returned_as_it_is() -> None:
    whole = record(NOW)
    assert require_timestamp(whole, vendor="Zoom", since=NOW - 30 * DAY, lookback=7 * DAY, now=NOW) is whole


@pytest.mark.parametrize(
    ("since", "until"),
    [(NOW, NOW + DAY), (NOW - 6.5 * DAY, NOW + DAY / 2), (NOW - 7 * DAY + HOUR, NOW + HOUR)],
)
def test_without_a_start_it_is_read_daily_until_the_lookback_has_passed(
    since: datetime, until: datetime
) -> None:
    with pytest.raises(NotReady) as raised:
        require_timestamp(record(None), vendor="Zoom", since=since, lookback=7 * DAY, now=NOW)
    assert (raised.value.reason, raised.value.until) == (Reason.no_time, until)


def test_after_the_lookback_it_is_gone() -> None:
    with pytest.raises(Gone) as raised:
        require_timestamp(record(None), vendor="Zoom", since=NOW - 7 * DAY, lookback=7 * DAY, now=NOW)
    assert raised.value.reason == Reason.no_time
