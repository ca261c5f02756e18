from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.models import Detail, Host, Meeting, Session, session_key
from connectors.teams.legs import to_legs
from connectors.teams.mapping import (
    organizer_of,
    series_id,
    to_meeting,
    to_session,
    with_audio,
    with_online_meeting,
)
from tests.unit.fake_context import NOW
from tests.unit.teams.fake_api import MARA, RECORD, TENANT, data, record_row, session_row, session_rows

GROUP = record_row()
SEVENTH = 216_988
"""Microseconds: the seventh digit is cut."""


def meeting(row: dict[str, Any], *, raw: bool = False) -> Meeting:
    return to_meeting(row, account="main", detail=Detail.full, harvested_at=NOW, raw=raw)


def session(row: dict[str, Any], *, raw: bool = False) -> Session:
    (leg, *_), _ = to_legs(GROUP, [row])
    return to_session(leg, organizer=organizer_of(GROUP), tenant=TENANT, raw=raw)


def with_agent(**changes: Any) -> dict[str, Any]:
    row = session_row(0)
    return {
        **row,
        "caller": {**row["caller"], "userAgent": {**row["caller"]["userAgent"], **changes}},
    }


def with_network(**changes: Any) -> dict[str, Any]:
    row = session_row(1)
    row["segments"][0]["media"][0]["callerNetwork"] |= changes
    return row


def test_a_meeting() -> None:
    assert meeting(GROUP) == Meeting(
        vendor="teams",
        account="main",
        uuid=RECORD,
        detail=Detail.full,
        harvested_at=NOW,
        meeting_series_id=series_id(GROUP["joinWebUrl"]),
        host=Host(host_id=MARA, name="Mara Lindqvist", email="mara.lindqvist@example.org"),
        start_time=datetime(2026, 11, 20, 9, 0, 0, SEVENTH, UTC),
        end_time=datetime(2026, 11, 20, 10, 0, 0, SEVENTH, UTC),
        duration=3600,
        state="ended",
        has_video=True,
        has_screen_share=True,
    )


def test_the_series_is_a_hash_of_the_link_without_its_query() -> None:
    link = GROUP["joinWebUrl"]
    path = link.partition("?")[0]
    assert series_id(link) == series_id(path) == series_id(path + "#x")
    assert series_id(link) == hashlib.sha256(path.encode()).hexdigest()[:32]
    assert series_id(link + "1") == series_id(link)
    assert series_id(path + "1") != series_id(link)


@pytest.mark.parametrize("link", [None, "", 7.5, [], True])
def test_a_call_without_a_link_has_no_series(link: Any) -> None:
    assert series_id(link) is None


@pytest.mark.parametrize(
    "field", ["startDateTime", "endDateTime", "joinWebUrl", "modalities", "organizer_v2", "version"]
)
@pytest.mark.parametrize("value", [None, "", 7, [None], {"identity": {"user": []}}])
def test_odd_values_are_absent(field: str, value: Any) -> None:
    found = meeting(record_row(**{field: value}))
    assert found.uuid == RECORD
    assert found.state == "ended"


def test_an_end_before_the_start_has_no_duration() -> None:
    found = meeting(record_row(endDateTime="2026-11-20T08:00:00Z"))
    assert found.duration is None


@pytest.mark.parametrize(
    ("modalities", "video", "share"),
    [
        (["audio"], False, False),
        (["audio", "video"], True, False),
        (["screenSharing"], False, True),
        (["videoBasedScreenSharing", "unknownFutureValue", None], False, True),
        ([], False, False),
        (None, None, None),
        ("video", None, None),
    ],
)
def test_media_of_a_meeting(modalities: Any, video: bool | None, share: bool | None) -> None:
    found = meeting(record_row(modalities=modalities))
    assert (found.has_video, found.has_screen_share) == (video, share)


def test_audio_is_that_of_telephones_and_of_computers() -> None:
    def audio(*numbers: int) -> tuple[bool | None, bool | None]:
        legs, _ = to_legs(GROUP, [session_row(number) for number in numbers])
        found = with_audio(meeting(GROUP), legs)
        return found.has_pstn, found.has_voip

    assert audio(0, 5) == (True, True)
    assert audio(0) == (False, True)
    assert audio(5) == (True, False)
    assert audio() == (False, False)


