"""Requests to Meet: the impersonated user, and refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.errors import BrokenResponse, CredentialsError, VendorError
from connectors.google_meet.endpoints import MEET
from connectors.models import (
    Detail,
    MeetingRef,
    Reason,
    SkippedPartition,
)
from tests.unit.google_meet.fake_api import (
    CODE,
    DAY,
    GUEST,
    HOST,
    SPACE,
    Google,
    status_body,
)
from tests.unit.google_meet.listed_meetings import Build, records, refs


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


def test_next_user_is_tried_after_a_refusal(meet: Build, whole: Google) -> None:
    whole.refused["/participants", HOST] = (403, status_body(403, "PERMISSION_DENIED"))
    connector = meet(GOOGLE_SOURCE="meet")
    assert len(connector.fetch(refs(connector)[0]).sessions) == 4


def test_refused_recordings_leave_the_flag_absent(meet: Build, whole: Google) -> None:
    whole.refused["/recordings", ""] = (403, status_body(403, "PERMISSION_DENIED"))
    connector = meet(GOOGLE_SOURCE="meet")
    assert connector.fetch(refs(connector)[0]).meeting.recording is None


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


@pytest.mark.parametrize(
    "changes", [{"name": None}, {"name": ""}, {"startTime": "soon"}, {"startTime": None}]
)
def test_a_record_that_cannot_be_read_skips_its_user_and_is_said(
    meet: Build, google: Google, changes: dict[str, object]
) -> None:
    unreadable = {**google.record("conf1"), **changes}
    google.refused["/conferenceRecords", HOST] = (200, {"conferenceRecords": [unreadable]})
    google.record("conf2", seen_by=(GUEST,))
    found = list(meet(GOOGLE_SOURCE="meet").meetings(DAY))
    assert [one.uuid for one in found if isinstance(one, MeetingRef)] == ["conf2"]
    skipped = [one for one in found if isinstance(one, SkippedPartition)]
    assert [(one.reason, one.permanent) for one in skipped] == [(Reason.error, False)]


@pytest.mark.parametrize(
    "changes", [{"name": None}, {"startTime": None, "endTime": None}, {"startTime": "9999-12-31T23:59:59Z"}]
)
def test_a_record_that_has_become_unreadable_replaces_nothing(
    meet: Build, google: Google, changes: dict[str, object]
) -> None:
    google.record("conf1")
    connector = meet(GOOGLE_SOURCE="meet")
    (ref,) = refs(connector)
    google.records["conf1"].update(changes)
    with pytest.raises(BrokenResponse):
        connector.fetch(replace(ref, row=None))


@pytest.mark.parametrize("body", [{}, {"message": "x"}])
def test_an_answer_about_no_space_is_not_one_without_a_code(
    meet: Build, google: Google, body: object
) -> None:
    google.record("conf1")
    google.refused[f"/v2/{SPACE}", ""] = (200, body)
    with pytest.raises(BrokenResponse, match=r"spaces\.get"):
        records(meet(GOOGLE_SOURCE="meet"))
