"""A meeting of ten minutes, with as little in it as a test needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.models import Detail, Meeting, Session

START = datetime(2026, 11, 20, 9, tzinfo=UTC)


def meeting(**changes: Any) -> Meeting:
    values = {"vendor": "zoom", "account": "main", "uuid": "u", "detail": Detail.basic, "harvested_at": START}
    return Meeting(**{**values, "start_time": START, **changes})


def stay(minutes: tuple[int, int] | None = (0, 10), **changes: Any) -> Session:
    times = (
        {}
        if minutes is None
        else {
            "join_time": START + timedelta(minutes=minutes[0]),
            "leave_time": START + timedelta(minutes=minutes[1]),
        }
    )
    return Session(**{"key": "k", **times, **changes})