@pytest.mark.parametrize(
    "identity",
    [
        None,
        {},
        {"phone": {"id": "+15550100"}, "user": None},
        {"applicationInstance": {"id": "b", "displayName": "Attendant"}},
        {"user": {"id": None, "displayName": "External user"}},
    ],
)
def test_an_organizer_who_is_no_known_user_is_no_host(identity: Any) -> None:
    assert meeting(record_row(organizer_v2={"id": "+15550100", "identity": identity})).host is None


def test_a_host_of_another_tenant_has_no_name() -> None:
    user = {"id": "u-9", "displayName": "External user", "tenantId": "other"}
    assert meeting(record_row(organizer_v2={"identity": {"user": user}})).host == Host(host_id="u-9")


def test_an_online_meeting_adds_title_code_and_planned_times() -> None:
    found = with_online_meeting(meeting(GROUP), data("online_meetings")["value"][0])
    assert (found.topic, found.meeting_code) == ("Roadmap", "1234567890")
    assert found.scheduled_start_time == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert found.scheduled_end_time == datetime(2026, 11, 20, 9, 45, tzinfo=UTC)
    assert with_online_meeting(meeting(GROUP), {"subject": None, "joinMeetingIdSettings": None}).topic is None


@pytest.mark.parametrize(
    ("start", "end", "planned"),
    [
        ("2026-11-20T09:00:00Z", "2026-11-20T09:45:00Z", True),
        ("2026-11-20T08:15:00Z", "2026-11-20T09:15:00Z", True),  # the call began late
        ("2026-11-20T09:50:00Z", "2026-11-20T10:50:00Z", True),  # and this one early
        ("2026-11-13T09:00:00Z", "2026-11-13T09:45:00Z", False),  # the first call of the series
        ("2026-11-20T10:01:00Z", "2026-11-20T11:00:00Z", False),
        ("2026-11-20T09:00:00Z", None, False),
        (None, "2026-11-20T09:45:00Z", False),
        ("soon", "later", False),
    ],
)
def test_the_times_of_an_online_meeting_are_those_of_a_call_that_overlaps_them(
    start: str | None, end: str | None, planned: bool
) -> None:
    row = {**data("online_meetings")["value"][0], "startDateTime": start, "endDateTime": end}
    found = with_online_meeting(meeting(GROUP), row)
    assert found.topic == "Roadmap"
    assert (found.scheduled_start_time is not None) is planned
    assert (found.scheduled_end_time is not None) is planned


def test_a_name_without_an_id_gets_the_id_of_the_stay() -> None:
    """Else attendance and report would join the people with this name."""
    row = session_row(4, id="leg-1")
    named = {**row, "caller": {**row["caller"], "identity": {"guest": {"displayName": "Ann"}}}}
    assert (session(named).id, session(named).user_name) == ("leg-1", "Ann")
    unnamed = {**row, "caller": {**row["caller"], "identity": {"guest": {"displayName": "External user"}}}}
    assert (session(unnamed).id, session(unnamed).user_name) == (None, None)


def test_a_session() -> None:
    found = session(session_row(0))
    assert found == Session(
        key=session_key(session_row(0)["id"]),
        id=MARA,
        user_name="Mara Lindqvist",
        email="mara.lindqvist@example.org",
        user_type="signed_in",
        role="host",
        os="windows",
        app="teams",
        app_version="27/1.0.0.2021011237",
        ip_address="198.51.100.7",
        network_type="wifi",
        join_time=datetime(2026, 11, 20, 9, 0, 0, SEVENTH, UTC),
        leave_time=datetime(2026, 11, 20, 10, 0, 0, SEVENTH, UTC),
        duration=3600,
    )
    assert found.quality is not None


def test_types_of_the_other_participants() -> None:
    found = [session(row) for row in session_rows()[2:7]]
    assert [each.user_type for each in found] == ["signed_in", "guest", "guest", "phone", "room"]
    assert [each.user_name for each in found] == ["Jón Þórsson", None, None, None, "Room Aurora"]
    assert [each.id is not None for each in found] == [True] * 5
    assert [each.role for each in found] == [None] * 5


