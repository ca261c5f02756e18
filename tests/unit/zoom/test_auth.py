from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import responses

from connectors.base import Token
from connectors.errors import (
    BrokenResponse,
    ConfigurationError,
    CredentialsError,
    HarvestError,
    VendorError,
)
from connectors.response_decisions import BLOCKED_ATTEMPTS
from connectors.zoom.auth import AppCredentials, ServerToServerOAuth
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.zoom.fake_api import DAY, TOKEN, Account, data, meeting_row, ref

CREDENTIALS = AppCredentials(account_id="acc-1", client_id="client-1", client_secret="invented-secret")


@pytest.fixture
def auth(context: FakeContext) -> ServerToServerOAuth:
    return ServerToServerOAuth(CREDENTIALS, TOKEN, context)


def test_the_request_is_the_one_that_zoom_documents(
    auth: ServerToServerOAuth, account: Account, http
) -> None:
    account.gives_tokens()
    assert auth.header() == "Bearer token-1"
    request = http.calls[0].request
    assert (
        request.headers["Authorization"] == "Basic " + base64.b64encode(b"client-1:invented-secret").decode()
    )
    assert request.body == b"grant_type=account_credentials&account_id=acc-1"
    assert "?" not in request.url


def test_a_token_is_requested_once_for_many_threads(auth: ServerToServerOAuth, account: Account) -> None:
    account.gives_tokens()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: auth.header(), range(50))) == {"Bearer token-1"}


def test_a_token_is_renewed_a_minute_before_it_expires(
    auth: ServerToServerOAuth, account: Account, context: FakeContext
) -> None:
    account.gives_tokens()
    auth.header()
    context.seconds += 3600 - 61
    assert auth.header() == "Bearer token-1"
    context.seconds += 2
    assert auth.header() == "Bearer token-2"


def test_a_token_of_a_few_seconds_is_used_for_half_its_lifetime(
    auth: ServerToServerOAuth, account: Account, context: FakeContext
) -> None:
    account.gives_tokens(expires_in=36)
    auth.header()
    context.seconds += 17
    assert auth.header() == "Bearer token-1"
    context.seconds += 2
    assert auth.header() == "Bearer token-2"


@pytest.mark.parametrize("life", [None, "", "soon", -1, 10**9, "3599"])
def test_an_odd_lifetime_counts_as_an_hour(
    auth: ServerToServerOAuth, account: Account, context: FakeContext, life: object
) -> None:
    account.gives_tokens(expires_in=life)
    auth.header()
    context.seconds += 3500
    assert auth.header() == "Bearer token-1"
    context.seconds += 60
    assert auth.header() == "Bearer token-2"


def test_a_stored_token_of_another_run_is_used(
    auth: ServerToServerOAuth, account: Account, context: FakeContext
) -> None:
    stored = Token(access="stored", expires_at=NOW + timedelta(minutes=30), scope="a b")
    context.tokens.kept[CREDENTIALS.stored_name] = stored
    assert auth.token() is stored
    assert account.tokens == 0


def test_a_stored_token_of_other_credentials_is_not_used(context: FakeContext, account: Account) -> None:
    account.gives_tokens()
    context.tokens.kept[CREDENTIALS.stored_name] = Token(access="x", expires_at=NOW + timedelta(minutes=30))
    other = AppCredentials(account_id="acc-1", client_id="client-1", client_secret="rotated")
    assert ServerToServerOAuth(other, TOKEN, context).header() == "Bearer token-1"
    assert "rotated" not in other.stored_name


def test_an_expired_stored_token_is_not_used(
    auth: ServerToServerOAuth, account: Account, context: FakeContext
) -> None:
    account.gives_tokens()
    context.tokens.kept[CREDENTIALS.stored_name] = Token(access="x", expires_at=NOW + timedelta(seconds=59))
    assert auth.header() == "Bearer token-1"


def test_a_refused_token_is_replaced_by_the_stored_one_of_another_run(
    auth: ServerToServerOAuth, account: Account, context: FakeContext
) -> None:
    account.gives_tokens()
    refused = auth.header()
    stored = Token(access="stored", expires_at=NOW + timedelta(minutes=30))
    context.tokens.kept[CREDENTIALS.stored_name] = stored
    auth.renew(refused)
    assert auth.header() == "Bearer stored"
    auth.renew(refused)  # a thread that comes late with the same refusal
    assert auth.header() == "Bearer stored"
    assert account.tokens == 1


def test_a_refused_token_is_replaced_by_one_thread_only(auth: ServerToServerOAuth, account: Account) -> None:
    account.gives_tokens()
    refused = auth.header()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: auth.renew(refused), range(20)))
    assert auth.header() == "Bearer token-2"


