"""Meetings that are read again: just ended, without details yet, or without any time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.errors import Gone, NotReady
from connectors.models import Detail, Pending, Reason
from connectors.zoom import Zoom
from tests.unit.fake_context import NOW
from tests.unit.zoom.fake_api import Account, meeting_row, page, participant_row, ref

Build = Callable[..., Zoom]

PARTICIPANTS = "/metrics/meetings/abc%3D%3D/participants"


def test_meeting_without_times_and_sessions_is_not_ready_and_then_gone(
    zoom: Build, account: Account, context
) -> None:
    account.quiet()
    blank = ref(meeting_row(start_time="", end_time="", duration=""), end="2026-11-21T00:00:00+00:00")
    with pytest.raises(NotReady) as later:
        zoom().fetch(blank)
    assert later.value.reason is Reason.no_time
    context.start += timedelta(days=8)
    account.on("/metrics/meetings/abc%3D%3D", blank.row)
    for again in (blank, replace(blank, row=None)):  # from a listing, and from the journal
        with pytest.raises(Gone) as gone:
            zoom().fetch(again)
        assert gone.value.reason is Reason.no_time


def test_details_may_come_up_to_a_day_after_the_end(zoom: Build, account: Account) -> None:
    assert Zoom.lookback >= timedelta(days=7)
    record = zoom().fetch(ref(meeting_row()))  # 3001 for its participants
    assert record.pending is not None
    assert record.pending.reason is Reason.not_ended
    assert record.meeting.detail is Detail.basic
    assert record.meeting.participants is None
    assert record.sessions == ()


def test_meeting_that_just_ended_is_read_once_more(zoom: Build, account: Account) -> None:
    account.on(PARTICIPANTS, page("participants", participant_row()))
    ended = (NOW - timedelta(minutes=30)).isoformat()
    record = zoom().fetch(ref(meeting_row(participants=1, end_time=ended)))
    assert record.pending == Pending(until=NOW + timedelta(minutes=90), reason=Reason.settling)


def test_missing_joins_keep_a_meeting_pending_for_a_day(zoom: Build, account: Account, context) -> None:
    account.on(PARTICIPANTS, page("participants", participant_row()))
    short = ref(meeting_row(participants=2, end_time=(NOW - timedelta(hours=5)).isoformat()))
    pending = zoom().fetch(short).pending
    assert pending is not None
    assert pending.reason is Reason.settling
    assert pending.until <= NOW + timedelta(hours=1, minutes=1)
    context.start += timedelta(hours=20)
    assert zoom().fetch(short).pending is None


def test_listed_meeting_without_a_list_of_participants_is_stored_from_its_row(
    zoom: Build, account: Account, context
) -> None:
    context.start += timedelta(days=1)
    row = {
        "uuid": "AAAAinvented1234567890==",
        "id": 81234567890,
        "topic": "Weekly",
        "host": "Mara Lindqvist",
        "email": "mara.lindqvist@example.org",
        "start_time": "2026-11-18T09:00:00Z",
        "end_time": "2026-11-18T10:00:00Z",
        "duration": "01:00:00",
        "participants": 4,
    }
    not_found = {"code": 3001, "message": "Meeting does not exist."}
    account.on("/metrics/meetings/AAAAinvented1234567890%3D%3D/participants", not_found, status=404)
    record = zoom().fetch(ref(row))
    assert (record.listed_only, record.pending, record.sessions) == (True, None, ())
    meeting = record.meeting
    assert (meeting.detail, meeting.state, meeting.duration) == (Detail.basic, "ended", 3600)
    assert (meeting.participants, meeting.participant_sessions) == (None, None)


def test_meeting_that_is_not_found_at_all_a_day_after_its_end_is_gone(zoom: Build, context) -> None:
    context.start += timedelta(days=1)
    with pytest.raises(Gone) as gone:
        zoom().fetch(replace(ref(meeting_row()), row=None))
    assert gone.value.reason is Reason.deleted
