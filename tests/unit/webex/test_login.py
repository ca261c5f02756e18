from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from connectors.base import Context, Settings, Token
from connectors.errors import (
    BrokenResponse,
    ConfigurationError,
    CredentialsError,
    HarvestError,
    Unreachable,
    VendorError,
)
from connectors.oauth import DeviceCode, LoginScope
from connectors.webex.auth import WebexOAuth
from connectors.webex.login import SCOPES, WebexLogin
from tests.unit.fake_context import NOW, FakeContext

API = "https://webexapis.com/v1"
REDIRECT = "http://127.0.0.1:8976/callback"
TOKEN = Token(access="marked-access", expires_at=NOW + timedelta(days=14), refresh="marked-refresh")
GRANTED = {
    "access_token": "marked-access",
    "expires_in": 1209599,
    "refresh_token": "marked-refresh",
    "refresh_token_expires_in": 7775999,
    "token_type": "Bearer",
}
CODE = DeviceCode(
    user_code="729703",
    verification_uri="https://oauth-helper-r.example.org/verify",
    device_code="marked-device",
    expires_in=300.0,
    interval=2.0,
)


def webex(context: Context | None = None, scope: LoginScope = "admin", **changed: str) -> WebexLogin:
    values = {
        "WEBEX_CLIENT_ID": "C1",
        "WEBEX_CLIENT_SECRET": "marked-secret",
        "WEBEX_API_URL": API,
        **changed,
    }
    return WebexLogin(Settings(values=values), context or FakeContext(), scope=scope)


@contextmanager
def answering(path: str, *answers: tuple[int, object]) -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        for status, body in answers:
            text = body if isinstance(body, str) else json.dumps(body)
            mock.post(API + path, body=text, status=status)
        yield mock


def form(mock: responses.RequestsMock, number: int = 0) -> dict[str, str]:
    body = mock.calls[number].request.body
    text = body.decode() if isinstance(body, bytes) else str(body)
    return {key: values[0] for key, values in parse_qs(text).items()}


def redeemed(login: WebexLogin) -> Token:
    return login.exchange_code(code="marked-code", redirect_uri=REDIRECT, verifier="marked-verifier")


def message(text: str) -> dict[str, object]:
    """An error as Webex documents it for the device endpoints."""
    return {"message": "marked words", "errors": [{"description": text}], "trackingId": "marked"}


@pytest.mark.parametrize("scope", ["admin", "user"])
def test_the_address_requests_only_the_scopes_that_the_connector_needs(scope: LoginScope) -> None:
    address = webex(scope=scope).authorization_url(redirect_uri=REDIRECT, state="s", challenge="c")
    assert address.startswith(API + "/authorize?")
    assert "scope=meeting%3A" in address
    assert "+" not in address
    assert parse_qs(urlsplit(address).query) == {
        "response_type": ["code"],
        "client_id": ["C1"],
        "redirect_uri": [REDIRECT],
        "scope": [" ".join(SCOPES[scope])],
        "state": ["s"],
        "code_challenge": ["c"],
        "code_challenge_method": ["S256"],
    }


def test_a_code_is_exchanged_with_the_secret_and_the_verifier() -> None:
    with answering("/access_token", (200, {**GRANTED, "scope": "a b"})) as mock:
        token = redeemed(webex())
        assert form(mock) == {
            "grant_type": "authorization_code",
            "client_id": "C1",
            "client_secret": "marked-secret",
            "code": "marked-code",
            "redirect_uri": REDIRECT,
            "code_verifier": "marked-verifier",
        }
    assert token == Token(
        access="marked-access",
        expires_at=NOW + timedelta(seconds=1209599),
        refresh="marked-refresh",
        refresh_expires_at=NOW + timedelta(seconds=7775999),
        scope="a b",
    )


def test_a_token_without_lifetimes_gets_the_documented_ones() -> None:
    with answering("/access_token", (200, {"access_token": "a", "expires_in": "soon"})):
        token = redeemed(webex())
    assert token.expires_at == NOW + timedelta(days=14)
    assert token.refresh is None
    assert token.refresh_expires_at is None


@pytest.mark.parametrize(
    ("status", "body", "remedy"),
    [
        (401, "", "WEBEX_CLIENT_ID or WEBEX_CLIENT_SECRET is wrong"),
        (400, message("Client Id is invalid"), "WEBEX_CLIENT_ID or WEBEX_CLIENT_SECRET is wrong"),
        (400, {"error": "invalid_client"}, "WEBEX_CLIENT_ID or WEBEX_CLIENT_SECRET is wrong"),
        (400, {"error": "invalid_grant", "error_description": "marked"}, "already used, or has expired"),
        (400, {"message": "expired_token", "errors": "marked"}, "already used, or has expired"),
        (400, message("redirect_uri does not match"), "lacks the redirect URI"),
        (400, message("invalid scope"), "lacks a scope: give it meeting:admin_schedule_read"),
        (400, message("tokenlimit_reached"), "as many tokens as Webex permits"),
        (403, "<html>marked</html>", "compare the integration"),
        (400, ["marked"], "compare the integration"),
    ],
)
def test_a_refused_code_says_what_to_do_and_repeats_nothing(status: int, body: object, remedy: str) -> None:
    with answering("/access_token", (status, body)), pytest.raises(CredentialsError) as refused:
        redeemed(webex())
    assert remedy in str(refused.value)
    assert "marked" not in str(refused.value)


