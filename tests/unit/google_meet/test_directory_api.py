"""The company's Directory: refused, suspended users, aliases."""

from __future__ import annotations

import pytest

from connectors.errors import BrokenResponse
from connectors.google_meet.endpoints import DIRECTORY
from connectors.models import (
    Detail,
    SkippedPartition,
)
from tests.unit.google_meet.fake_api import (
    ADMIN,
    DAY,
    HOST,
    Google,
    event,
)
from tests.unit.google_meet.listed_meetings import Build, records


def test_without_the_directory_only_the_admin_is_impersonated(meet: Build, google: Google) -> None:
    google.delegated.discard(DIRECTORY.scope)
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    google.record("conf1")
    (record,) = records(meet()).values()
    assert record.meeting.detail == Detail.full, "the organizer is known by the rows"
    assert {user for user, _ in google.asked_for("conferenceRecords")} == {ADMIN, HOST}


def test_suspended_user_is_not_impersonated(meet: Build, google: Google) -> None:
    google.person("9", "gone@example.org", "Gone", suspended=True)
    google.call_ended("conf1", "2026-11-20T09:30:00Z", identifier="gone@example.org", display_name=None)
    (record,) = records(meet()).values()
    assert record.sessions[0].user_name == "Ole Berg", "by the profile's number"
    assert not [one for one in meet().meetings(DAY) if isinstance(one, SkippedPartition)]


def test_an_alias_of_the_organizer_is_the_organizer(meet: Build, google: Google) -> None:
    google.people[HOST]["aliases"] = ["mara@example.org"]
    google.events[HOST, "event1"] = event()
    google.call_ended("conf1", "2026-11-20T09:40:00Z", organizer_email="Mara@example.org")
    (record,) = records(meet()).values()
    assert record.meeting.topic == "Weekly"
    assert record.meeting.host is not None
    assert record.meeting.host.host_id == "2"


@pytest.mark.parametrize("value", ["false", 0, {}, ["x"], None])
def test_only_true_means_suspended(meet: Build, google: Google, value: object) -> None:
    google.people[HOST].update(suspended=value, archived=value)
    google.record("conf1")
    assert set(records(meet(GOOGLE_SOURCE="meet"))) == {"conf1"}


@pytest.mark.parametrize("changes", [{"id": None}, {"primaryEmail": []}])
def test_a_user_who_cannot_be_read_is_not_left_out_in_silence(
    meet: Build, google: Google, changes: dict[str, object]
) -> None:
    google.people[HOST].update(changes)
    with pytest.raises(BrokenResponse, match="a user without an id or an address"):
        records(meet(GOOGLE_SOURCE="meet"))


def test_an_empty_directory_is_not_believed(meet: Build, google: Google) -> None:
    """Only the admin's conferences would be read, and the days would count as read."""
    google.people.clear()
    google.person("1", ADMIN, "Ada Admin")
    google.refused["/users", ""] = (200, {})
    with pytest.raises(BrokenResponse, match="no users"):
        records(meet(GOOGLE_SOURCE="meet"))