@pytest.mark.parametrize("body", [{"code": 124, "message": "Access token is expired."}, {"message": "?"}])
def test_a_401_renews_the_token_once(zoom: Callable, account: Account, body: object) -> None:
    account.quiet()
    account.then("/metrics/meetings", (401, body), (200, data("metrics_meetings")), type="past")
    assert len(list(zoom().meetings(DAY))) == 1
    assert account.tokens == 2


def test_a_401_after_the_renewal_is_an_error(zoom: Callable, account: Account) -> None:
    account.on("/metrics/meetings", {"code": 124, "message": "Invalid access token."}, status=401)
    with pytest.raises(CredentialsError, match="still activated"):
        list(zoom().meetings(DAY))
    assert account.tokens == 2


def test_another_program_with_the_same_app_fails_single_meetings(zoom: Callable, account: Account) -> None:
    account.quiet()
    refused = {"code": 124, "message": "Invalid access token."}
    path = "/metrics/meetings/abc%3D%3D/participants"
    account.then(path, (401, refused), (401, refused), (200, data("metrics_participants")))
    connector = zoom()
    (listed,) = [*connector.meetings(DAY), ref(meeting_row())]
    with pytest.raises(VendorError, match="another program may use the same app"):
        connector.fetch(listed)
    assert connector.fetch(listed).sessions


def test_an_app_that_no_longer_works_ends_the_run(zoom: Callable, account: Account) -> None:
    account.quiet()
    account.on("/metrics/meetings/abc%3D%3D/participants", {"code": 124}, status=401)
    connector = zoom()
    list(connector.meetings(DAY))
    errors = []
    for _ in range(60):
        with pytest.raises(HarvestError) as refused:
            connector.fetch(ref(meeting_row()))
        errors.append(type(refused.value))
    assert errors[0] is VendorError
    assert errors[-1] is CredentialsError


@pytest.mark.parametrize(
    ("status", "body", "named"),
    [
        (
            400,
            '{"reason":"Invalid client_id or client_secret","error":"invalid_client"}',
            "ZOOM_CLIENT_SECRET",
        ),
        (401, '{"reason":"x","error":"invalid_client"}', "ZOOM_CLIENT_ID"),
        (400, '{"errorCode":4702}', "ZOOM_CLIENT_ID"),
        (400, '{"reason":"Bad Request","error":"invalid_request"}', "ZOOM_ACCOUNT_ID"),
        (400, '{"reason":"unsupported grant type","error":"unsupported_grant_type"}', "Server-to-Server"),
        (400, '{"reason":"The app has been disabled","error":"invalid_client"}', "not activated"),
        (400, '{"code":4717}', "not activated"),
        (400, "<html>no</html>", "App Credentials"),
        (401, "", "App Credentials"),
        (400, "[]", "App Credentials"),
        (200, '{"reason":"Bad Request","error":"invalid_request"}', "ZOOM_ACCOUNT_ID"),
    ],
)
def test_a_refusal_names_the_wrong_credential_and_no_value(
    auth: ServerToServerOAuth, account: Account, status: int, body: str, named: str
) -> None:
    account.refuses_tokens(status, body)
    with pytest.raises(CredentialsError, match=named) as refused:
        auth.header()
    assert "marketplace.zoom.us" in str(refused.value)
    assert not any(value in str(refused.value) for value in ("acc-1", "client-1", "invented-secret"))


@pytest.mark.parametrize("body", ["<html>blocked</html>", '{"message": "Forbidden"}', "[]", ""])
def test_a_403_of_a_gateway_refuses_no_credentials(
    auth: ServerToServerOAuth, account: Account, body: str
) -> None:
    account.refuses_tokens(403, body)
    with pytest.raises(BrokenResponse, match="proxy or firewall"):
        auth.header()
    assert len(account.http.calls) == BLOCKED_ATTEMPTS


def test_a_missing_token_endpoint_names_the_setting(auth: ServerToServerOAuth, account: Account) -> None:
    account.refuses_tokens(404, "")
    with pytest.raises(ConfigurationError, match="ZOOM_TOKEN_URL"):
        auth.header()


@pytest.mark.parametrize("body", ["{}", '{"access_token": ""}', '{"access_token": "a\\nb"}', "[1]"])
def test_a_response_without_a_token_is_an_error(
    auth: ServerToServerOAuth, account: Account, body: str
) -> None:
    account.refuses_tokens(200, body)
    with pytest.raises(BrokenResponse):
        auth.header()


def test_a_server_error_is_retried(auth: ServerToServerOAuth, account: Account, http) -> None:
    account.refuses_tokens(503, "")
    with pytest.raises(VendorError):
        auth.header()
    assert len(http.calls) == 7


@pytest.mark.parametrize("status", [503, 429, 403])
def test_a_temporary_error_costs_only_time(
    auth: ServerToServerOAuth, http: responses.RequestsMock, status: int
) -> None:
    http.post(TOKEN, status=status, body="<html>")
    http.post(TOKEN, json={"access_token": "t", "expires_in": 3600})
    assert auth.header() == "Bearer t"
