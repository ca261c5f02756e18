from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import VendorError
from connectors.models import MeetingRef, Reason, RefusedPartition, SkippedPartition, user_partition
from connectors.teams import Teams
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.teams.fake_api import (
    DAY,
    MARA,
    MEETINGS,
    RECORD,
    RECORDS,
    REFUSAL,
    SESSIONS,
    Tenant,
    data,
    page,
    record_row,
    ref,
)

Build = Callable[..., Teams]
REFUSED = SkippedPartition(partition=user_partition(MARA), reason=Reason.refused, permanent=True)
NO_POLICY = {"error": {"code": "Forbidden", "message": "No application access policy found for this app"}}


def listed(connector: Teams) -> tuple[list[MeetingRef], list[SkippedPartition]]:
    found = list(connector.meetings(DAY))
    refs = [item for item in found if isinstance(item, MeetingRef)]
    return refs, [item for item in found if isinstance(item, SkippedPartition)]


def test_no_title_is_asked_for_without_the_option(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    connector = teams()
    (found,), skipped = listed(connector)
    assert connector.fetch(found).meeting.topic is None
    assert tenant.asked_for(MEETINGS) == skipped == []


def test_a_title_takes_one_request(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    connector = teams("titles")
    (found,), skipped = listed(connector)
    assert skipped == []
    meeting = connector.fetch(found).meeting
    assert (meeting.topic, meeting.meeting_code) == ("Roadmap", "1234567890")
    assert tenant.asked_for(MEETINGS) == [{"$filter": f"JoinWebUrl eq '{record_row()['joinWebUrl']}'"}]


def test_quotes_in_a_link_are_doubled(teams: Build, tenant: Tenant) -> None:
    tenant.on(MEETINGS, page())
    teams("titles").titles.request(MARA, "https://teams.example/o'brien")
    assert tenant.asked_for(MEETINGS) == [{"$filter": "JoinWebUrl eq 'https://teams.example/o''brien'"}]


def test_a_refused_organizer_is_one_partition_for_good(teams: Build, tenant: Tenant) -> None:
    rows = [record_row(), record_row("second")]
    tenant.on(RECORDS, page(*rows))
    tenant.on(MEETINGS, NO_POLICY, status=403)
    for uuid in (RECORD, "second"):
        tenant.on(f"{RECORDS}/{uuid}/sessions", data("sessions"))
    connector = teams("titles")
    refs, skipped = listed(connector)
    assert skipped == [REFUSED]
    for found in refs:
        record = connector.fetch(found)
        assert record.meeting.topic is None
        assert record.sessions
    assert len(tenant.asked_for(MEETINGS)) == 1


def test_an_organizer_refused_today_is_not_asked_for(
    teams: Build, tenant: Tenant, context: FakeContext
) -> None:
    tenant.has_a_meeting()
    at = NOW - timedelta(hours=1)
    context.refused[REFUSED.partition] = RefusedPartition(
        partition=REFUSED.partition, reason=Reason.refused, refused_at=at, asked_at=at
    )
    connector = teams("titles")
    (found,), skipped = listed(connector)
    assert skipped == [REFUSED]
    assert connector.fetch(found).meeting.topic is None
    assert tenant.asked_for(MEETINGS) == []


def test_an_organizer_refused_yesterday_is_asked_for(
    teams: Build, tenant: Tenant, context: FakeContext
) -> None:
    tenant.has_a_meeting()
    at = NOW - timedelta(hours=23)
    context.refused[REFUSED.partition] = RefusedPartition(
        partition=REFUSED.partition, reason=Reason.refused, refused_at=at, asked_at=at
    )
    assert listed(teams("titles"))[1] == []
    assert len(tenant.asked_for(MEETINGS)) == 1


def test_a_meeting_from_the_journal_is_refused_quietly(teams: Build, tenant: Tenant) -> None:
    tenant.on(f"{RECORDS}/{RECORD}", record_row())
    tenant.on(SESSIONS, data("sessions"))
    tenant.on(MEETINGS, NO_POLICY, status=403)
    assert teams("titles").fetch(ref()).meeting.topic is None


def test_a_meeting_keeps_its_title_when_it_is_read_again(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    again = ref(record_row(), extras=frozenset({"titles"}))
    assert teams().fetch(again).meeting.topic == "Roadmap"


@pytest.mark.parametrize(("status", "body"), [(404, REFUSAL), (200, page())])
def test_a_meeting_that_the_organizer_does_not_have_has_no_title(
    teams: Build, tenant: Tenant, status: int, body: Any
) -> None:
    tenant.has_a_meeting()
    tenant.on(MEETINGS, body, status=status)
    connector = teams("titles")
    (found,), skipped = listed(connector)
    assert skipped == []
    assert connector.fetch(found).meeting.topic is None
    assert len(tenant.asked_for(MEETINGS)) == 1


def test_an_error_fails_the_meeting_and_not_the_listing(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    tenant.on(MEETINGS, {"error": {}}, status=500)
    connector = teams("titles")
    (found,), skipped = listed(connector)
    assert skipped == []
    with pytest.raises(VendorError):
        connector.fetch(found)


def organizer(**user: Any) -> dict[str, Any]:
    return {"id": "x", "identity": {"user": {"id": MARA, "displayName": "M", **user}}}


@pytest.mark.parametrize(
    "changes",
    [
        {"joinWebUrl": None},
        {"organizer_v2": None},
        {"organizer_v2": {"id": "+15550100", "identity": {"phone": {"id": "+15550100"}}}},
        {"organizer_v2": organizer(tenantId="9b1d0000-0000-4000-8000-00000000bbbb")},
    ],
)
def test_a_call_without_a_link_or_an_organizer_in_this_tenant_is_not_asked_for(
    teams: Build, tenant: Tenant, changes: dict[str, Any]
) -> None:
    row = record_row(**changes)
    tenant.on(RECORDS, page(row))
    tenant.on(SESSIONS, data("sessions"))
    connector = teams("titles")
    (found,), skipped = listed(connector)
    assert connector.fetch(found).meeting.topic is None
    assert skipped == tenant.asked_for(MEETINGS) == []
    assert connector.estimate_requests(found) == 1


def test_an_organizer_of_an_unknown_tenant_is_asked_for(teams: Build, tenant: Tenant) -> None:
    tenant.on(RECORDS, page(record_row(organizer_v2=organizer())))
    listed(teams("titles"))
    assert len(tenant.asked_for(MEETINGS)) == 1


def test_a_meeting_whose_sessions_are_not_there_yet_has_its_title(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    tenant.on(SESSIONS, REFUSAL, status=404)
    record = teams("titles").fetch(ref(record_row(endDateTime=NOW.isoformat())))
    assert record.pending is not None
    assert record.meeting.topic == "Roadmap"
