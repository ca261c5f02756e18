from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from connectors.base import CheckResult
from connectors.teams import Teams
from tests.unit.fake_context import FakeContext
from tests.unit.teams.fake_api import (
    MEETINGS,
    RECORDS,
    REFUSAL,
    SESSIONS,
    TENANT,
    TOKEN,
    Tenant,
    data,
    page,
    settings,
)

Build = Callable[..., Teams]


def results(connector: Teams) -> dict[str, CheckResult]:
    return {found.subject: found for found in connector.check()}


def jwt(*roles: str) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"roles": roles}).encode()).rstrip(b"=").decode()
    return f"e30.{claims}.c2ln"


def test_token_permission_and_calls_are_checked(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    found = results(teams())
    assert {name: each.status for name, each in found.items()} == {
        "token": "ok",
        "CallRecords.Read.All": "ok",
        "GET /communications/callRecords": "ok",
        "GET /communications/callRecords/{id}/sessions": "ok",
    }


def test_the_permission_is_proved_by_the_listing_of_a_minute(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    results(teams())
    assert tenant.asked_for(RECORDS)[0]["$filter"] == (
        "startDateTime ge 2026-11-21T05:00:00Z and startDateTime lt 2026-11-21T05:01:00Z"
    )


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (data("token_refused"), "the client secret has expired"),
        ({"error": "invalid_client", "error_description": "AADSTS7000215: x"}, "TEAMS_CLIENT_SECRET"),
        ({"error": "unauthorized_client", "error_description": "AADSTS700016: x"}, "TEAMS_CLIENT_ID"),
        ({"error": "invalid_request", "error_description": "AADSTS90002: x"}, "TEAMS_TENANT_ID"),
    ],
)
def test_a_refused_token_is_named_and_the_only_result(
    tenant: Tenant, context: FakeContext, body: object, named: str
) -> None:
    tenant.refuses_tokens(401, json.dumps(body))
    (found,) = Teams(settings(), context).check()
    assert (found.subject, found.status, found.exit_code) == ("token", "failed", 77)
    assert named in found.message
    assert "entra.microsoft.com" in found.remedy


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("opaque", "add the application permission CallRecords.Read.All"),
        (jwt(), "missing: the token has no permission"),
        (jwt("User.Read.All"), "missing: the token has User.Read.All"),
        (jwt("CallRecords.Read.All"), "refused, although the token has it"),
    ],
)
def test_missing_consent_is_named(teams: Build, tenant: Tenant, token: str, message: str) -> None:
    tenant.on(RECORDS, {"error": {"code": "UnknownError", "message": ""}}, status=403)
    connector = teams()
    tenant.gives_tokens(access_token=token)
    found = results(connector)
    assert list(found) == ["token", "CallRecords.Read.All"]
    refused = found["CallRecords.Read.All"]
    assert (refused.status, refused.exit_code) == ("failed", 77)
    assert message in refused.message
    assert refused.remedy


def test_an_outage_is_no_missing_consent(teams: Build, tenant: Tenant) -> None:
    tenant.on(RECORDS, {"error": {}}, status=503)
    found = results(teams())["CallRecords.Read.All"]
    assert (found.status, found.exit_code) == ("failed", 75)


def test_a_tenant_without_calls_is_a_warning(teams: Build, tenant: Tenant) -> None:
    tenant.on(RECORDS, page())
    found = results(teams("titles"))
    assert found["GET /communications/callRecords/{id}/sessions"].status == "warning"
    assert found["GET /users/{user}/onlineMeetings"].status == "warning"


def test_sessions_that_are_refused_are_a_failure(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    tenant.on(SESSIONS, REFUSAL, status=403)
    assert results(teams())["GET /communications/callRecords/{id}/sessions"].status == "failed"


def test_a_record_that_is_gone_meanwhile_is_no_failure(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    tenant.on(SESSIONS, REFUSAL, status=404)
    assert results(teams())["GET /communications/callRecords/{id}/sessions"].status == "ok"


@pytest.mark.parametrize(
    ("status", "expected"), [(200, "ok"), (404, "ok"), (403, "warning"), (400, "failed")]
)
def test_titles_are_checked_if_they_are_asked_for(
    teams: Build, tenant: Tenant, status: int, expected: str
) -> None:
    tenant.has_a_meeting()
    tenant.on(MEETINGS, page() if status == 200 else REFUSAL, status=status)
    found = results(teams("titles"))["GET /users/{user}/onlineMeetings"]
    assert found.status == expected
    if status == 403:
        assert "OnlineMeetings.Read.All" in found.remedy
        assert "Grant-CsApplicationAccessPolicy" in found.remedy


def test_the_name_of_a_domain_is_a_warning(tenant: Tenant, context: FakeContext) -> None:
    tenant.has_a_meeting()
    tenant.http.add("POST", TOKEN.replace(TENANT, "example.org"), json={"access_token": "t"})
    found = results(Teams(settings(TEAMS_TENANT_ID="example.org"), context))
    assert found["tenant"].status == "warning"
    assert "Directory (tenant) ID" in found["tenant"].remedy
