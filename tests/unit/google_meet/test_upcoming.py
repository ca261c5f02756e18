"""Planned meetings: each once, from the organizer's calendar if that can be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.errors import Gone
from connectors.models import Detail, MeetingRef, Reason, SkippedPartition
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import CODE, GUEST, HOST, Google, event
from tests.unit.google_meet.listed_meetings import WEEK, Build, planned, upcoming


def test_a_planned_meeting_is_scheduled_and_pending_until_its_end(meet: Build, google: Google) -> None:
    google.events[HOST, "event1"] = event()
    google.events[GUEST, "event1"] = event(organizer={"email": HOST}, summary="as the guest sees it")
    connector = upcoming(meet)
    (ref,) = planned(connector)
    record = connector.fetch(ref)
    meeting = record.meeting
    assert (meeting.detail, meeting.state, meeting.topic) == (Detail.scheduled, "scheduled", "Weekly")
    assert (meeting.meeting_code, meeting.start_time) == (CODE, None)
    assert meeting.scheduled_start_time == datetime(2026, 11, 24, 9, tzinfo=UTC)
    assert meeting.host is not None
    assert meeting.host.email == HOST
    assert record.pending is not None
    assert (record.pending.until, record.pending.reason) == (meeting.scheduled_end_time, Reason.planned)
    assert record.sessions == ()
    assert meeting.participants is None
    assert {query["singleEvents"] for _, query in google.asked_for("/events")} == {"true"}
    assert google.asked_for("activity") == []


def test_meeting_of_an_external_organizer_is_listed_once(meet: Build, google: Google) -> None:
    for user in (HOST, GUEST):
        google.events[user, "event1"] = event(organizer={"email": "else@elsewhere.example"})
    assert len(planned(upcoming(meet))) == 1


def test_instance_of_a_series_keeps_its_id_when_moved(meet: Build, google: Google) -> None:
    first = {"dateTime": "2026-11-24T09:00:00Z"}
    google.events[HOST, "e_1"] = event("e_1", iCalUID="series", recurringEventId="e", originalStartTime=first)
    google.events[HOST, "e_2"] = event(
        "e_2", iCalUID="series", recurringEventId="e", originalStartTime={"dateTime": "2026-11-25T09:00:00Z"}
    )
    before = {ref.uuid for ref in planned(upcoming(meet))}
    assert len(before) == 2
    google.events[HOST, "e_1"]["start"] = {"dateTime": "2026-11-24T15:00:00Z"}
    assert {ref.uuid for ref in planned(upcoming(meet))} == before


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "cancelled"},
        {"conferenceData": None},
        {"conferenceData": {"conferenceId": "1", "conferenceSolution": {"key": {"type": "addOn"}}}},
        {"start": {"dateTime": "2026-11-21T05:00:00Z"}},
        {"start": None},
    ],
)
def test_events_without_meet_or_already_begun_are_not_listed(
    changes: dict[str, Any], meet: Build, google: Google
) -> None:
    google.events[HOST, "event1"] = event(**changes)
    assert planned(upcoming(meet)) == []


def test_user_and_code_options_filter(meet: Build, google: Google) -> None:
    google.events[HOST, "event1"] = event()
    assert planned(upcoming(meet, given={"user": (GUEST,)})) == []
    assert {user for user, _ in google.asked_for("/events")} == {GUEST}
    assert len(planned(upcoming(meet, given={"meeting-code": ("WKTIMXIVUK",)}))) == 1
    assert planned(upcoming(meet, given={"meeting-code": ("abc-defg-hij",)})) == []


def test_planned_meeting_is_read_again_after_its_end(
    meet: Build, google: Google, context: FakeContext
) -> None:
    google.events[HOST, "event1"] = event()
    ref = replace(planned(upcoming(meet))[0], row=None)
    context.seconds += timedelta(days=6).total_seconds()
    nightly = meet()
    record = nightly.fetch(ref)
    assert (record.meeting.state, record.pending) == ("scheduled", None)
    assert nightly.estimate_requests(ref) == 1
    google.events[HOST, "event1"] = event(status="cancelled")
    with pytest.raises(Gone) as gone:
        meet().fetch(ref)
    assert gone.value.reason == Reason.deleted


@pytest.mark.parametrize(
    "changes", [{"id": None}, {"start": {"dateTime": "soon"}}, {"start": []}, {"start": {"dateTime": {}}}]
)
def test_an_event_that_cannot_be_read_skips_the_calendar_and_is_said(
    changes: dict[str, Any], meet: Build, google: Google
) -> None:
    google.events[GUEST, "event1"] = event(organizer={"email": GUEST}, **changes)
    google.events[HOST, "event2"] = event("event2")
    found = list(upcoming(meet).meetings(WEEK))
    assert len([one for one in found if isinstance(one, MeetingRef)]) == 1
    skipped = [one for one in found if isinstance(one, SkippedPartition)]
    assert [(one.reason, one.permanent) for one in skipped] == [(Reason.error, False)]
