from __future__ import annotations

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
import responses

from connectors.base import Token
from connectors.errors import BrokenResponse, ConfigurationError, CredentialsError, VendorError
from connectors.response_decisions import BLOCKED_ATTEMPTS
from connectors.teams.auth import AppCredentials, ClientCredentials, error_codes, roles
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.teams.fake_api import DAY, LOGIN, RECORDS, TENANT, TOKEN, Tenant, data, page, settings

CREDENTIALS = AppCredentials(tenant_id=TENANT, client_id="client-1", client_secret="invented-secret")
SCOPE = "https://graph.microsoft.com/.default"


@pytest.fixture
def auth(context: FakeContext) -> ClientCredentials:
    return ClientCredentials(CREDENTIALS, LOGIN, SCOPE, context)


def test_the_request_is_the_one_that_microsoft_documents(
    auth: ClientCredentials, tenant: Tenant, http: responses.RequestsMock
) -> None:
    tenant.gives_tokens()
    assert auth.header() == "Bearer token-1"
    request = http.calls[0].request
    assert request.url == TOKEN
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(bytes(request.body or b"").decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["client-1"],
        "client_secret": ["invented-secret"],
        "scope": [SCOPE],
    }


def test_the_name_of_a_domain_stays_within_its_part_of_the_path(
    context: FakeContext, http: responses.RequestsMock
) -> None:
    odd = AppCredentials(tenant_id="../x?y", client_id="c", client_secret="s")
    http.add(responses.POST, f"{LOGIN}/..%2Fx%3Fy/oauth2/v2.0/token", json={"access_token": "t"})
    assert ClientCredentials(odd, LOGIN, SCOPE, context).header() == "Bearer t"


def test_a_token_is_requested_once_for_many_threads(auth: ClientCredentials, tenant: Tenant) -> None:
    tenant.gives_tokens()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: auth.header(), range(50))) == {"Bearer token-1"}


def test_a_token_is_renewed_five_minutes_before_it_expires(
    auth: ClientCredentials, tenant: Tenant, context: FakeContext
) -> None:
    tenant.gives_tokens()
    auth.header()
    context.seconds += 3599 - 301
    assert auth.header() == "Bearer token-1"
    context.seconds += 2
    assert auth.header() == "Bearer token-2"


@pytest.mark.parametrize("life", [None, "", "soon", -1, 10**9])
def test_an_odd_lifetime_counts_as_an_hour(
    auth: ClientCredentials, tenant: Tenant, context: FakeContext, life: object
) -> None:
    tenant.gives_tokens(expires_in=life)
    auth.header()
    context.seconds += 3290
    assert auth.header() == "Bearer token-1"
    context.seconds += 20
    assert auth.header() == "Bearer token-2"


def test_a_stored_token_of_another_run_is_used(
    auth: ClientCredentials, tenant: Tenant, context: FakeContext
) -> None:
    stored = Token(access="stored", expires_at=NOW + timedelta(minutes=30))
    context.tokens.kept[CREDENTIALS.stored_name] = stored
    assert auth.token() is stored
    assert tenant.tokens == 0


def test_a_stored_token_of_another_secret_is_not_used(context: FakeContext, tenant: Tenant) -> None:
    tenant.gives_tokens()
    context.tokens.kept[CREDENTIALS.stored_name] = Token(access="x", expires_at=NOW + timedelta(minutes=30))
    other = AppCredentials(tenant_id=TENANT, client_id="client-1", client_secret="rotated")
    assert ClientCredentials(other, LOGIN, SCOPE, context).header() == "Bearer token-1"
    assert "rotated" not in other.stored_name + repr(other)


def test_a_401_renews_the_token_once(teams: Callable[..., Any], tenant: Tenant) -> None:
    tenant.then(RECORDS, (401, {"error": {"code": "InvalidAuthenticationToken"}}), (200, page()))
    assert list(teams().meetings(DAY)) == []
    assert tenant.tokens == 2


def test_a_401_after_the_renewal_is_an_error(teams: Callable[..., Any], tenant: Tenant) -> None:
    tenant.on(RECORDS, {"error": {}}, status=401)
    with pytest.raises(CredentialsError, match="a new token is refused as well"):
        list(teams().meetings(DAY))
    assert tenant.tokens == 2


def refusal(code: int, error: str = "invalid_client") -> str:
    return json.dumps({"error": error, "error_description": f"AADSTS{code}: no. Trace ID: 0"})


