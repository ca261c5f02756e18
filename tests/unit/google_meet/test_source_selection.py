"""The source of a run, by the APIs that are allowed."""

from __future__ import annotations

from connectors.google_meet.endpoints import CALENDAR, MEET, REPORTS
from connectors.models import (
    Detail,
)
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import (
    Google,
    signed_in,
)
from tests.unit.google_meet.listed_meetings import Build, records


def test_reports_suffice_without_meet(meet: Build, google: Google, context: FakeContext) -> None:
    google.delegated.discard(MEET.scope)
    google.delegated.discard(CALENDAR.scope)
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    (record,) = records(meet()).values()
    assert (record.meeting.detail, record.meeting.topic) == (Detail.basic, None)
    assert any("without what Meet adds" in notice and MEET.scope in notice for notice in context.notices)


def test_meet_suffices_without_reports(meet: Build, google: Google, context: FakeContext) -> None:
    google.delegated.discard(REPORTS.scope)
    google.record("conf1")
    google.takes_part("conf1", signed_in("3", "Ole"), ("2026-11-20T09:00:00Z", "2026-11-20T09:40:00Z"))
    (record,) = records(meet()).values()
    assert (record.meeting.detail, record.meeting.host) == (Detail.basic, None)
    assert any("Reports is refused" in notice for notice in context.notices)
