"""The sources `reports` and `auto`: whole conferences, each once, with one id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.errors import ConfigurationError, Gone, VendorError
from connectors.google_meet import GoogleMeet
from connectors.google_meet.endpoints import CALENDAR, DIRECTORY, MEET, REPORTS
from connectors.models import (
    Detail,
    MeetingRecord,
    MeetingRef,
    Reason,
    RefusedPartition,
    SkippedPartition,
    Window,
    user_partition,
)
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.google_meet.fake_api import (
    ADMIN,
    CODE,
    DAY,
    GUEST,
    HOST,
    Google,
    error_body,
    event,
    signed_in,
    status_body,
)

Build = Callable[..., GoogleMeet]
TODAY = Window(start=NOW.replace(hour=0), end=NOW.replace(hour=0) + timedelta(days=1))


def refs(connector: GoogleMeet, window: Window = DAY, subjects: tuple[str, ...] = ()) -> list[MeetingRef]:
    return [found for found in connector.meetings(window, subjects) if isinstance(found, MeetingRef)]


def records(connector: GoogleMeet, window: Window = DAY) -> dict[str, MeetingRecord]:
    return {ref.uuid: connector.fetch(ref) for ref in refs(connector, window)}


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


def test_different_ids_are_matched_by_code_and_time(meet: Build, google: Google) -> None:
    google.call_ended("reports-id", "2026-11-20T09:44:59Z", stayed=2600)
    google.record("meet-id")
    google.record("earlier", "2026-11-20T07:00:00Z", "2026-11-20T07:30:00Z")
    google.takes_part("earlier", signed_in("3", "Ole Berg"), ("2026-11-20T07:00:00Z", "2026-11-20T07:30:00Z"))
    found = records(meet())
    assert set(found) == {"reports-id", "earlier"}
    assert found["reports-id"].replaces == ("meet-id",)
    assert found["reports-id"].meeting.detail == Detail.full
    assert found["earlier"].meeting.detail == Detail.basic, "what Reports has not told is there all the same"


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


def test_reports_suffice_without_meet(meet: Build, google: Google, context: FakeContext) -> None:
    google.delegated.discard(MEET.scope)
    google.delegated.discard(CALENDAR.scope)
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    (record,) = records(meet()).values()
    assert (record.meeting.detail, record.meeting.topic) == (Detail.basic, None)
    assert any("without what Meet adds" in said and MEET.scope in said for said in context.told)


def test_meet_suffices_without_reports(meet: Build, google: Google, context: FakeContext) -> None:
    google.delegated.discard(REPORTS.scope)
    google.record("conf1")
    google.takes_part("conf1", signed_in("3", "Ole"), ("2026-11-20T09:00:00Z", "2026-11-20T09:40:00Z"))
    (record,) = records(meet()).values()
    assert (record.meeting.detail, record.meeting.host) == (Detail.basic, None)
    assert any("Reports is refused" in said for said in context.told)


def test_without_the_directory_only_the_admin_is_impersonated(meet: Build, google: Google) -> None:
    google.delegated.discard(DIRECTORY.scope)
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    google.record("conf1")
    (record,) = records(meet()).values()
    assert record.meeting.detail == Detail.full, "the organizer is known by the rows"
    assert {user for user, _ in google.asked_for("conferenceRecords")} == {ADMIN, HOST}


def test_refused_user_does_not_stop_others(meet: Build, google: Google, context: FakeContext) -> None:
    google.refused["/conferenceRecords", GUEST] = (403, status_body(403, "PERMISSION_DENIED"))
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    google.record("conf1")
    found = list(meet().meetings(DAY))
    (skipped,) = [one for one in found if isinstance(one, SkippedPartition)]
    assert (skipped.reason, skipped.permanent) == (Reason.refused, True)
    assert GUEST not in skipped.partition
    (said,) = [line for line in context.told if "Meet refuses these users" in line]
    assert "Service status" in said
    assert said.endswith(f": {GUEST}")
    assert [one.uuid for one in found if isinstance(one, MeetingRef)] == ["conf1"]
    google.asked.clear()
    google.refused.clear()
    refs(meet(), DAY, (skipped.partition,))
    assert {user for user, _ in google.asked_for("/v2/conferenceRecords")} >= {GUEST}


def refused_at(at: datetime) -> dict[str, RefusedPartition]:
    partition = user_partition(GUEST)
    return {
        partition: RefusedPartition(partition=partition, reason=Reason.refused, refused_at=at, asked_at=at)
    }


def test_a_user_who_was_refused_today_is_not_asked_again(
    meet: Build, google: Google, context: FakeContext
) -> None:
    context.refused = refused_at(context.now() - timedelta(hours=5))
    (skipped,) = [one for one in meet().meetings(DAY) if isinstance(one, SkippedPartition)]
    assert (skipped.partition, skipped.permanent) == (user_partition(GUEST), True)
    assert GUEST not in {user for user, _ in google.asked_for("/v2/conferenceRecords")}
    assert not [said for said in context.told if GUEST in said]


def test_a_user_who_was_refused_yesterday_is_asked_again(
    meet: Build, google: Google, context: FakeContext
) -> None:
    context.refused = refused_at(context.now() - timedelta(days=1))
    assert not [one for one in meet().meetings(DAY) if isinstance(one, SkippedPartition)]
    assert GUEST in {user for user, _ in google.asked_for("/v2/conferenceRecords")}


def test_a_refused_user_whom_the_command_names_is_asked(
    meet: Build, google: Google, context: FakeContext
) -> None:
    context.refused = refused_at(context.now())
    list(meet(GOOGLE_SOURCE="meet", given={"user": (GUEST,)}).meetings(DAY))
    assert GUEST in {user for user, _ in google.asked_for("/v2/conferenceRecords")}


def test_a_skipped_user_who_is_refused_again_is_no_failure(meet: Build, google: Google) -> None:
    google.refused["/conferenceRecords", GUEST] = (403, status_body(403, "PERMISSION_DENIED"))
    (skipped,) = [
        one for one in meet().meetings(DAY, (user_partition(GUEST),)) if isinstance(one, SkippedPartition)
    ]
    assert skipped.permanent


def test_suspended_user_is_not_impersonated(meet: Build, google: Google) -> None:
    google.person("9", "gone@example.org", "Gone", suspended=True)
    google.call_ended("conf1", "2026-11-20T09:30:00Z", identifier="gone@example.org", display_name=None)
    (record,) = records(meet()).values()
    assert record.sessions[0].user_name == "Ole Berg", "by the profile's number"
    assert not [one for one in meet().meetings(DAY) if isinstance(one, SkippedPartition)]


@pytest.mark.parametrize("given", [{"meeting-code": ("WKTIMXIVUK",)}, {"user": (GUEST,)}])
def test_user_option_lists_whole_conferences(
    given: dict[str, tuple[str, ...]], meet: Build, google: Google
) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    google.call_ended("conf1", "2026-11-20T09:40:00Z", identifier=HOST)
    google.call_ended("other", "2026-11-20T09:40:00Z", identifier=HOST, meeting_code="ABCDEFGHIJ")
    found = records(meet(GOOGLE_SOURCE="reports", given=given))
    assert {uuid: len(record.sessions) for uuid, record in found.items()} == {"conf1": 2}


def test_organized_but_not_attended_conference_keeps_its_id(meet: Build, google: Google) -> None:
    google.call_ended("reports-id", "2026-11-20T09:40:00Z", stayed=2000)
    google.record("meet-id")
    connector = meet(given={"user": (HOST,)})
    (ref,) = refs(connector)
    assert ref.uuid == "meet-id"
    with pytest.raises(Gone):
        connector.fetch(ref)


def test_external_organizer_is_not_impersonated(meet: Build, google: Google) -> None:
    google.call_ended("conf1", "2026-11-20T09:40:00Z", organizer_email="else@elsewhere.example")
    google.record("conf1", seen_by=(GUEST,))
    (record,) = records(meet()).values()
    assert (record.meeting.topic, record.meeting.detail) == (None, Detail.full)
    assert record.meeting.host is not None
    assert record.meeting.host.email == "else@elsewhere.example"
    assert {claims["sub"] for claims in google.assertions} <= set(google.people)


def test_an_alias_of_the_organizer_is_the_organizer(meet: Build, google: Google) -> None:
    google.people[HOST]["aliases"] = ["mara@example.org"]
    google.events[HOST, "event1"] = event()
    google.call_ended("conf1", "2026-11-20T09:40:00Z", organizer_email="Mara@example.org")
    (record,) = records(meet()).values()
    assert record.meeting.topic == "Weekly"
    assert record.meeting.host is not None
    assert record.meeting.host.host_id == "2"


def test_failed_lookup_affects_only_its_meeting(meet: Build, google: Google) -> None:
    google.call_ended("conf1", "2026-11-20T09:40:00Z")
    google.call_ended("conf2", "2026-11-20T09:40:00Z", meeting_code="ABCDEFGHIJ")
    google.record("conf2", space="spaces/b", code="abc-defg-hij")
    google.refused["/conferenceRecords/conf1", ""] = (500, "")
    connector = meet()
    found = {ref.uuid: ref for ref in refs(connector)}
    assert set(found) == {"conf1", "conf2"}
    with pytest.raises(VendorError):
        connector.fetch(found["conf1"])
    assert connector.fetch(found["conf2"]).meeting.detail == Detail.full


def test_nickname_is_not_looked_up(meet: Build, google: Google) -> None:
    google.call_ended("conf1", "2026-11-20T09:40:00Z", meeting_code="our_nickname!")
    google.record("conf1", seen_by=())
    (record,) = records(meet()).values()
    assert record.meeting.detail == Detail.basic
    assert not [
        query
        for _, query in google.asked_for("/v2/conferenceRecords")
        if "meeting_code" in query.get("filter", "")
    ]


def test_conference_with_late_rows_is_read_by_its_id(meet: Build, google: Google) -> None:
    google.call_ended("conf1", "2026-11-20T09:40:00Z")
    google.call_ended("other", "2026-11-20T09:40:00Z")
    (ref,) = refs(meet(GOOGLE_SOURCE="reports"), DAY, ("conference conf1",))
    assert ref.uuid == "conf1"
    assert [query.get("filters") for _, query in google.asked_for("activity")] == ["conference_id==conf1"]


# A change of source


def stored(context: FakeContext, uuid: str, source: str, ids: str, day: str = "2026-11-20") -> None:
    at = datetime.fromisoformat(day + "T09:00:00+00:00")
    context.in_journal[uuid] = (at, {"source": source, "ids": ids, "day": day})


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
    assert any("2026-11-20" in said for said in context.told)


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


def test_hints_contain_no_address(meet: Build, google: Google) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    google.record("conf1")
    google.record("alone", "2026-11-20T12:00:00Z")
    hints: list[Any] = [dict(ref.hint) for ref in refs(meet())]
    assert len(hints) == 2
    assert all(hint["user"] == "2" for hint in hints)
    assert "@" not in str(hints)


def test_an_unknown_user_of_the_command_line_is_named(meet: Build, google: Google) -> None:
    google.refused["/users/nobody@example.org/applications/meet", ADMIN] = (400, error_body(400, "invalid"))
    connector = meet(GOOGLE_SOURCE="reports", given={"user": ("nobody@example.org",)})
    with pytest.raises(ConfigurationError, match=r"Google does not know the user nobody@example.org \(400\)"):
        list(connector.meetings(DAY))
