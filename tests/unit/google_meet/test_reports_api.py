"""Requests to Reports, and its refusals."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.errors import ConfigurationError
from connectors.models import (
    Window,
)
from tests.unit.google_meet.fake_api import (
    ADMIN,
    DAY,
    HOST,
    Google,
    error_body,
)
from tests.unit.google_meet.listed_meetings import Build, records, refs


def test_all_rows_of_an_older_conference_over_midnight_are_requested(meet: Build, google: Google) -> None:
    old = Window(start=DAY.start - timedelta(days=20), end=DAY.end - timedelta(days=20))
    google.call_ended("long", "2026-11-01T01:00:00Z", stayed=7200)
    google.call_ended("long", "2026-11-02T03:00:00Z", stayed=20 * 3600, identifier=HOST)
    google.call_ended("other", "2026-10-31T12:00:00Z", stayed=7200)
    connector = meet(GOOGLE_SOURCE="reports")
    found = records(connector, old)
    assert len(found["long"].sessions) == 2
    filters = [query.get("filters") for _, query in google.asked_for("activity")]
    assert filters == [None, "duration_seconds>86400", "conference_id==long"]


def test_stays_of_several_days_are_found(meet: Build, google: Google) -> None:
    old = Window(start=DAY.start - timedelta(days=20), end=DAY.end - timedelta(days=20))
    google.call_ended("room", "2026-11-03T12:00:00Z", stayed=3 * 86400 + 3600)
    found = records(meet(GOOGLE_SOURCE="reports"), old)
    assert found["room"].meeting.duration == 3 * 86400 + 3600


def test_conference_with_late_rows_is_read_by_its_id(meet: Build, google: Google) -> None:
    google.call_ended("conf1", "2026-11-20T09:40:00Z")
    google.call_ended("other", "2026-11-20T09:40:00Z")
    (ref,) = refs(meet(GOOGLE_SOURCE="reports"), DAY, ("conference conf1",))
    assert ref.uuid == "conf1"
    assert [query.get("filters") for _, query in google.asked_for("activity")] == ["conference_id==conf1"]


def test_an_unknown_user_of_the_command_line_is_named(meet: Build, google: Google) -> None:
    google.refused["/users/unknown@example.org/applications/meet", ADMIN] = (400, error_body(400, "invalid"))
    connector = meet(GOOGLE_SOURCE="reports", given={"user": ("unknown@example.org",)})
    with pytest.raises(ConfigurationError, match=r"Google does not know unknown@example.org \(400\)"):
        list(connector.meetings(DAY))
