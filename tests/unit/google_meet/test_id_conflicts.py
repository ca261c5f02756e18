"""A change of source: no conference is stored twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.errors import ConfigurationError
from connectors.models import (
    MeetingRef,
    SkippedPartition,
    Window,
)
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import (
    DAY,
    Google,
)
from tests.unit.google_meet.listed_meetings import Build, refs, stored


def test_days_read_from_meet_are_skipped_if_ids_differ(
    meet: Build, google: Google, context: FakeContext
) -> None:
    google.call_ended("reports-id", "2026-11-20T09:30:00Z")
    stored(context, "meet-id", "meet", "record")
    with pytest.raises(ConfigurationError, match="GOOGLE_SOURCE=meet"):
        refs(meet(GOOGLE_SOURCE="reports"))


def test_the_other_days_are_read(meet: Build, google: Google, context: FakeContext) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    google.call_ended("conf2", "2026-11-19T09:30:00Z")
    stored(context, "meet-id", "meet", "record")
    both = Window(start=DAY.start - timedelta(days=1), end=DAY.end)
    found = list(meet(GOOGLE_SOURCE="reports").meetings(both))
    assert [one.uuid for one in found if isinstance(one, MeetingRef)] == ["conf2"]
    assert [one.permanent for one in found if isinstance(one, SkippedPartition)] == [True]
    assert any("2026-11-20" in notice for notice in context.notices)


def test_equal_ids_allow_either_source(meet: Build, google: Google, context: FakeContext) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    google.record("conf1")
    stored(context, "conf1", "meet", "record")
    assert [ref.uuid for ref in refs(meet(GOOGLE_SOURCE="reports"))] == ["conf1"]
    stored(context, "conf1", "auto", "conference")
    assert [ref.uuid for ref in refs(meet(GOOGLE_SOURCE="meet"))] == ["conf1"]


def test_days_read_from_reports_are_skipped_by_meet(
    meet: Build, google: Google, context: FakeContext
) -> None:
    google.record("meet-id")
    stored(context, "reports-id", "reports", "conference")
    with pytest.raises(ConfigurationError, match="reports or auto"):
        refs(meet(GOOGLE_SOURCE="meet"))
