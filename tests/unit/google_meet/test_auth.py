"""Who we are: files told apart by what they hold, tokens asked for as few and as small as may be."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import responses

from connectors.base import Token
from connectors.errors import ConfigurationError, CredentialsError, HarvestError, VendorError
from connectors.google_meet import GoogleMeet
from connectors.google_meet.auth import STORED_NAME
from connectors.google_meet.credentials import CredentialsKind, read_credentials
from connectors.google_meet.endpoints import MEET, REPORTS
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.google_meet.fake_api import (
    ADMIN,
    DAY,
    HOST,
    TOKENS,
    Google,
    oauth_client,
    service_account,
    settings,
)

Build = Callable[..., GoogleMeet]
USER_TOKEN = {
    "refresh_token": "marked-refresh",
    "client_id": "client-1",
    "client_secret": "s",
    "token_uri": TOKENS,
}


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (service_account(), CredentialsKind.service_account),
        (oauth_client(), CredentialsKind.client),
        (oauth_client("web"), CredentialsKind.client),
        (USER_TOKEN, CredentialsKind.user),
        ({**USER_TOKEN, "type": "authorized_user"}, CredentialsKind.user),
    ],
)
def test_a_file_is_known_by_what_it_holds(
    told: dict[str, Any], kind: CredentialsKind, tmp_path: Path
) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    assert read_credentials(str(path)).kind is kind
    assert read_credentials(json.dumps(told)).kind is kind
    assert "marked" not in repr(read_credentials(json.dumps(told)))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("/nowhere/marked.json", "no file that can be read"),
        ("{marked", "is not JSON"),
        ('{"type": "service_account", "private_key": "marked"}', "lacks client_email, token_uri"),
        ('{"installed": {"client_id": "marked"}}', "lacks client_secret"),
        ('{"type": "external_account", "audience": "marked"}', "of the type external_account"),
        ('{"token": "marked"}', "lasts for an hour"),
        ('{"api_key": "marked"}', "an API key"),
        ('{"other": "marked"}', "none of Google's credentials files"),
        (json.dumps(service_account(token_uri="http://elsewhere.example/marked")), "not https"),
    ],
)
def test_a_wrong_one_is_named_and_not_repeated(text: str, named: str) -> None:
    with pytest.raises(CredentialsError, match=named) as refused:
        read_credentials(text)
    assert "marked" not in str(refused.value)


def test_one_token_per_scope_and_user_each_with_one_scope(meet: Build, google: Google) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    google.record("conf1")
    connector = meet()
    for ref in connector.meetings(DAY):
        connector.fetch(ref)  # type: ignore[arg-type]
    asked = [(claims["sub"], claims["scope"]) for claims in google.assertions]
    assert len(asked) == len(set(asked))
    assert not [scope for _, scope in asked if " " in scope]
    assert {claims["iss"] for claims in google.assertions} == {"harvester@project.iam.example"}
    assert (ADMIN, REPORTS.scope) in asked
    assert (HOST, MEET.scope) in asked


def test_the_admins_tokens_are_shared_with_other_runs_and_the_users_are_not(
    meet: Build, google: Google, context: FakeContext
) -> None:
    google.record("conf1")
    list(meet().meetings(DAY))
    first = len(google.assertions)
    assert len(context.tokens.kept) == 3
    list(meet().meetings(DAY))
    assert [claims["sub"] for claims in google.assertions[first:] if claims["sub"] == ADMIN] == []


def test_a_token_that_is_refused_is_renewed_once(meet: Build, google: Google, context: FakeContext) -> None:
    connector = meet(GOOGLE_SOURCE="reports")
    list(connector.meetings(DAY))
    (name,) = context.tokens.kept
    google.stale.add(context.tokens.kept[name].access)
    list(connector.meetings(DAY))
    assert len(google.assertions) == 2


def test_a_token_lives_as_long_as_google_says(meet: Build, google: Google, context: FakeContext) -> None:
    connector = meet(GOOGLE_SOURCE="reports")
    for seconds, tokens in ((0, 1), (3000, 1), (600, 2)):
        context.seconds += seconds
        list(connector.meetings(DAY))
        assert len(google.assertions) == tokens


def test_without_an_admin_nothing_is_asked(meet: Build, google: Google) -> None:
    with pytest.raises(CredentialsError, match="GOOGLE_ADMIN"):
        list(meet(GOOGLE_ADMIN="").meetings(DAY))
    assert google.assertions == []


@pytest.mark.parametrize(
    ("status", "body", "named"),
    [
        (
            400,
            {"error": "invalid_grant", "error_description": "Invalid email or User ID marked"},
            "GOOGLE_ADMIN",
        ),
        (400, {"error": "invalid_grant", "error_description": "Invalid JWT: iat and exp marked"}, "clock"),
        (400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, "key is refused"),
        (
            401,
            {"error": "unauthorized_client", "error_description": "marked"},
            "client ID 101234567890123456789",
        ),
        (401, {"error": "invalid_scope", "error_description": "marked"}, "admin.reports.audit.readonly"),
    ],
)
def test_what_google_says_about_a_key_is_told_in_our_words(
    status: int, body: dict[str, str], named: str, meet: Build, google: Google, http: responses.RequestsMock
) -> None:
    http.remove(responses.POST, TOKENS)
    http.post(TOKENS, json=body, status=status)
    with pytest.raises(CredentialsError, match=named) as refused:
        list(meet(GOOGLE_SOURCE="reports").meetings(DAY))
    told = "".join(traceback.format_exception(refused.value))
    assert "marked" not in told
    assert "PRIVATE KEY" not in told


@pytest.mark.parametrize("status", [429, 500, 503])
def test_the_token_endpoint_is_retried_by_the_one_http_layer(
    status: int, meet: Build, google: Google, http: responses.RequestsMock, context: FakeContext
) -> None:
    http.remove(responses.POST, TOKENS)
    http.post(TOKENS, status=status, headers={"Retry-After": "7"}, json={"error": "marked"})
    with pytest.raises(VendorError) as failed:
        list(meet(GOOGLE_SOURCE="reports").meetings(DAY))
    assert "marked" not in str(failed.value)
    assert len(http.calls) == 7
    assert all(seconds >= 7 for seconds in context.waits if seconds > 1)


def test_a_key_that_is_none_is_said(meet: Build, google: Google) -> None:
    key = "-".join(["not", "a", "key"])
    with pytest.raises(CredentialsError, match="private key") as refused:
        list(meet(credentials=service_account(private_key=key)).meetings(DAY))
    assert key not in "".join(traceback.format_exception(refused.value))


# Whoever logged in


def test_a_saved_token_reads_as_whoever_it_is(meet: Build, google: Google, context: FakeContext) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    connector = meet(credentials=USER_TOKEN, GOOGLE_ADMIN="")
    assert [ref.uuid for ref in connector.meetings(DAY)] == ["conf1"]  # type: ignore[union-attr]
    assert [told["refresh_token"] for told in google.assertions] == ["marked-refresh"]
    assert not any("marked" in name for name in context.tokens.kept)
    assert any("the logged-in user" in said for said in context.told)


def test_a_client_without_a_login_says_how(meet: Build, google: Google) -> None:
    with pytest.raises(CredentialsError, match="harvester login google-meet"):
        list(meet(credentials=oauth_client(), GOOGLE_ADMIN="").meetings(DAY))


def test_a_login_is_refreshed_and_keeps_its_refresh_token(
    meet: Build, google: Google, context: FakeContext
) -> None:
    context.tokens.write(STORED_NAME, Token(access="old", expires_at=NOW - timedelta(hours=1), refresh="r1"))
    list(meet(credentials=oauth_client(), GOOGLE_ADMIN="").meetings(DAY))
    kept = context.tokens.kept[STORED_NAME]
    assert (kept.access, kept.refresh) == ("mine", "r1")


def test_a_box_that_was_not_ticked_costs_that_api_alone(
    meet: Build, google: Google, context: FakeContext
) -> None:
    google.delegated.discard(MEET.scope)
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    connector = meet(credentials=USER_TOKEN, GOOGLE_ADMIN="")
    assert [ref.uuid for ref in connector.meetings(DAY)] == ["conf1"]  # type: ignore[union-attr]
    assert any("leave its box ticked" in said for said in context.told)


def test_a_login_that_ended_says_so(meet: Build, google: Google, http: responses.RequestsMock) -> None:
    http.remove(responses.POST, TOKENS)
    http.post(
        TOKENS, status=400, json={"error": "invalid_grant", "error_description": "Token has been expired"}
    )
    with pytest.raises(CredentialsError, match="login has ended"):
        list(meet(credentials=USER_TOKEN, GOOGLE_ADMIN="").meetings(DAY))


def test_building_reads_no_file_and_asks_nobody(context: FakeContext) -> None:
    GoogleMeet(settings(GOOGLE_CREDENTIALS="/nowhere"), context)
    with pytest.raises(ConfigurationError, match="GOOGLE_CREDENTIALS"):
        GoogleMeet(settings(GOOGLE_CREDENTIALS=""), context)
    with pytest.raises(ConfigurationError, match="GOOGLE_SOURCE"):
        GoogleMeet(settings(GOOGLE_SOURCE="both"), context)
    assert issubclass(CredentialsError, HarvestError)
