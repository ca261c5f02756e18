"""The choice between Dashboard and Reports, and what `check` reports for each."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from connectors.base import Token
from connectors.errors import ConfigurationError, CredentialsError
from connectors.models import MeetingRef
from connectors.zoom import Zoom
from connectors.zoom.endpoints import BY_CALL, USERS
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.zoom.fake_api import (
    BOTH,
    DASHBOARD,
    DAY,
    REPORTS,
    Account,
    data,
    meeting_row,
    ref,
    settings,
)

Build = Callable[..., Zoom]

NO_DASHBOARD = {
    "code": 200,
    "message": "This API is only available for Business or higher accounts that have enabled the Dashboard feature.",
}
CLASSIC = "dashboard_meetings:read:admin report:read:admin user:read:admin"


def test_every_missing_setting_is_named_with_where_to_get_it(context: FakeContext) -> None:
    with pytest.raises(ConfigurationError) as error:
        Zoom(settings(ZOOM_ACCOUNT_ID="", ZOOM_CLIENT_SECRET=""), context)
    assert "ZOOM_ACCOUNT_ID, ZOOM_CLIENT_SECRET" in str(error.value)
    assert "ZOOM_CLIENT_ID" not in str(error.value)
    assert "marketplace.zoom.us" in str(error.value)


def test_unknown_plan_is_refused(context: FakeContext) -> None:
    with pytest.raises(ConfigurationError, match="pro or business"):
        Zoom(settings(ZOOM_PLAN="gold"), context)


def test_building_makes_no_request_and_needs_no_urls(context: FakeContext, http) -> None:
    Zoom(settings(ZOOM_API_URL="", ZOOM_TOKEN_URL=""), context)
    assert len(http.calls) == 0


@pytest.mark.parametrize(
    ("plan", "scope", "chosen"),
    [
        ("business", BOTH, "dashboard"),
        ("pro", BOTH, "reports"),
        ("", BOTH, "dashboard"),
        ("", DASHBOARD, "dashboard"),
        ("", REPORTS, "reports"),
        ("", CLASSIC, "dashboard"),
        ("", "dashboard:read:admin", "dashboard"),
        ("", "report:read:admin meeting:read:admin", "reports"),
        ("", DASHBOARD.replace(":admin", ":master"), "dashboard"),
        ("", "", "dashboard"),
        ("pro", "", "reports"),
    ],
)
def test_source_is_chosen_by_plan_then_by_scopes(
    zoom: Build, account: Account, context: FakeContext, plan: str, scope: str, chosen: str
) -> None:
    account.quiet()
    connector = zoom(ZOOM_PLAN=plan, scope=scope)
    list(connector.meetings(DAY))
    list(connector.meetings(DAY))
    assert connector.selector.source().name == chosen
    assert sum("reading the" in notice for notice in context.notices) == 1


@pytest.mark.parametrize(
    ("plan", "scope", "options", "lacking"),
    [
        (
            "business",
            REPORTS,
            (),
            "dashboard:read:list_meetings:admin, dashboard:read:list_meeting_participants:admin",
        ),
        ("pro", DASHBOARD, (), "report:read:list_users:admin"),
        ("business", DASHBOARD, ("qos",), "add dashboard:read:list_meeting_participants_qos:admin to it"),
        ("", DASHBOARD, ("webinars",), "add dashboard:read:list_webinar_participants:admin"),
        ("", "user:read:admin", (), "or else report:read:list_users:admin"),
        ("", DASHBOARD.split()[0], (), "dashboard:read:list_meeting_participants:admin"),
    ],
)
def test_missing_scopes_are_named_before_any_call(
    zoom: Build, account: Account, plan: str, scope: str, options: tuple[str, ...], lacking: str
) -> None:
    granted = "dashboard:read:list_webinars:admin" if options == ("webinars",) else ""
    with pytest.raises(CredentialsError) as error:
        list(zoom(*options, ZOOM_PLAN=plan, scope=f"{scope} {granted}").meetings(DAY))
    assert lacking in str(error.value)
    assert account.asked == []


def test_added_scope_is_found_in_a_new_token(zoom: Build, account: Account, context: FakeContext) -> None:
    account.quiet()
    connector = zoom()
    name = connector.auth._credentials.stored_name
    context.tokens.kept[name] = Token(
        access="old", expires_at=NOW + timedelta(hours=1), scope="user:read:admin"
    )
    assert list(connector.meetings(DAY)) == []
    assert account.tokens == 1


def test_account_without_dashboard_falls_back_to_reports(
    zoom: Build, account: Account, context: FakeContext
) -> None:
    account.quiet()
    account.on("/metrics/meetings", NO_DASHBOARD, status=400)
    account.on("/report/users", data("report_users"), type="active")
    account.on("/report/users/u-mara/meetings", data("report_user_meetings"), type="past")
    connector = zoom()
    (found,) = connector.meetings(DAY)
    assert isinstance(found, MeetingRef)
    assert found.hint["source"] == "reports"
    assert connector.selector.source().name == "reports"
    assert sum("no Dashboard" in notice for notice in context.notices) == 1
    assert len(account.asked_for("/metrics/meetings")) == 1


def test_many_threads_fall_back_together(zoom: Build, account: Account) -> None:
    row = meeting_row()
    for path in ("/metrics/meetings/abc%3D%3D/participants", "/metrics/meetings/abc%3D%3D"):
        account.on(path, NO_DASHBOARD, status=400)
    account.on("/report/meetings/abc%3D%3D", {**data("report_user_meetings")["meetings"][0]})
    account.on("/report/meetings/abc%3D%3D/participants", data("report_participants"))
    connector = zoom()
    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(connector.fetch, [ref(row)] * 16))
    assert {len(harvest.sessions) for harvest in records} == {2}
    assert {harvest.meeting.uuid for harvest in records} == {"abc=="}


def test_business_plan_without_dashboard_names_the_alternative(zoom: Build, account: Account) -> None:
    account.on("/metrics/meetings", NO_DASHBOARD, status=400)
    with pytest.raises(CredentialsError, match="ZOOM_PLAN=pro") as error:
        list(zoom(ZOOM_PLAN="business").meetings(DAY))
    assert "report:read:list_users:admin" in str(error.value)


def test_neither_dashboard_nor_scopes_for_reports_names_the_scopes(zoom: Build, account: Account) -> None:
    account.on("/metrics/meetings", NO_DASHBOARD, status=400)
    with pytest.raises(CredentialsError, match="report:read:list_users:admin"):
        list(zoom(scope=DASHBOARD).meetings(DAY))


@pytest.mark.parametrize(
    ("plan", "share", "expected"), [("business", 1.0, 32), ("pro", 1.0, 10), ("pro", 0.1, 4)]
)
def test_concurrency_matches_the_rate(zoom: Build, plan: str, share: float, expected: int) -> None:
    assert zoom(ZOOM_PLAN=plan, share=share).concurrency == expected


def test_target_rate_is_the_plans_times_the_share(zoom: Build) -> None:
    assert zoom(ZOOM_PLAN="business").requests_per_second == pytest.approx(38.8)
    assert zoom(ZOOM_PLAN="pro", share=0.5).requests_per_second == pytest.approx(4.85)


def test_every_endpoint_can_be_granted_by_either_kind_of_scope() -> None:
    for endpoint in BY_CALL.values():
        assert endpoint.granted([endpoint.granular])
        assert all(endpoint.granted([name]) for name in endpoint.classic)
        assert not endpoint.granted(["chat:read:admin"])
    assert not USERS.granted(["user:read:list_users"])
