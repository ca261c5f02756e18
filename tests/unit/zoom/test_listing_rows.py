"""The rows of listings as refs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from connectors.errors import BrokenResponse
from connectors.models import Detail, MeetingRef
from connectors.zoom import Zoom
from connectors.zoom.listing_rows import join_count
from connectors.zoom.mapping import to_meeting
from tests.unit.fake_context import NOW
from tests.unit.zoom.fake_api import DAY, Account, data, meeting_row, page, ref

Build = Callable[..., Zoom]

PARTICIPANTS = "/metrics/meetings/abc%3D%3D/participants"


def test_same_number_with_a_new_uuid_is_another_instance(zoom: Build, account: Account) -> None:
    account.quiet()
    account.on(
        "/metrics/meetings",
        page("meetings", meeting_row("one"), meeting_row("two", start_time="2026-11-20T10:01:00Z")),
        type="past",
    )
    assert [found.uuid for found in zoom().meetings(DAY)] == ["one", "two"]
    shared = {"account": "main", "detail": Detail.basic, "state": "ended", "harvested_at": NOW}
    one, two = (to_meeting(meeting_row(uuid), **shared) for uuid in ("one", "two"))
    assert one.meeting_series_id == two.meeting_series_id


def test_meeting_with_blank_times_is_listed_and_dated_by_its_first_join(
    zoom: Build, account: Account
) -> None:
    blank = meeting_row(start_time="", end_time="", duration="", participants=0)
    account.quiet()
    account.on("/metrics/meetings", page("meetings", blank), type="past")
    account.on(PARTICIPANTS, data("metrics_participants"))
    (found,) = zoom().meetings(DAY)
    assert isinstance(found, MeetingRef)
    assert found.start_time is None
    record = zoom().fetch(found)
    assert record.timestamp == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert record.meeting.state == "ended"
    assert (record.meeting.start_time, record.meeting.duration) == (None, None)


def test_meetings_of_one_participant_are_listed_separately(zoom: Build, account: Account) -> None:
    account.quiet()
    account.on("/metrics/meetings", page("meetings", meeting_row("alone")), type="pastOne")
    (found,) = zoom().meetings(DAY)
    assert isinstance(found, MeetingRef)
    assert found.hint["type"] == "pastOne"
    zoom().fetch(found)
    assert account.asked_for("/metrics/meetings/alone/participants")[0]["type"] == "pastOne"


@pytest.mark.parametrize("count", [-1, 2**63, 1e308, "7", None, []])
def test_a_number_of_joins_that_cannot_be_right_is_unknown(count: object) -> None:
    assert join_count({"participants": count}) == 0


@pytest.mark.parametrize("body", [{}, {"message": "x"}, {"uuid": "", "id": []}])
def test_an_answer_about_no_meeting_replaces_none(
    zoom: Build, account: Account, body: dict[str, object]
) -> None:
    account.on("/metrics/meetings/abc%3D%3D", body)
    with pytest.raises(BrokenResponse, match="without its id"):
        zoom().fetch(ref())
