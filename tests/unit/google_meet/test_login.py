"""Logging in to Google: an installed app's flow, with PKCE, its code redeemed by the one HTTP layer."""

from __future__ import annotations

import json
import traceback
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from connectors.errors import ConfigurationError, CredentialsError, HarvestError
from connectors.google_meet.auth import STORED_NAME
from connectors.google_meet.login import SCOPES, GoogleLogin
from connectors.oauth import LoginScope
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import TOKENS, oauth_client, service_account, settings

REDIRECT = "http://127.0.0.1:8976/callback"
ANSWER = {"access_token": "a", "expires_in": 3599, "refresh_token": "marked-refresh", "scope": "x y"}


def login(
    context: FakeContext, credentials: dict[str, Any] | None = None, reach: LoginScope = "admin"
) -> GoogleLogin:
    return GoogleLogin(settings(credentials or oauth_client()), context, scope=reach)


def redeemed(way: GoogleLogin) -> Any:
    return way.exchange_code(code="marked-code", redirect_uri=REDIRECT, verifier="marked-verifier")


@pytest.mark.parametrize("reach", ["admin", "user"])
def test_the_address_requests_the_needed_scopes_and_a_refresh_token(
    reach: LoginScope, context: FakeContext
) -> None:
    address = login(context, reach=reach).authorization_url(redirect_uri=REDIRECT, state="st", challenge="ch")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert address.startswith("https://accounts.google.example/auth?")
    assert asked["scope"].split() == list(SCOPES[reach])
    assert (asked["redirect_uri"], asked["state"], asked["response_type"]) == (REDIRECT, "st", "code")
    assert (asked["code_challenge"], asked["code_challenge_method"]) == ("ch", "S256")
    assert (asked["access_type"], asked["prompt"]) == ("offline", "consent")


def test_a_code_is_exchanged_for_a_token_that_is_stored(
    context: FakeContext, http: responses.RequestsMock
) -> None:
    http.post(TOKENS, json=ANSWER)
    way = login(context)
    way.save(redeemed(way))
    sent = {name: values[0] for name, values in parse_qs(http.calls[0].request.body.decode()).items()}
    assert sent["code_verifier"] == "marked-verifier"
    assert (sent["grant_type"], sent["client_secret"]) == ("authorization_code", "invented-secret")
    assert context.tokens.kept[STORED_NAME].refresh == "marked-refresh"
    assert context.tokens.kept[STORED_NAME].scope == "x y"


@pytest.mark.parametrize(
    ("status", "body", "named"),
    [
        (400, {"error": "invalid_grant", "error_description": "marked"}, "has expired"),
        (401, {"error": "invalid_client", "error_description": "marked"}, "client is refused"),
        (400, {"error": "redirect_uri_mismatch"}, "Desktop app"),
        (200, {"access_token": "a", "expires_in": 3599}, "no refresh token"),
        (200, {"marked": "marked"}, "without a token"),
    ],
)
def test_a_refused_code_says_what_to_do_and_repeats_nothing(
    status: int, body: dict[str, Any], named: str, context: FakeContext, http: responses.RequestsMock
) -> None:
    http.post(TOKENS, json=body, status=status)
    with pytest.raises(HarvestError, match=named) as refused:
        redeemed(login(context))
    assert "marked" not in str(refused.value)
    assert len(http.calls) == 1, "a code can be redeemed once"


@pytest.mark.parametrize(
    ("error", "named"),
    [
        ("access_denied", "test users"),
        ("admin_policy_enforced", "admin does not allow"),
        ("server_error", "again later"),
        ("marked", "compare the OAuth client"),
    ],
)
def test_an_error_in_the_redirect_says_what_to_do(error: str, named: str, context: FakeContext) -> None:
    refusal = login(context).error_for(error)
    assert named in str(refusal)
    assert "marked" not in str(refusal)


@pytest.mark.parametrize(
    ("credentials", "named"),
    [
        (service_account(), "needs no login"),
        (oauth_client("web"), "Desktop app"),
        ({"refresh_token": "r", "client_id": "c", "client_secret": "s"}, "needs no login"),
    ],
)
def test_other_credentials_cannot_log_in(
    credentials: dict[str, Any], named: str, context: FakeContext
) -> None:
    with pytest.raises(ConfigurationError, match=named):
        login(context, credentials)


def test_without_a_client_it_says_where_to_create_one(context: FakeContext) -> None:
    with pytest.raises(ConfigurationError, match="Desktop app"):
        GoogleLogin(settings(GOOGLE_CREDENTIALS=""), context, scope="admin")


def test_a_login_on_another_device_is_not_supported(context: FakeContext) -> None:
    with pytest.raises(ConfigurationError, match="ssh -L"):
        login(context).request_device_code()


def test_nothing_secret_is_in_a_traceback(context: FakeContext, http: responses.RequestsMock) -> None:
    http.post(TOKENS, json={"error": "invalid_grant"}, status=400)
    secret = oauth_client()["installed"]["client_secret"]
    with pytest.raises(CredentialsError) as refused:
        redeemed(login(context))
    assert secret not in "".join(traceback.format_exception(refused.value))
    assert json.dumps(secret) not in str(refused.value)