@pytest.mark.parametrize(
    ("error", "kind", "remedy"),
    [
        ("access_denied", CredentialsError, "harvester login webex"),
        ("invalid_scope", CredentialsError, "analytics:read_all"),
        ("unauthorized_client", CredentialsError, "WEBEX_CLIENT_ID"),
        ("server_error", VendorError, "later"),
        ("marked", CredentialsError, "compare the integration"),
    ],
)
def test_an_error_in_the_redirect_says_what_to_do(error: str, kind: type[HarvestError], remedy: str) -> None:
    refused = webex().error_for(error)
    assert type(refused) is kind
    assert remedy in str(refused)
    assert "marked" not in str(refused)


@pytest.mark.parametrize("body", [{}, {"access_token": ""}, {"access_token": "a\nb"}, "half a bo", []])
def test_a_response_without_a_token_is_not_retried(body: object) -> None:
    with answering("/access_token", (200, body)) as mock:
        with pytest.raises(BrokenResponse):
            redeemed(webex())
        assert len(mock.calls) == 1


def test_a_wrong_address_names_the_setting() -> None:
    with (
        answering("/access_token", (404, "<html>")),
        pytest.raises(ConfigurationError, match="WEBEX_API_URL"),
    ):
        redeemed(webex())


def test_a_server_error_is_retried() -> None:
    with answering("/access_token", (503, ""), (200, GRANTED)):
        assert redeemed(webex()).access == "marked-access"


def test_an_unreachable_host_is_reported_without_the_request() -> None:
    with responses.RequestsMock() as mock:
        mock.post(API + "/access_token", body=requests.ConnectionError("marked"))
        with pytest.raises(Unreachable) as unreachable:
            redeemed(webex())
    assert "marked" not in str(unreachable.value)


def test_a_device_code_is_requested() -> None:
    body = {
        "device_code": "marked-device",
        "expires_in": 300,
        "user_code": "729703",
        "verification_uri": "https://oauth-helper-r.example.org/verify",
        "verification_uri_complete": "https://oauth-helper-r.example.org/verify?userCode=0d39",
        "interval": 2,
    }
    with answering("/device/authorize", (200, body)) as mock:
        code = webex(scope="user").request_device_code()
        assert form(mock) == {"client_id": "C1", "scope": "meeting:schedules_read meeting:participants_read"}
    assert code == replace(CODE, verification_uri_complete=body["verification_uri_complete"])
    assert "marked" not in repr(code)


def test_an_incomplete_device_code_is_an_error() -> None:
    with answering("/device/authorize", (200, {"device_code": "marked"})), pytest.raises(BrokenResponse):
        webex().request_device_code()


@pytest.mark.parametrize(
    ("status", "body", "interval"),
    [
        (428, "", 2.0),
        (428, message("The request is pending"), 2.0),
        (400, {"error": "authorization_pending"}, 2.0),
        (400, message("authorization_pending"), 2.0),
        (400, message("slow_down"), 7.0),
        (428, {"message": "slow_down"}, 7.0),
    ],
)
def test_an_undecided_device_code_is_polled_at_its_interval(
    status: int, body: object, interval: float
) -> None:
    with answering("/device/token", (status, body)) as mock:
        assert webex().poll(CODE) == replace(CODE, interval=interval)
        assert mock.calls[0].request.headers["Authorization"] == "Basic QzE6bWFya2VkLXNlY3JldA=="
        assert form(mock) == {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "device_code": "marked-device",
            "client_id": "C1",
        }


def test_a_throttled_poll_waits_as_long_as_webex_says() -> None:
    context = FakeContext()
    with responses.RequestsMock() as mock:
        mock.post(API + "/device/token", status=429, headers={"Retry-After": "30"})
        mock.post(API + "/device/token", json=GRANTED)
        assert isinstance(webex(context).poll(CODE), Token)
    assert context.waits[0] >= 30


@pytest.mark.parametrize(
    ("body", "remedy"),
    [
        (message("access_denied"), "access was denied"),
        ({"error": "expired_token"}, "has expired"),
        (message("invalid_grant"), "has expired"),
    ],
)
def test_a_refused_device_code_ends_the_wait(body: object, remedy: str) -> None:
    with answering("/device/token", (400, body)), pytest.raises(CredentialsError, match=remedy):
        webex().poll(CODE)


def test_missing_settings_are_named() -> None:
    with pytest.raises(ConfigurationError, match="WEBEX_CLIENT_SECRET.*developer.webex.com"):
        webex(WEBEX_CLIENT_SECRET="")


def test_a_login_wins_over_an_older_refresh_token_in_the_settings_and_loses_to_a_newer_one() -> None:
    context, client = FakeContext(), {"WEBEX_CLIENT_ID": "C1", "WEBEX_CLIENT_SECRET": "marked-secret"}
    webex(context, WEBEX_REFRESH_TOKEN="older").save(TOKEN)

    def run(refresh_token: str) -> str:
        settings = Settings(values={**client, "WEBEX_REFRESH_TOKEN": refresh_token})
        return WebexOAuth(settings, API, context).header()

    assert run("older") == "Bearer marked-access"
    with answering("/access_token", (200, {**GRANTED, "access_token": "newest"})) as mock:
        assert run("newer") == "Bearer newest"
        assert form(mock)["refresh_token"] == "newer"


def test_a_login_killed_before_it_is_stored_leaves_the_earlier_one() -> None:
    context = FakeContext()
    before = replace(TOKEN, access="before")
    context.tokens.kept["webex"] = before

    class Killed(Exception):
        pass

    def write(name: str, token: Token) -> None:
        raise Killed

    context.tokens.write = write  # type: ignore[method-assign]  # the test replaces the method
    with pytest.raises(Killed):
        webex(context, WEBEX_REFRESH_TOKEN="older").save(TOKEN)
    assert context.tokens.read("webex") == before
