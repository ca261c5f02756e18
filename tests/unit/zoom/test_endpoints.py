"""Paths of endpoints, and the days that are requested from lists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.models import Window
from connectors.zoom import Zoom
from connectors.zoom.endpoints import MAX_WINDOW, ZoomEndpoint, date_range
from connectors.zoom.endpoints import PARTICIPANTS as PARTICIPANTS_ENDPOINT
from tests.unit.fake_context import NOW
from tests.unit.zoom.fake_api import DAY, Account, meeting_row, page, participant_row, ref

Build = Callable[..., Zoom]


@pytest.mark.parametrize(
    ("uuid", "path"),
    [
        ("/abc==", "/metrics/meetings/%252Fabc%253D%253D/participants"),
        ("a//b==", "/metrics/meetings/a%252F%252Fb%253D%253D/participants"),
        ("a/b+c==", "/metrics/meetings/a%2Fb%2Bc%3D%3D/participants"),
        ("abc", "/metrics/meetings/abc/participants"),
    ],
)
def test_uuid_is_encoded_twice_if_zoom_requires_it(
    zoom: Build, account: Account, uuid: str, path: str
) -> None:
    account.on(path, page("participants", participant_row()))
    assert len(zoom().fetch(ref(meeting_row(uuid))).sessions) == 1
    assert PARTICIPANTS_ENDPOINT.path(uuid) == path
    assert "/" not in ZoomEndpoint.encode_id(uuid)


def test_whole_days_are_requested_and_filtered_by_start(zoom: Build, account: Account) -> None:
    account.quiet()
    rows = [
        meeting_row("before", start_time="2026-11-19T23:59:59Z"),
        meeting_row("first", start_time="2026-11-20T00:00:00Z"),
        meeting_row("over midnight", start_time="2026-11-20T23:59:59Z", end_time="2026-11-21T01:00:00Z"),
        meeting_row("first", start_time="2026-11-20T00:00:00Z"),
        meeting_row("after", start_time="2026-11-21T00:00:00Z"),
    ]
    account.on("/metrics/meetings", page("meetings", *rows), type="past")
    assert {found.uuid for found in zoom().meetings(DAY)} == {"first", "over midnight"}
    asked = account.asked_for("/metrics/meetings")[0]
    assert (asked["from"], asked["to"]) == ("2026-11-19", "2026-11-21")


@given(
    start=st.timedeltas(timedelta(days=-400), timedelta(days=100)).map(lambda apart: NOW + apart),
    length=st.timedeltas(timedelta(microseconds=1), MAX_WINDOW),
    now=st.timedeltas(timedelta(), timedelta(days=1)).map(lambda apart: NOW + apart),
)
def test_date_range_spans_at_most_28_days_within_the_retention_and_before_now(start, length, now) -> None:
    found = date_range(Window(start=start, end=start + length), now)
    if found is None:
        assert start > now or start + length < now - timedelta(days=179)
        return
    first, last = (datetime.fromisoformat(day).date() for day in found)
    assert 0 <= (last - first).days < 28
    assert last <= now.date()
    assert first >= (now - timedelta(days=180)).date()


def test_window_beyond_the_retention_makes_no_request(zoom: Build, account: Account) -> None:
    old = Window(start=NOW - timedelta(days=300), end=NOW - timedelta(days=290))
    assert list(zoom().meetings(old)) == []
    assert account.asked == []
