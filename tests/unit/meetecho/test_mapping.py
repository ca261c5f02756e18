"""Recorded payloads as meetings and sessions, and the rules for planned times and attendance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.attendance import to_record
from connectors.meetecho.datatracker_api import PlannedTime
from connectors.meetecho.mapping import (
    PlannedMeeting,
    to_meeting,
    to_session,
    without_participant_seconds,
)
from connectors.meetecho.room_rows import to_rooms
from connectors.models import Detail
from tests.unit.fake_context import NOW
from tests.unit.meetecho.fake_api import data


def planned(start: datetime | None, end: datetime | None = None, **fields: object) -> PlannedMeeting:
    time = PlannedTime(start=start, end=end) if start is not None else None
    return PlannedMeeting(group="acro", session={"id": 18, "name": "Topic"}, time=time, **fields)


@pytest.mark.parametrize(
    ("start", "end", "detail"),
    [
        (-60, -30, Detail.full),
        (-60, 30, Detail.scheduled),
        (30, 60, Detail.scheduled),
        (-60, None, Detail.full),
        (30, None, Detail.scheduled),
    ],
)
def test_planned_times_are_never_actual_times(start: int, end: int | None, detail: Detail) -> None:
    begins = NOW + timedelta(minutes=start)
    ends = NOW + timedelta(minutes=end) if end is not None else None
    meeting = to_meeting(planned(begins, ends), account="main", now=NOW, harvested_at=NOW)
    assert (meeting.scheduled_start_time, meeting.scheduled_end_time) == (begins, ends)
    assert (meeting.start_time, meeting.end_time, meeting.duration) == (None, None, None)
    assert (meeting.detail, meeting.state) == (
        detail,
        "scheduled" if detail is Detail.scheduled else None,
    )


@pytest.mark.parametrize("time", [None, "", "soon", 7])
def test_join_time_that_is_no_instant_is_absent(time: object) -> None:
    session = to_session({"id": 3, "person": "/api/v1/person/person/7/", "time": time}, {})
    assert (session.id, session.user_name, session.join_time) == ("7", None, None)


@pytest.mark.parametrize("origin", ["self declared", "another program", [], {"a": 1}, 7])
def test_time_of_a_record_that_is_no_join_is_absent(origin: object) -> None:
    attended = {
        "id": 900001,
        "origin": origin,
        "person": "/api/v1/person/person/900100/",
        "session": "/api/v1/meeting/session/900200/",
        "time": "2026-11-21T09:12:44Z",
    }
    session = to_session(attended, {})
    assert (session.id, session.join_time) == ("900100", None)
    assert to_session({**attended, "origin": "datatracker"}, {}).join_time is not None


def test_participant_seconds_are_unknown_rather_than_zero() -> None:
    meeting = to_meeting(planned(NOW), account="main", now=NOW, harvested_at=NOW)
    record = to_record(meeting, [to_session({"id": 3, "time": "2026-11-20T10:00:00Z"}, {})])
    assert record.meeting.participant_seconds == 0
    assert without_participant_seconds(record).meeting.participant_seconds is None


def test_recorded_payloads_are_mapped() -> None:
    rooms = to_rooms(data("fetchRooms_response"), "acro") + to_rooms(data("createRoom_response"), "acro")
    session = data("dt_v1_meeting_session")["objects"][0]
    attended = data("dt_v1_meeting_attended")["objects"][0]
    now = datetime(2026, 11, 20, tzinfo=UTC)
    first, second, _ = rooms
    meeting = to_meeting(
        PlannedMeeting(group="acro", rooms=(second,)), account="main", now=now, harvested_at=now
    )
    assert (meeting.uuid, meeting.topic) == ("e68e96d4-d38f-475b-9073-ecab46ca96a5", "interim-2021-wgname-02")
    assert meeting.scheduled_start_time == datetime(2021, 9, 15, 14, 30, tzinfo=UTC)
    assert meeting.scheduled_end_time == datetime(2021, 9, 15, 15, tzinfo=UTC)
    both = to_meeting(
        PlannedMeeting(group="homenet", session=session, rooms=(first,)),
        account="main",
        now=now,
        harvested_at=now,
        raw=True,
    )
    assert (both.uuid, both.detail) == ("25907", Detail.full)
    stay = to_session(attended, {"20209": "Mara Lindqvist"})
    assert (stay.id, stay.user_name) == ("20209", "Mara Lindqvist")
    assert stay.join_time == datetime(2024, 3, 12, 18, 35, 43, tzinfo=UTC)
