"""The Meet source: the records of every user, each once, with all sessions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.errors import CredentialsError, Gone, VendorError
from connectors.google_meet import GoogleMeet
from connectors.google_meet.endpoints import DIRECTORY, MEET, RECORD_RETENTION
from connectors.models import Detail, MeetingRef, Reason, SkippedPartition, Window
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import CODE, DAY, GUEST, HOST, Google, signed_in, status_body

Build = Callable[..., GoogleMeet]


def refs(connector: GoogleMeet, window: Window = DAY) -> list[MeetingRef]:
    return [found for found in connector.meetings(window) if isinstance(found, MeetingRef)]


@pytest.fixture
def whole(google: Google) -> Google:
    google.record("conf1", seen_by=(HOST, GUEST))
    google.takes_part(
        "conf1",
        signed_in("3", "Ole Berg"),
        ("2026-11-20T09:00:00.1Z", "2026-11-20T09:20:00Z"),
        ("2026-11-20T09:25:00Z", "2026-11-20T09:45:00Z"),
    )
    google.takes_part("conf1", signed_in("777", "Room 7"), ("2026-11-20T09:00:00Z", "2026-11-20T09:45:00Z"))
    google.takes_part(
        "conf1",
        {"phoneUser": {"displayName": "+47 ••• 12"}},
        ("2026-11-20T09:01:00Z", "2026-11-20T09:02:00Z"),
    )
    return google


def test_record_of_two_users_is_one_meeting(meet: Build, whole: Google) -> None:
    connector = meet(GOOGLE_SOURCE="meet")
    (ref,) = refs(connector)
    record = connector.fetch(ref)
    meeting = record.meeting
    assert (meeting.uuid, meeting.detail, meeting.state) == ("conf1", Detail.basic, "ended")
    assert (meeting.meeting_code, meeting.host, meeting.recording) == (CODE, None, False)
    assert [(s.user_type, s.id, s.email) for s in record.sessions] == [
        ("signed_in", "3", GUEST),
        ("signed_in", "3", GUEST),
        ("signed_in", "777", None),
        ("phone", None, None),
    ]
    assert meeting.participants == 3
    assert whole.asked_for("activity") == []


def test_refs_from_the_journal_and_small_pages_give_the_same(meet: Build, whole: Google) -> None:
    connector = meet(GOOGLE_SOURCE="meet")
    (ref,) = refs(connector)
    first = connector.fetch(ref)
    whole.page = 1
    again = meet(GOOGLE_SOURCE="meet").fetch(replace(ref, row=None))
    assert again.sessions == first.sessions
    assert replace(again.meeting, harvested_at=first.meeting.harvested_at) == first.meeting


def test_participant_without_sessions_has_one_from_first_to_last(meet: Build, google: Google) -> None:
    google.record("conf1")
    who = {
        **signed_in("3", "Ole"),
        "earliestStartTime": "2026-11-20T09:00:00Z",
        "latestEndTime": "2026-11-20T09:10:00Z",
    }
    google.takes_part("conf1", who)
    connector = meet(GOOGLE_SOURCE="meet")
    (session,) = connector.fetch(refs(connector)[0]).sessions
    assert session.duration == 600


def test_next_user_is_tried_after_a_refusal(meet: Build, whole: Google) -> None:
    whole.refused["/participants", HOST] = (403, status_body(403, "PERMISSION_DENIED"))
    connector = meet(GOOGLE_SOURCE="meet")
    assert len(connector.fetch(refs(connector)[0]).sessions) == 4


def test_a_conference_without_its_participants_is_not_stored(meet: Build, whole: Google) -> None:
    whole.refused["/participantSessions", ""] = (403, status_body(403, "PERMISSION_DENIED"))
    connector = meet(GOOGLE_SOURCE="meet")
    with pytest.raises(VendorError, match="participantSessions"):
        connector.fetch(refs(connector)[0])


def test_refused_recordings_leave_the_flag_absent(meet: Build, whole: Google) -> None:
    whole.refused["/recordings", ""] = (403, status_body(403, "PERMISSION_DENIED"))
    connector = meet(GOOGLE_SOURCE="meet")
    assert connector.fetch(refs(connector)[0]).meeting.recording is None


def test_expired_record_is_gone_and_a_missing_one_failed(
    meet: Build, whole: Google, context: FakeContext
) -> None:
    connector = meet(GOOGLE_SOURCE="meet")
    ref = replace(refs(connector)[0], row=None)
    whole.records.clear()
    with pytest.raises(VendorError):
        connector.fetch(ref)
    context.seconds += RECORD_RETENTION.total_seconds()
    with pytest.raises(Gone) as gone:
        connector.fetch(ref)
    assert gone.value.reason == Reason.expired


def test_only_given_users_are_impersonated(meet: Build, whole: Google) -> None:
    connector = meet(GOOGLE_SOURCE="meet", given={"user": (GUEST.upper(),), "meeting-code": ("WKTIMXIVUK",)})
    assert [ref.uuid for ref in refs(connector)] == ["conf1"]
    ((user, query),) = whole.asked_for("conferenceRecords")
    assert user == GUEST
    assert query["filter"].startswith(f'space.meeting_code = "{CODE}" AND start_time>=')


def test_user_without_a_token_is_skipped(meet: Build, whole: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    whole.person("9", "odd@example.org", "Odd")
    connector = meet(GOOGLE_SOURCE="meet")
    assert connector.selector.apis.directory.is_readable
    del whole.people["odd@example.org"]
    found = list(connector.meetings(DAY))
    assert [one.reason for one in found if isinstance(one, SkippedPartition)] == [Reason.unknown_user]


def test_a_missing_delegation_ends_the_run_with_what_to_do(meet: Build, whole: Google) -> None:
    whole.delegated.discard(MEET.scope)
    with pytest.raises(CredentialsError, match="101234567890123456789.*meetings.space.readonly"):
        refs(meet(GOOGLE_SOURCE="meet"))


def test_retention_is_thirty_days(meet: Build, whole: Google) -> None:
    connector = meet(GOOGLE_SOURCE="meet")
    assert connector.retention == RECORD_RETENTION
    assert GoogleMeet.retention == timedelta(days=180)
    old = Window(start=DAY.start - timedelta(days=60), end=DAY.end - timedelta(days=60))
    assert refs(connector, old) == []
    assert whole.asked_for("conferenceRecords") == []


def test_without_the_directory_there_are_no_addresses(meet: Build, whole: Google) -> None:
    whole.delegated.discard(DIRECTORY.scope)
    connector = meet(GOOGLE_SOURCE="meet", given={"user": (HOST,)})
    assert {session.email for session in connector.fetch(refs(connector)[0]).sessions} == {None}