@pytest.mark.parametrize(
    ("platform", "device", "os", "app"),
    [
        ("windows", None, "windows", "teams"),
        ("macOS", None, "macOS", "teams"),
        ("iOS", None, "iOS", "teams"),
        ("android", None, "android", "teams"),
        ("web", None, None, "teams web"),
        ("ipPhone", "ipPhone", None, "teams"),
        ("roomSystem", "roomSystem", None, "teams"),
        ("surfaceHub", "surfaceHub", None, "teams"),
        ("holoLens", None, None, "teams"),
        ("unknown", None, None, "teams"),
        ("unknownFutureValue", None, None, "teams"),
        (None, None, None, "teams"),
        (["x"], None, None, "teams"),
    ],
)
def test_device_system_and_app(platform: Any, device: str | None, os: str | None, app: str) -> None:
    found = session(with_agent(platform=platform))
    assert (found.device, found.os, found.app) == (device, os, app)


@pytest.mark.parametrize("family", ["unknown", "unknownFutureValue", "zoom", None, 7])
def test_an_unknown_app_is_absent(family: Any) -> None:
    assert session(with_agent(productFamily=family)).app is None
    assert session(with_agent(productFamily=family, platform="web")).app == "web"


@pytest.mark.parametrize(
    ("public", "local", "expected"),
    [
        ("198.51.100.7", "192.0.2.1", "198.51.100.7"),
        ("", "192.0.2.1", "192.0.2.1"),
        (None, "2001:db8::1", "2001:db8::1"),
        ("198.51.100.xxx", "192.0.2.1", "192.0.2.1"),
        ("198.51.100.xxx", "", None),
        ("::", "::", None),
        (7, [], None),
    ],
)
def test_addresses_that_are_masked_or_empty_are_skipped(
    public: Any, local: Any, expected: str | None
) -> None:
    assert session(with_network(reflexiveIPAddress=public, ipAddress=local)).ip_address == expected


def test_the_network_is_that_of_the_first_audio() -> None:
    row = session_row(0)
    row["segments"].reverse()
    assert session(row).network_type == "wifi"
    assert session({**row, "segments": []}).network_type is None
    assert session(with_network(connectionType="unknownFutureValue")).network_type is None


def test_the_callee_of_a_direct_call_has_the_network_of_the_callee() -> None:
    legs, _ = to_legs(data("call_records")["value"][1], session_rows("sessions_escalated")[:1])
    caller, callee = (to_session(leg, organizer=None, tenant=TENANT) for leg in legs)
    assert (caller.ip_address, caller.network_type) == ("198.51.100.7", "wifi")
    assert (callee.ip_address, callee.network_type) == ("198.51.100.9", "mobile")
    assert callee.key == session_key(legs[0].row["id"], "callee")
    assert callee.app == "teams web"


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ({"stage": "midcall", "reason": "Lost"}, "midcall: Lost"),
        ({"stage": "callSetup", "reason": ""}, "callSetup"),
        ({"stage": "unknown", "reason": "Lost"}, "Lost"),
        ({"stage": "unknown", "reason": ""}, None),
        ({"stage": None, "reason": None}, None),
        (None, None),
        ("x", None),
    ],
)
def test_the_reason_to_leave_is_the_failure(failure: Any, reason: str | None) -> None:
    assert session(session_row(0, failureInfo=failure)).leave_reason == reason


@pytest.mark.parametrize("field", ["startDateTime", "endDateTime", "segments", "modalities", "isTest"])
@pytest.mark.parametrize("value", [None, "", 7, {}, [None]])
def test_odd_values_of_a_session_are_absent(field: str, value: Any) -> None:
    assert session(session_row(0, **{field: value})).id == MARA


def test_rows_are_kept_with_raw_only() -> None:
    assert session(session_row(0)).vendor_data is None
    assert meeting(GROUP).vendor_data is None
    kept = session(session_row(0), raw=True).vendor_data
    assert kept is not None
    assert kept["segments"][0]["media"][0]["callerNetwork"]["macAddress"] == "00-00-5E-00-53-01"
    assert "joinWebUrl" not in (meeting(GROUP, raw=True).vendor_data or {})
