from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from connectors.base import CheckResult, Token
from connectors.webex import Webex
from connectors.webex.quality_api import REQUEST_INTERVAL, lease_name
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.webex.fake_api import (
    ADMIN,
    USER,
    UUID,
    Account,
    items,
    media_row,
    meeting_row,
    participant_row,
)

Build = Callable[..., Webex]
QUALITIES = "GET /meeting/qualities"


@pytest.fixture
def whole(account: Account) -> Account:
    account.has(meeting_row(), people=[participant_row()], media=[media_row()])
    account.on(f"/admin/meetings/{UUID}", meeting_row())
    return account


def checked(webex: Webex) -> dict[str, CheckResult]:
    return {result.subject: result for result in webex.check()}


def test_everything_works(webex: Build, whole: Account) -> None:
    found = checked(webex())
    assert {result.status for result in found.values()} == {"ok"}
    assert "89 more days" in found["login"].message
    assert list(found) == [
        "login",
        "scope for GET /meetings",
        "scope for GET /meetingParticipants",
        f"scope for {QUALITIES}",
        "GET /meetings",
        "role",
        "GET /meetingParticipants",
        QUALITIES,
    ]


def test_a_login_that_ends_soon_is_a_warning(webex: Build, whole: Account, account: Account) -> None:
    connector = webex()
    account.gives_tokens(refresh_token_expires_in=9 * 86_400 + 7_200)
    found = checked(connector)["login"]
    assert (found.status, found.message) == ("warning", "works for 9 more days")
    assert "harvester login webex" in found.remedy


def test_an_access_token_that_cannot_be_renewed_is_a_warning(webex: Build, whole: Account) -> None:
    found = checked(
        webex(WEBEX_ACCESS_TOKEN="t", WEBEX_CLIENT_ID="", WEBEX_CLIENT_SECRET="", WEBEX_REFRESH_TOKEN="")
    )
    assert found["login"].status == "warning"
    assert found["scopes"].status == "warning"
    assert found[QUALITIES].status == "ok"


def test_a_stored_token_does_not_hide_a_wrong_client_secret(
    webex: Build, whole: Account, account: Account, context: FakeContext
) -> None:
    token = Token(access="good", expires_at=NOW + timedelta(days=9), refresh="r", scope=ADMIN)
    context.tokens.write("webex", token)
    connector = webex()
    account.refuses_tokens(401, '{"error": "invalid_client"}')
    (result,) = connector.check()
    assert (result.subject, result.status, result.exit_code) == ("login", "failed", 77)
    assert "WEBEX_CLIENT_SECRET" in result.message


def test_a_refused_login_is_the_only_result(webex: Build, account: Account) -> None:
    connector = webex()
    account.refuses_tokens(400, '{"error": "invalid_grant"}')
    (result,) = connector.check()
    assert (result.status, result.exit_code) == ("failed", 77)
    assert result.remedy


def test_without_an_admin_it_names_the_data_that_is_not_read(webex: Build, whole: Account) -> None:
    found = checked(webex(scope=USER))
    assert found["scope for GET /meetings"].status == "warning"
    assert "meeting:admin_schedule_read" in found["scope for GET /meetings"].remedy
    assert found[f"scope for {QUALITIES}"].status == "warning"
    assert found["role"].status == "warning"
    assert QUALITIES not in found
    assert whole.asked_for("/meeting/qualities") == []


def test_a_missing_scope_is_named(webex: Build, whole: Account) -> None:
    found = checked(webex(scope="meeting:admin_schedule_read"))
    result = found["scope for GET /meetingParticipants"]
    assert result.status == "failed"
    assert "meeting:admin_participants_read" in result.remedy
    assert "GET /meetings" not in found


def test_an_admin_scope_without_the_admin_role_is_a_warning(webex: Build, whole: Account) -> None:
    whole.on(f"/admin/meetings/{UUID}", {"message": "x"}, status=403)
    found = checked(webex())["role"]
    assert (found.status, bool(found.remedy)) == ("warning", True)


@pytest.mark.parametrize("status", [403, 451])
def test_a_missing_pro_pack_and_a_wrong_region_are_warnings_as_a_run_goes_on_without_quality(
    webex: Build, whole: Account, status: int
) -> None:
    whole.on("/meeting/qualities", {"message": "no"}, status=403)
    found = checked(webex())[QUALITIES]
    assert (found.status, bool(found.remedy)) == ("warning", True)
    assert "Pro Pack" in found.message
    message = "This server cannot serve the data. Please use analytics-ca.webexapis.com"
    whole.on("/meeting/qualities", {"message": message}, status=status)
    whole.on("/meetings", items(meeting_row("another")))
    whole.on("/admin/meetings/another", meeting_row("another"))
    found = checked(webex())[QUALITIES]
    assert "https://analytics-ca.webexapis.com/v1" in found.message


def test_a_meeting_that_was_just_requested_is_not_requested_again(
    webex: Build, whole: Account, context: FakeContext
) -> None:
    context.acquire_lease(lease_name(UUID), NOW + REQUEST_INTERVAL)
    assert checked(webex())[QUALITIES].status == "warning"
    assert whole.asked_for("/meeting/qualities") == []
    whole.on("/meetings", items(meeting_row(), meeting_row("another")))
    assert checked(webex())[QUALITIES].status == "ok"
    assert whole.asked_for("/meeting/qualities") == [{"meetingId": "another", "max": "1000"}]


def test_without_a_meeting_the_calls_are_not_tried(webex: Build, account: Account) -> None:
    account.has()
    found = checked(webex())
    assert found["GET /meetings"].status == "ok"
    assert found[QUALITIES].status == "warning"
