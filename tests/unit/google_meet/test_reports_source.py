"""The sources `reports` and `auto`: whole conferences, each once, with one id."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.errors import Gone, VendorError
from connectors.models import (
    Detail,
    MeetingRef,
    Reason,
    SkippedPartition,
    Window,
)
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.google_meet.fake_api import (
    ADMIN,
    CODE,
    DAY,
    HOST,
    Google,
    event,
    signed_in,
)
from tests.unit.google_meet.listed_meetings import Build, records, refs

TODAY = Window(start=NOW.replace(hour=0), end=NOW.replace(hour=0) + timedelta(days=1))


def test_conference_has_all_its_rows_and_what_meet_adds(meet: Build, google: Google) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00.500Z", stayed=1800)
    google.call_ended("conf1", "2026-11-20T09:44:59Z", stayed=2600, identifier=HOST, display_name=None)
    google.record("conf1")
    google.recordings["conf1"] = [{"name": "conferenceRecords/conf1/recordings/r", "state": "ENDED"}]
    google.events[HOST, "event1"] = event()
    (record,) = records(meet()).values()
    meeting = record.meeting
    assert (meeting.uuid, meeting.detail, meeting.state) == ("conf1", Detail.full, "ended")
    assert meeting.start_time == datetime(2026, 11, 20, 9, 0, 0, 123456, tzinfo=UTC)
    assert meeting.duration == 2699
    assert (meeting.meeting_code, meeting.meeting_series_id) == (CODE, "jQCFfuBOdN5z")
    assert (meeting.topic, meeting.recording, meeting.participant_sessions) == ("Weekly", True, 2)
    assert meeting.host is not None
    assert (meeting.host.host_id, meeting.host.name, meeting.host.email) == ("2", "Mara Lindqvist", HOST)
    assert {session.role for session in record.sessions} == {None, "host"}
    assert record.replaces == ()


def test_a_start_years_before_hides_no_conference(meet: Build, google: Google) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z", stayed=60)
    google.call_ended("conf1", "2026-11-20T09:40:00Z", stayed=600, start_timestamp_seconds=946_684_800)
    (record,) = records(meet(GOOGLE_SOURCE="reports")).values()
    assert record.meeting.start_time == datetime(2026, 11, 20, 9, 29, tzinfo=UTC)
    assert record.meeting.participant_seconds == 660


def test_requests_are_few(meet: Build, google: Google) -> None:
    for number in range(20):
        google.call_ended(f"conf{number}", "2026-11-20T09:30:00Z")
        google.record(f"conf{number}")
    records(meet())
    paths = [path for _, path, _ in google.asked]
    assert sum("activity" in path for path in paths) == 2  # whether they are allowed, and the page
    assert sum(path.endswith("conferenceRecords") for path in paths) == len(google.people)
    assert sum("recordings" in path for path in paths) == 20
    assert sum("events" in path for path in paths) == 1, "the event of a series is asked for once"
    assert len(paths) == 2 + 3 + 20 + 1 + 1


def test_conference_over_midnight_is_complete_and_in_one_window(meet: Build, google: Google) -> None:
    google.call_ended("night", "2026-11-20T23:50:00Z", stayed=600)
    google.call_ended("night", "2026-11-21T01:00:00Z", stayed=4500, identifier=HOST)
    (record,) = records(meet(GOOGLE_SOURCE="reports")).values()
    assert len(record.sessions) == 2
    assert refs(meet(GOOGLE_SOURCE="reports"), TODAY) == []


def test_different_ids_are_matched_by_code_and_time(meet: Build, google: Google) -> None:
    google.call_ended("reports-id", "2026-11-20T09:44:59Z", stayed=2600)
    google.record("meet-id")
    google.record("earlier", "2026-11-20T07:00:00Z", "2026-11-20T07:30:00Z")
    google.takes_part("earlier", signed_in("3", "Ole Berg"), ("2026-11-20T07:00:00Z", "2026-11-20T07:30:00Z"))
    found = records(meet())
    assert set(found) == {"reports-id", "earlier"}
    assert found["reports-id"].replaces == ("meet-id",)
    assert found["reports-id"].meeting.detail == Detail.full
    assert found["earlier"].meeting.detail == Detail.basic, "conferences that Reports lacks are listed, too"


def test_live_conference_is_read_from_meet(meet: Build, google: Google, context: FakeContext) -> None:
    google.record("live", "2026-11-21T05:30:00Z", None)
    google.takes_part("live", signed_in("2", "Mara"), ("2026-11-21T05:30:00Z", None))
    google.takes_part("live", {"anonymousUser": {"displayName": "Visitor"}}, ("2026-11-21T05:31:00Z", None))
    (record,) = records(meet(), TODAY).values()
    assert (record.meeting.detail, record.meeting.state) == (Detail.live, "live")
    assert record.meeting.end_time is None
    assert record.pending is not None
    assert record.pending.reason == Reason.live
    assert [session.email for session in record.sessions] == [HOST, None]
    assert not any(session.leave_time or session.duration for session in record.sessions)


@pytest.mark.parametrize("left", ["2026-11-21T00:20:00Z", "2026-11-21T05:50:00Z"])
def test_live_conference_belongs_to_the_day_of_its_start(meet: Build, google: Google, left: str) -> None:
    google.call_ended("conf1", left, stayed=300)
    google.record("conf1", "2026-11-20T23:56:57Z", None)
    google.takes_part("conf1", signed_in("2", "Mara"), ("2026-11-20T23:57:00Z", None))
    connector = meet()
    assert [ref.uuid for ref in connector.meetings(DAY) if isinstance(ref, MeetingRef)] == ["conf1"]
    assert [ref for ref in meet().meetings(TODAY) if isinstance(ref, MeetingRef)] == []


def test_live_conference_with_rows_has_the_id_of_reports(meet: Build, google: Google) -> None:
    google.call_ended("reports-id", "2026-11-21T05:40:00Z", stayed=300)
    google.record("meet-id", "2026-11-21T05:30:00Z", None)
    google.takes_part("meet-id", signed_in("2", "Mara"), ("2026-11-21T05:30:00Z", None))
    (record,) = records(meet(), TODAY).values()
    assert (record.meeting.uuid, record.meeting.detail) == ("reports-id", Detail.live)
    assert record.replaces == ("meet-id",)
    assert len(record.sessions) == 1


def test_ended_conference_is_read_from_reports(meet: Build, google: Google, context: FakeContext) -> None:
    google.record("same", "2026-11-21T05:00:00Z", None)
    google.record("meet-id", "2026-11-21T05:00:00Z", None, space="spaces/b", code="abc-defg-hij")
    journaled = [replace(ref, row=None) for ref in refs(meet(), TODAY)]
    assert {ref.uuid for ref in journaled} == {"same", "meet-id"}
    google.record("same", "2026-11-21T05:00:00Z", "2026-11-21T06:10:00Z")
    google.record(
        "meet-id", "2026-11-21T05:00:00Z", "2026-11-21T06:10:00Z", space="spaces/b", code="abc-defg-hij"
    )
    google.call_ended("same", "2026-11-21T06:10:00Z", stayed=4000)
    google.call_ended("reports-id", "2026-11-21T06:10:00Z", stayed=4000, meeting_code="ABCDEFGHIJ")
    context.seconds += 3 * 3600
    by_id = {ref.uuid: ref for ref in journaled}
    assert meet().fetch(by_id["same"]).meeting.detail == Detail.full
    with pytest.raises(Gone) as gone:
        meet().fetch(by_id["meet-id"])
    assert gone.value.reason == Reason.replaced


def test_conference_from_the_journal_is_the_same(meet: Build, google: Google) -> None:
    google.call_ended("reports-id", "2026-11-20T09:44:59Z", stayed=2600)
    google.record("meet-id")
    connector = meet()
    (ref,) = refs(connector)
    whole, again = connector.fetch(ref), connector.fetch(replace(ref, row=None))
    assert replace(again.meeting, harvested_at=whole.meeting.harvested_at) == whole.meeting
    assert again.sessions == whole.sessions
    assert again.replaces == whole.replaces


def test_conference_without_rows_fails(meet: Build, google: Google) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    connector = meet()
    (ref,) = refs(connector)
    google.activities.clear()
    with pytest.raises(VendorError, match="no longer has any rows"):
        connector.fetch(replace(ref, row=None))


def test_digest_depends_on_late_rows_and_not_on_order(meet: Build, google: Google) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    google.call_ended("conf1", "2026-11-20T09:40:00Z", identifier=HOST)
    first = refs(meet(GOOGLE_SOURCE="reports"))[0].digest
    google.activities.reverse()
    assert refs(meet(GOOGLE_SOURCE="reports"))[0].digest == first
    google.call_ended("conf1", "2026-11-20T09:41:00Z", identifier="late@example.org")
    assert refs(meet(GOOGLE_SOURCE="reports"))[0].digest != first


def test_organized_but_not_attended_conference_keeps_its_id(meet: Build, google: Google) -> None:
    google.call_ended("reports-id", "2026-11-20T09:40:00Z", stayed=2000)
    google.record("meet-id")
    connector = meet(given={"user": (HOST,)})
    (ref,) = refs(connector)
    assert ref.uuid == "meet-id"
    with pytest.raises(Gone):
        connector.fetch(ref)


def test_a_conference_without_any_time_is_to_be_read_again(meet: Build, google: Google) -> None:
    item = google.call_ended("conf1", "2026-11-20T09:30:00Z", start_timestamp_seconds=None)
    google.call_ended("conf2", "2026-11-20T09:30:00Z")
    google.refused["/applications/meet", ADMIN] = (200, page_of(google, item))
    found = list(meet(GOOGLE_SOURCE="reports").meetings(DAY))
    assert [one.uuid for one in found if isinstance(one, MeetingRef)] == ["conf2"]
    skipped = [one for one in found if isinstance(one, SkippedPartition)]
    assert [(one.partition, one.reason, one.permanent) for one in skipped] == [
        ("conference conf1", Reason.error, False)
    ]


def page_of(google: Google, timeless: dict[str, Any]) -> dict[str, Any]:
    """A page of Reports whose one activity has no time."""
    items = [
        {**item, "id": {**item["id"], "time": "soon"}} if item is timeless else item
        for item in google.activities
    ]
    return {"kind": "admin#reports#activities", "items": items}


@pytest.mark.parametrize("odd", [["a"], {"a": 1}])
def test_a_participant_of_another_type_has_no_name(meet: Build, google: Google, odd: object) -> None:
    item = google.call_ended("conf1", "2026-11-20T09:30:00Z", display_name=None)
    for parameter in item["events"][0]["parameters"]:
        if parameter["name"] == "identifier":
            parameter.update(multiValue=odd, value=odd)
    google.refused["/applications/meet", ADMIN] = (200, page_of(google, {}))
    (record,) = records(meet(GOOGLE_SOURCE="reports")).values()
    assert record.sessions[0].email is None
