"""The Meet source: the records of every user, each once, with all sessions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.errors import Gone, VendorError
from connectors.google_meet import GoogleMeet
from connectors.google_meet.endpoints import DIRECTORY, RECORD_RETENTION
from connectors.models import Detail, Reason, Window
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import CODE, DAY, GUEST, HOST, Google, signed_in, status_body
from tests.unit.google_meet.listed_meetings import Build, refs


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


def test_a_conference_without_its_participants_is_not_stored(meet: Build, whole: Google) -> None:
    whole.refused["/participantSessions", ""] = (403, status_body(403, "PERMISSION_DENIED"))
    connector = meet(GOOGLE_SOURCE="meet")
    with pytest.raises(VendorError, match="participantSessions"):
        connector.fetch(refs(connector)[0])


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
