from __future__ import annotations

from collections.abc import Callable

from connectors.zoom import Zoom
from tests.unit.fake_context import FakeContext
from tests.unit.zoom.fake_api import (
    DASHBOARD,
    REPORTS,
    Account,
    data,
    meeting_row,
    page,
    settings,
)

Build = Callable[..., Zoom]
NO_DASHBOARD = {
    "code": 200,
    "message": "This API is only available for Business or higher accounts that have enabled the Dashboard feature.",
}


def subjects(connector: Zoom, status: str) -> dict[str, str]:
    return {found.subject: found.message for found in connector.check() if found.status == status}


def test_every_call_of_the_dashboard_is_tried(zoom: Build, account: Account) -> None:
    account.on("/metrics/meetings", page("meetings", meeting_row()))
    for path in ("", "/participants", "/participants/qos"):
        account.on(f"/metrics/meetings/abc%3D%3D{path}", page("participants"))
    account.on("/metrics/webinars", page("webinars"))
    connector = zoom("qos", "webinars")
    assert subjects(connector, "failed") == subjects(connector, "warning") == {}
    found = subjects(connector, "ok")
    calls = {subject for subject in found if subject.startswith("GET")}
    assert calls == {
        "GET /metrics/meetings",
        "GET /metrics/meetings/{uuid}",
        "GET /metrics/meetings/{uuid}/participants",
        "GET /metrics/meetings/{uuid}/participants/qos",
        "GET /metrics/webinars",
        "GET /users",
    }
    assert {"token", "plan"} < found.keys()


def test_a_missing_optional_scope_is_a_warning(zoom: Build, account: Account) -> None:
    account.quiet()
    connector = zoom(scope=DASHBOARD)
    assert subjects(connector, "failed") == {}
    warnings = subjects(connector, "warning")
    assert "host.host_id" in warnings["scope for GET /users"]
    assert "--qos" in warnings["scope for GET /metrics/meetings/{uuid}/participants/qos"]
    assert "not tried" in warnings["GET /metrics/meetings/{uuid}/participants"]


def test_each_missing_scope_is_named(zoom: Build) -> None:
    failed = [
        found for found in zoom(ZOOM_PLAN="business", scope=REPORTS).check() if found.status == "failed"
    ]
    assert [found.subject for found in failed] == [
        "scope for GET /metrics/meetings",
        "scope for GET /metrics/meetings/{uuid}/participants",
        "source",
    ]
    assert "dashboard:read:list_meetings:admin" in failed[0].remedy
    assert {found.exit_code for found in failed} == {77}


def test_the_reports_are_checked_if_there_is_no_dashboard(zoom: Build, account: Account) -> None:
    account.on("/metrics/meetings", NO_DASHBOARD, status=400)
    account.on("/report/users", data("report_users"))
    account.on("/report/users/u-mara/meetings", data("report_user_meetings"))
    connector = zoom()
    results = list(connector.check())
    assert not [found for found in results if found.status == "failed"]
    assert "GET /report/users/{user}/meetings" in {found.subject for found in results if found.status == "ok"}
    assert "GET /report/meetings/{uuid}/participants" in {found.subject for found in results}


def test_a_plan_that_is_too_low_fails(zoom: Build, account: Account) -> None:
    account.on("/metrics/meetings", NO_DASHBOARD, status=400)
    assert "ZOOM_PLAN=pro" in subjects(zoom(ZOOM_PLAN="business"), "failed")["plan"]


def test_a_refused_token_is_the_only_result(account: Account, context: FakeContext) -> None:
    account.refuses_tokens(400, '{"error": "invalid_client"}')
    (found,) = Zoom(settings(), context).check()
    assert (found.subject, found.status, found.exit_code) == ("token", "failed", 77)


def test_a_failed_call_is_shown(zoom: Build, account: Account) -> None:
    account.on("/metrics/meetings", page("meetings", meeting_row()))
    account.on("/metrics/meetings/abc%3D%3D/participants", "<html>", status=403)
    account.on("/users", {"code": 300, "message": "?"}, status=400)
    failed = subjects(zoom(scope=""), "failed")
    assert failed.keys() == {"GET /metrics/meetings/{uuid}/participants", "GET /users"}