@pytest.mark.parametrize(
    ("status", "body", "named"),
    [
        (401, json.dumps(data("token_refused")), "has expired"),
        (401, refusal(7000222), "has expired"),
        (401, refusal(7000215), "TEAMS_CLIENT_SECRET is wrong"),
        (400, refusal(700016, "unauthorized_client"), "TEAMS_CLIENT_ID is not an app of the tenant"),
        (400, refusal(90002, "invalid_request"), "TEAMS_TENANT_ID is not a tenant"),
        (404, refusal(90002, "invalid_request"), "TEAMS_TENANT_ID is not a tenant"),
        (400, refusal(900023, "invalid_request"), "TEAMS_TENANT_ID is not a tenant"),
        (401, refusal(7000112, "unauthorized_client"), "the app is disabled"),
        (401, '{"error": "invalid_client"}', "TEAMS_CLIENT_SECRET is wrong"),
        (400, '{"error": "unauthorized_client"}', "TEAMS_CLIENT_ID is not an app"),
        (400, '{"error": "invalid_request", "error_codes": ["7", true, null, 12]}', "TEAMS_TENANT_ID"),
        (400, refusal(99999, "odd"), "or the app is not in this cloud"),
        (400, "<html>no</html>", "or the app is not in this cloud"),
        (400, "[]", "or the app is not in this cloud"),
    ],
)
def test_a_refusal_names_the_wrong_setting_and_no_value(
    auth: ClientCredentials, tenant: Tenant, status: int, body: str, named: str
) -> None:
    tenant.refuses_tokens(status, body)
    with pytest.raises(CredentialsError, match=named) as refused:
        auth.header()
    assert not any(value in str(refused.value) for value in (TENANT, "client-1", "invented-secret", "Trace"))


@pytest.mark.parametrize("body", ["<html>blocked</html>", '{"message": "Forbidden"}', "[]", ""])
def test_a_403_of_a_gateway_refuses_no_credentials(
    auth: ClientCredentials, tenant: Tenant, body: str
) -> None:
    tenant.refuses_tokens(403, body)
    with pytest.raises(BrokenResponse, match="proxy or firewall"):
        auth.header()
    assert len(tenant.http.calls) == BLOCKED_ATTEMPTS


@pytest.mark.parametrize("word", ["temporarily_unavailable", "server_error"])
def test_an_outage_is_no_refusal(auth: ClientCredentials, tenant: Tenant, word: str) -> None:
    tenant.refuses_tokens(400, json.dumps({"error": word}))
    with pytest.raises(VendorError, match="issues no tokens at the moment"):
        auth.header()
    assert len(tenant.http.calls) == 7


def test_a_missing_token_endpoint_names_the_setting(auth: ClientCredentials, tenant: Tenant) -> None:
    tenant.refuses_tokens(404, "")
    with pytest.raises(ConfigurationError, match="TEAMS_LOGIN_URL"):
        auth.header()


@pytest.mark.parametrize("body", ["{}", "[]", '{"access_token": ""}', '{"access_token": "a\\nb"}', "<html>"])
def test_a_response_without_a_token_is_broken(auth: ClientCredentials, tenant: Tenant, body: str) -> None:
    tenant.refuses_tokens(200, body)
    with pytest.raises((BrokenResponse, VendorError)):
        auth.header()


def test_codes_come_from_the_list_and_the_text() -> None:
    body = {"error_codes": [7, True, "8", -1, 10**9], "error_description": "AADSTS90002 and AADSTS7: x"}
    assert error_codes(body) == [7, 90002]
    assert error_codes("AADSTS90002") == error_codes({"error_description": 90002}) == []


def token(payload: bytes) -> Token:
    middle = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
    return Token(access=f"e30.{middle}.c2ln", expires_at=NOW)


def test_the_permissions_are_those_that_the_token_names() -> None:
    assert roles(token(b'{"roles": ["CallRecords.Read.All", 7]}')) == {"CallRecords.Read.All"}
    assert roles(token(b"{}")) == frozenset()


@pytest.mark.parametrize("payload", [b"[]", b'{"roles": "x"}', b"\xff", b"{"])
def test_a_token_that_shows_no_permissions_is_no_hint(payload: bytes) -> None:
    assert roles(token(payload)) is None
    assert roles(Token(access="opaque", expires_at=NOW)) is None


@pytest.mark.parametrize(
    ("cloud", "graph", "login"),
    [
        ("", "https://graph.microsoft.com", "https://login.microsoftonline.com"),
        ("global", "https://graph.microsoft.com", "https://login.microsoftonline.com"),
        ("usgov", "https://graph.microsoft.us", "https://login.microsoftonline.us"),
        ("dod", "https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
    ],
)
def test_each_cloud_has_its_own_addresses_and_scope(
    context: FakeContext, http: responses.RequestsMock, cloud: str, graph: str, login: str
) -> None:
    from connectors.teams import Teams

    connector = Teams(settings(TEAMS_CLOUD=cloud, TEAMS_API_URL="", TEAMS_LOGIN_URL=""), context)
    http.add(responses.POST, f"{login}/{TENANT}/oauth2/v2.0/token", json={"access_token": "t"})
    http.add(responses.GET, f"{graph}/v1.0{RECORDS}", json=page())
    assert list(connector.meetings(DAY)) == []
    sent = parse_qs(bytes(http.calls[0].request.body or b"").decode())
    assert sent["scope"] == [f"{graph}/.default"]
