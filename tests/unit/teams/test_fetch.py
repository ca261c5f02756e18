"""A meeting with its sessions, from listing to documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.attendance import group_by_person
from connectors.base import Settings
from connectors.errors import (
    BrokenResponse,
    ConfigurationError,
    CredentialsError,
    Gone,
    NotReady,
    VendorError,
)
from connectors.models import Detail, MeetingRecord, MeetingRef, Reason
from connectors.teams import Teams
from connectors.teams.endpoints import KEPT, LATENCY
from harvester.documents import to_documents
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.teams.fake_api import (
    DAY,
    DIRECT,
    GRAPH,
    MARA,
    RECORD,
    RECORDS,
    REFUSAL,
    SESSIONS,
    TENANT,
    Tenant,
    data,
    ended,
    page,
    record_row,
    ref,
    session_row,
    session_rows,
    settings,
)

Build = Callable[..., Teams]


def fetched(connector: Teams) -> list[MeetingRecord]:
    return [connector.fetch(item) for item in connector.meetings(DAY) if isinstance(item, MeetingRef)]


def test_a_meeting_takes_one_request(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    (record,) = fetched(teams())
    assert [path for path, _ in tenant.asked] == [RECORDS, SESSIONS]
    assert record.meeting.detail is Detail.full
    assert record.pending is None
    assert len(record.sessions) == 7


def test_a_meeting_has_counts_quality_and_audio(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    meeting = fetched(teams())[0].meeting
    assert (meeting.participant_sessions, meeting.participants) == (7, 6)
    assert (meeting.has_pstn, meeting.has_voip) == (True, True)
    assert meeting.quality is not None
    assert meeting.quality.audio_out is not None


def test_documents_have_no_empty_values(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    for document in to_documents(fetched(teams())[0]):
        assert [key for key, value in document.items() if value in (None, "", [])] == []
        assert document["vendor"] == "teams"


def test_people_are_told_apart_by_id_and_never_by_name(teams: Build, tenant: Tenant) -> None:
    def named(number: int, identity: dict[str, Any]) -> dict[str, Any]:
        row = session_row(4, id=f"leg-{number}")
        return {**row, "caller": {**row["caller"], "identity": {"guest": identity}}}

    ann = {"displayName": "Ann"}
    rows = [
        named(1, {**ann, "id": "g-1"}),
        named(2, {**ann, "id": "g-2"}),  # the same name, another person
        named(3, {"displayName": "Bob", "id": "g-1"}),  # the same person
        named(4, ann),
        named(5, ann),  # no id: each session is a person
        named(6, {}),
        named(7, {"displayName": "External user"}),
    ]
    tenant.on(SESSIONS, page(*rows))
    record = teams().fetch(ref(record_row()))
    assert record.meeting.participants == 6
    assert [session.user_name for session in record.sessions][-3:] == ["Ann", None, None]
    # Attendance and report count the sessions themselves.
    assert len(group_by_person(record.sessions)) == record.meeting.participants


def test_an_escalated_call_counts_each_person_once(teams: Build, tenant: Tenant) -> None:
    row = record_row(DIRECT)
    tenant.on(f"{RECORDS}/{DIRECT}/sessions", data("sessions_escalated"))
    record = teams().fetch(ref(row))
    assert (record.meeting.participant_sessions, record.meeting.participants) == (3, 3)
    assert record.collisions == 0


def test_a_call_of_two_people_is_fetched_with_calls(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    tenant.on(f"{RECORDS}/{DIRECT}/sessions", page(session_rows("sessions_escalated")[0]))
    _, record = fetched(teams("calls"))
    assert record.meeting.participants == 2
    assert [session.role for session in record.sessions] == ["host", None]


def test_the_same_meeting_has_the_same_ids_whatever_the_order_of_its_sessions(
    teams: Build, tenant: Tenant
) -> None:
    tenant.on(SESSIONS, page(*session_rows()), page(*reversed(session_rows())))
    connector = teams()
    first, second = (connector.fetch(ref(record_row())) for _ in range(2))
    assert {session.key: session for session in first.sessions} == {
        session.key: session for session in second.sessions
    }


def test_a_meeting_from_the_journal_is_requested_first(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    tenant.on(f"{RECORDS}/{RECORD}", record_row())
    connector = teams()
    assert connector.fetch(ref()).sessions == connector.fetch(ref(record_row())).sessions
    assert connector.estimate_requests(ref()) == 2
    assert connector.estimate_requests(ref(record_row())) == 1
    assert teams("titles").estimate_requests(ref(record_row())) == 2


def test_a_record_that_is_too_young_is_pending(teams: Build, tenant: Tenant) -> None:
    row = ended(timedelta(minutes=100), NOW)
    record = teams().fetch(ref(row, start_time=None, hint={}))
    assert record.meeting.detail is Detail.basic
    assert record.pending is not None
    assert record.pending.reason is Reason.settling
    assert NOW + timedelta(minutes=29) < record.pending.until <= NOW + timedelta(minutes=31)
    assert record.meeting.participants is None
    assert not record.listed_only


def test_a_record_of_150_minutes_is_failed(teams: Build, tenant: Tenant) -> None:
    row = ended(LATENCY, NOW)
    with pytest.raises(VendorError) as failed:
        teams().fetch(ref(row, start_time=None, hint={}))
    assert failed.value.status == 404


def test_a_young_record_from_the_journal_is_not_ready(teams: Build, context: FakeContext) -> None:
    hint = {"end": (NOW - timedelta(minutes=10)).isoformat()}
    with pytest.raises(NotReady):
        teams().fetch(ref(hint=hint))


def test_a_record_older_than_the_retention_is_gone(teams: Build) -> None:
    at = NOW - KEPT
    with pytest.raises(Gone):
        teams().fetch(ref(start_time=at, hint={"end": (at + timedelta(hours=1)).isoformat()}))


def test_a_record_that_expires_after_its_listing_is_stored_as_listed(teams: Build) -> None:
    row = ended(KEPT, NOW)
    found = replace(ref(row), start_time=NOW - KEPT - timedelta(minutes=30))
    record = teams().fetch(found)
    assert record.listed_only
    assert record.pending is None


def test_sessions_that_are_refused_leave_the_listed_meeting(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    tenant.on(SESSIONS, REFUSAL, status=403)
    record = teams().fetch(ref(record_row()))
    assert (record.meeting.detail, record.listed_only, record.sessions) == (Detail.basic, True, ())


def test_a_permission_that_is_taken_away_ends_the_run(teams: Build, tenant: Tenant) -> None:
    for path in (RECORDS, SESSIONS):
        tenant.on(path, REFUSAL, status=403)
    with pytest.raises(CredentialsError, match=r"CallRecords\.Read\.All"):
        teams().fetch(ref(record_row()))


def test_other_errors_fail_the_meeting(teams: Build, tenant: Tenant) -> None:
    tenant.on(SESSIONS, {"error": {}}, status=400)
    with pytest.raises(VendorError):
        teams().fetch(ref(record_row()))


def test_a_meeting_without_any_time_is_not_stored(teams: Build, tenant: Tenant) -> None:
    tenant.on(SESSIONS, page())
    with pytest.raises((NotReady, VendorError)):
        teams().fetch(ref(record_row(startDateTime=None, endDateTime=None), start_time=None))


def test_a_meeting_without_sessions_is_stored(teams: Build, tenant: Tenant) -> None:
    tenant.on(SESSIONS, page())
    record = teams().fetch(ref(record_row()))
    assert (record.meeting.participants, record.meeting.detail) == (0, Detail.full)


def test_the_host_is_known_by_id(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    (record,) = fetched(teams())
    assert [session.id for session in record.sessions if session.role == "host"] == [MARA]


@pytest.mark.parametrize("cloud", ["china", "GLOBAL", "https://graph.microsoft.com"])
def test_an_unknown_cloud_is_refused(context: FakeContext, cloud: str) -> None:
    with pytest.raises(ConfigurationError, match="TEAMS_CLOUD must be global or usgov or dod"):
        Teams(settings(TEAMS_CLOUD=cloud), context)


def test_accounts_of_one_app_in_one_tenant_share_their_rate() -> None:
    assert Teams.quota_pool(settings()) == Teams.quota_pool(settings(TEAMS_CLIENT_SECRET="rotated"))
    assert Teams.quota_pool(settings()) != Teams.quota_pool(settings(TEAMS_CLIENT_ID="other"))
    assert Teams.quota_pool(settings()) != Teams.quota_pool(settings(TEAMS_TENANT_ID="other"))
    assert Teams.quota_pool(Settings()) == ""


def test_the_rate_is_that_of_the_share(teams: Build) -> None:
    assert teams(share=0.5).requests_per_second == pytest.approx(4 * 0.97 * 0.5)
    assert teams().time_url == f"{GRAPH}/v1.0"
    assert TENANT in teams().tenant


def test_a_page_of_a_firewall_refuses_no_sessions(teams: Build, tenant: Tenant) -> None:
    tenant.on(SESSIONS, "<html>", status=403, headers={"Content-Type": "text/html"})
    with pytest.raises(BrokenResponse, match="a page instead of data"):
        teams().fetch(ref(record_row()))
