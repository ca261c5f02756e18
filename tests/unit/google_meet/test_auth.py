"""Credentials: kinds of files by their content, and as few tokens with as few scopes as possible."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from datetime import timedelta

import pytest
import responses

from connectors.base import Token
from connectors.errors import BrokenResponse, ConfigurationError, CredentialsError, HarvestError, VendorError
from connectors.google_meet import GoogleMeet
from connectors.google_meet.auth import STORED_NAME, GoogleTokens
from connectors.google_meet.endpoints import MEET, REPORTS
from connectors.models import Reason, SkippedPartition
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


def test_each_scope_and_user_has_its_own_token(meet: Build, google: Google) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    google.record("conf1")
    connector = meet()
    for ref in connector.meetings(DAY):
        connector.fetch(ref)  # type: ignore[arg-type]  # the values are those of a keyword
    asked = [(claims["sub"], claims["scope"]) for claims in google.assertions]
    assert len(asked) == len(set(asked))
    assert not [scope for _, scope in asked if " " in scope]
    assert {claims["iss"] for claims in google.assertions} == {"harvester@project.iam.example"}
    assert (ADMIN, REPORTS.scope) in asked
    assert (HOST, MEET.scope) in asked


def test_assertions_have_the_vendors_time(meet: Build, google: Google, context: FakeContext) -> None:
    """This machine's clock may be wrong by minutes, for which Google would refuse them."""
    list(meet(GOOGLE_SOURCE="reports").meetings(DAY))
    issued = int(context.now().timestamp())
    assert {(claims["iat"], claims["exp"]) for claims in google.assertions} == {(issued, issued + 3600)}


def test_only_the_admins_tokens_are_stored_for_other_runs(
    meet: Build, google: Google, context: FakeContext
) -> None:
    google.record("conf1")
    list(meet().meetings(DAY))
    first = len(google.assertions)
    assert len(context.tokens.kept) == 3
    list(meet().meetings(DAY))
    assert [claims["sub"] for claims in google.assertions[first:] if claims["sub"] == ADMIN] == []


def test_a_refused_token_is_renewed_once(meet: Build, google: Google, context: FakeContext) -> None:
    connector = meet(GOOGLE_SOURCE="reports")
    list(connector.meetings(DAY))
    (name,) = context.tokens.kept
    google.stale.add(context.tokens.kept[name].access)
    list(connector.meetings(DAY))
    assert len(google.assertions) == 2


def test_a_token_is_used_as_long_as_google_says(meet: Build, google: Google, context: FakeContext) -> None:
    connector = meet(GOOGLE_SOURCE="reports")
    for seconds, tokens in ((0, 1), (3000, 1), (600, 2)):
        context.seconds += seconds
        list(connector.meetings(DAY))
        assert len(google.assertions) == tokens


def test_without_an_admin_nothing_is_requested(meet: Build, google: Google) -> None:
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
def test_a_refused_key_says_what_to_do_and_repeats_nothing(
    status: int, body: dict[str, str], named: str, meet: Build, google: Google, http: responses.RequestsMock
) -> None:
    http.remove(responses.POST, TOKENS)
    http.post(TOKENS, json=body, status=status)
    with pytest.raises(CredentialsError, match=named) as refused:
        list(meet(GOOGLE_SOURCE="reports").meetings(DAY))
    traced = "".join(traceback.format_exception(refused.value))
    assert "marked" not in traced
    assert "PRIVATE KEY" not in traced


@pytest.mark.parametrize("status", [429, 500, 503])
def test_the_token_endpoint_is_retried_by_the_http_layer(
    status: int, meet: Build, google: Google, http: responses.RequestsMock, context: FakeContext
) -> None:
    http.remove(responses.POST, TOKENS)
    http.post(TOKENS, status=status, headers={"Retry-After": "7"}, json={"error": "marked"})
    with pytest.raises(VendorError) as failed:
        list(meet(GOOGLE_SOURCE="reports").meetings(DAY))
    assert "marked" not in str(failed.value)
    assert len(http.calls) == 7
    assert all(seconds >= 7 for seconds in context.waits if seconds > 1)


def test_an_unreadable_key_is_reported(meet: Build, google: Google) -> None:
    key = "-".join(["not", "a", "key"])
    with pytest.raises(ConfigurationError, match="private key") as refused:
        list(meet(credentials=service_account(private_key=key)).meetings(DAY))
    assert key not in "".join(traceback.format_exception(refused.value))


# A logged-in user


