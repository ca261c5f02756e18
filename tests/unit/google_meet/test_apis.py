"""The options of a run, and the user to impersonate for an organizer."""

from __future__ import annotations

import pytest

from connectors.models import (
    Detail,
)
from tests.unit.google_meet.fake_api import (
    GUEST,
    HOST,
    Google,
)
from tests.unit.google_meet.listed_meetings import Build, records


@pytest.mark.parametrize("given", [{"meeting-code": ("WKTIMXIVUK",)}, {"user": (GUEST,)}])
def test_user_option_lists_whole_conferences(
    given: dict[str, tuple[str, ...]], meet: Build, google: Google
) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    google.call_ended("conf1", "2026-11-20T09:40:00Z", identifier=HOST)
    google.call_ended("other", "2026-11-20T09:40:00Z", identifier=HOST, meeting_code="ABCDEFGHIJ")
    found = records(meet(GOOGLE_SOURCE="reports", given=given))
    assert {uuid: len(record.sessions) for uuid, record in found.items()} == {"conf1": 2}


def test_external_organizer_is_not_impersonated(meet: Build, google: Google) -> None:
    google.call_ended("conf1", "2026-11-20T09:40:00Z", organizer_email="else@elsewhere.example")
    google.record("conf1", seen_by=(GUEST,))
    (record,) = records(meet()).values()
    assert (record.meeting.topic, record.meeting.detail) == (None, Detail.full)
    assert record.meeting.host is not None
    assert record.meeting.host.email == "else@elsewhere.example"
    assert {claims["sub"] for claims in google.assertions} <= set(google.people)
