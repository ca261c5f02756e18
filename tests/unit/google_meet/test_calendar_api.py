"""Events of calendars: titles, and refusals."""

from __future__ import annotations

import pytest

from connectors.errors import BrokenResponse, CredentialsError
from connectors.google_meet.calendar_api import title
from connectors.google_meet.endpoints import CALENDAR
from connectors.models import MeetingRef, Reason, SkippedPartition
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import GUEST, HOST, Google, error_body, event
from tests.unit.google_meet.listed_meetings import WEEK, Build, planned, records, upcoming


def test_title_of_a_private_event_is_absent(meet: Build, google: Google) -> None:
    google.events[HOST, "event1"] = event(visibility="private")
    connector = upcoming(meet)
    assert connector.fetch(planned(connector)[0]).meeting.topic is None


def test_refused_calendar_does_not_stop_others_and_is_named_once(
    meet: Build, google: Google, context: FakeContext
) -> None:
    google.events[HOST, "event1"] = event()
    google.refused[f"/calendars/{GUEST}/events", ""] = (403, error_body(403, "forbidden"))
    connector = upcoming(meet)
    for _ in range(2):
        found = list(connector.meetings(WEEK))
        skipped = [one for one in found if isinstance(one, SkippedPartition)]
        assert [(one.reason, one.permanent) for one in skipped] == [(Reason.refused, True)]
        assert len([one for one in found if isinstance(one, MeetingRef)]) == 1
    (named,) = [notice for notice in context.notices if "Calendar refuses these users" in notice]
    assert named.endswith(GUEST)


def test_missing_calendar_scope_is_named(meet: Build, google: Google) -> None:
    google.delegated.discard(CALENDAR.scope)
    with pytest.raises(CredentialsError, match="calendar.events.readonly"):
        planned(upcoming(meet))


@pytest.mark.parametrize("visibility", [[], {}, ["private"], 7])
def test_a_visibility_of_another_type_hides_no_title(visibility: object) -> None:
    assert title({"visibility": visibility, "summary": "Weekly"}) == "Weekly"


@pytest.mark.parametrize("body", [{}, {"id": None, "summary": "x"}, {"message": "x"}])
def test_an_answer_about_no_event_is_not_one_without_a_title(
    meet: Build, google: Google, body: object
) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    google.refused["/events/event1", ""] = (200, body)
    with pytest.raises(BrokenResponse, match=r"events\.get"):
        records(meet(GOOGLE_SOURCE="reports"))