def test_a_saved_token_reads_as_its_user(meet: Build, google: Google, context: FakeContext) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    connector = meet(credentials=USER_TOKEN, GOOGLE_ADMIN="")
    assert [ref.uuid for ref in connector.meetings(DAY)] == ["conf1"]  # type: ignore[union-attr]  # the test fails if there is none
    assert [each["refresh_token"] for each in google.assertions] == ["marked-refresh"]
    assert not any("marked" in name for name in context.tokens.kept)
    assert any("the logged-in user" in notice for notice in context.notices)


def test_a_client_without_a_login_says_how_to_log_in(meet: Build, google: Google) -> None:
    with pytest.raises(CredentialsError, match="harvester login google-meet"):
        list(meet(credentials=oauth_client(), GOOGLE_ADMIN="").meetings(DAY))


def test_a_login_is_refreshed_and_keeps_its_refresh_token(
    meet: Build, google: Google, context: FakeContext
) -> None:
    context.tokens.write(STORED_NAME, Token(access="old", expires_at=NOW - timedelta(hours=1), refresh="r1"))
    list(meet(credentials=oauth_client(), GOOGLE_ADMIN="").meetings(DAY))
    kept = context.tokens.kept[STORED_NAME]
    assert (kept.access, kept.refresh) == ("mine", "r1")


def test_an_unticked_box_disables_only_its_api(meet: Build, google: Google, context: FakeContext) -> None:
    google.delegated.discard(MEET.scope)
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    connector = meet(credentials=USER_TOKEN, GOOGLE_ADMIN="")
    assert [ref.uuid for ref in connector.meetings(DAY)] == ["conf1"]  # type: ignore[union-attr]  # the test fails if there is none
    assert any("leave its box ticked" in notice for notice in context.notices)


def test_an_ended_login_says_how_to_log_in(meet: Build, google: Google, http: responses.RequestsMock) -> None:
    http.remove(responses.POST, TOKENS)
    http.post(
        TOKENS, status=400, json={"error": "invalid_grant", "error_description": "Token has been expired"}
    )
    with pytest.raises(CredentialsError, match="login has ended"):
        list(meet(credentials=USER_TOKEN, GOOGLE_ADMIN="").meetings(DAY))


def test_building_reads_no_file_and_makes_no_request(context: FakeContext) -> None:
    GoogleMeet(settings(GOOGLE_CREDENTIALS="/nowhere"), context)
    with pytest.raises(ConfigurationError, match="GOOGLE_CREDENTIALS"):
        GoogleMeet(settings(GOOGLE_CREDENTIALS=""), context)
    with pytest.raises(ConfigurationError, match="GOOGLE_SOURCE"):
        GoogleMeet(settings(GOOGLE_SOURCE="both"), context)
    assert issubclass(CredentialsError, HarvestError)


@pytest.mark.parametrize("life", ["soon", {"a": 1}, [], -5, 0, 1e308, "9" * 5000, None])
def test_a_lifetime_that_cannot_be_read_is_an_hour(
    http: responses.RequestsMock, context: FakeContext, life: object
) -> None:
    http.post(TOKENS, json={"access_token": "good", "expires_in": life, "refresh_token": 5, "id_token": []})
    tokens = GoogleTokens(settings(), context)
    assert tokens.request_for_user(MEET, HOST).expires_at == NOW + timedelta(hours=1)


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "t\u00f6ken", "", 5, ["x"], None])
def test_a_token_that_no_header_can_have_is_broken(
    http: responses.RequestsMock, context: FakeContext, token: object
) -> None:
    http.post(TOKENS, json={"access_token": token, "expires_in": 3599})
    with pytest.raises(BrokenResponse, match="without a token"):
        GoogleTokens(settings(), context).request_for_user(MEET, HOST)


@pytest.mark.parametrize("body", [{"message": "Forbidden"}, {"error": {"code": 403}}, [], "x"])
@pytest.mark.parametrize("status", [400, 403])
def test_an_error_that_is_not_in_the_form_of_oauth_refuses_no_user(
    meet: Build, google: Google, status: int, body: object
) -> None:
    """A gateway's: the user would count as unknown to Google, and be skipped."""
    connector = meet(GOOGLE_SOURCE="meet")
    assert connector.selector.apis.directory.is_readable
    google.http.upsert("POST", TOKENS, status=status, json=body)
    found = [one for one in connector.meetings(DAY) if isinstance(one, SkippedPartition)]
    assert {one.reason for one in found} == {Reason.error}
    assert not any(one.permanent for one in found)
