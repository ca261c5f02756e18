"""Days of which Reports returns nothing any more."""

from __future__ import annotations

from connectors.models import (
    Reason,
    SkippedPartition,
)
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import (
    DAY,
    Google,
)
from tests.unit.google_meet.listed_meetings import Build, refs, stored


def test_an_empty_answer_of_reports_makes_no_second_set_of_meetings(
    meet: Build, google: Google, context: FakeContext
) -> None:
    google.call_ended("reports-id", "2026-11-20T09:44:59Z", stayed=2600)
    google.record("meet-id")
    assert [ref.uuid for ref in refs(meet())] == ["reports-id"]
    stored(context, "reports-id", "auto", "conference")
    google.activities.clear()
    assert list(meet().meetings(DAY)) == [
        SkippedPartition(partition="reports 2026-11-20", reason=Reason.error, permanent=False)
    ]


def test_a_record_that_only_meet_has_is_listed_beside_stored_conferences(
    meet: Build, google: Google, context: FakeContext
) -> None:
    google.call_ended("reports-id", "2026-11-20T09:44:59Z", stayed=2600)
    stored(context, "reports-id", "auto", "conference")
    google.record("earlier", "2026-11-20T07:00:00Z", "2026-11-20T07:30:00Z")
    assert {ref.uuid for ref in refs(meet())} == {"reports-id", "earlier"}
