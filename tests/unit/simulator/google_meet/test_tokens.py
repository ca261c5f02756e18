"""Tests the simulated Google token endpoint: who gets a token, for whom, with which scopes, for how long."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt

from harvester.simulator.google_meet import app, service_account
from harvester.simulator.google_meet.account import Account
from harvester.simulator.google_meet.login import CLIENT_ID, CLIENT_SECRET
from harvester.simulator.google_meet.scopes import AUTH
from harvester.simulator.google_meet.tokens import AUDIENCE, authorized_user
from harvester.simulator.organisation import Person
from tests.unit.simulator.clients import (
    ACTIVITIES,
    API_SCOPES,
    Answer,
    GoogleClient,
    google_client,
    send_request,
)

REPORTS = AUTH + API_SCOPES["reports"]


@pytest.fixture
def google() -> GoogleClient:
    return google_client()


def first_with_status(google: GoogleClient, status: str) -> Person:
    return next(p for p in google.google.account.organisation.people if p.status == status)


def error(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["error"]


def test_a_service_account_gets_a_token_for_an_hour(google: GoogleClient) -> None:
    answer = google.asserted(sub=google.admin)
    assert answer.status == 200
    assert {name: answer.body[name] for name in ("expires_in", "token_type")} == {
        "expires_in": 3599,
        "token_type": "Bearer",
    }
    assert google.get("reports", ACTIVITIES).status == 200
    google.clock.seconds += 3600
    late = google.get("reports", ACTIVITIES)
    assert late.status == 401
    assert late.body["error"]["errors"][0]["reason"] == "authError"


def test_another_key_a_changed_assertion_and_invalid_jwts_are_refused(google: GoogleClient) -> None:
    other = rsa.generate_private_key(65_537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = crypt.RSASigner.from_string(other, service_account.KEY_ID)
    forged = google.asserted(sub=google.admin, key=signer)
    assert error(forged) == (400, "invalid_grant")
    assert forged.body["error_description"] == "Invalid JWT Signature."
    for nonsense in ("", "a.b", "a.b.c", "ä"):
        answer = google.form(grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=nonsense)
        assert error(answer) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "another@invented-project.iam.gserviceaccount.com"},
        {"aud": "https://oauth2.example.org/token"},
        {"iat": int(time.time()) - 7200, "exp": int(time.time()) - 3600},
        {"exp": int(time.time()) + 7200},
        {"iat": None},
        {"sub": "nobody@example.org"},
    ],
)
def test_wrong_claims_are_an_invalid_grant(google: GoogleClient, claims: dict[str, Any]) -> None:
    assert error(google.asserted(**{"sub": google.admin, **claims})) == (400, "invalid_grant")


def test_the_endpoint_itself_may_be_the_audience(google: GoogleClient) -> None:
    assert google.asserted(sub=google.admin, aud=AUDIENCE).status == 200
    assert google.asserted(sub=google.admin, aud="http://sim.example.org/google/token").status == 200


def test_suspended_and_departed_people_cannot_be_impersonated(google: GoogleClient) -> None:
    for status in ("inactive", "departed"):
        assert error(google.asserted(sub=first_with_status(google, status).email)) == (400, "invalid_grant")
    unknown = google.asserted(sub=first_with_status(google, "departed").email)
    assert unknown.body["error_description"] == "Invalid email or User ID"


def test_one_scope_outside_the_delegation_refuses_the_request() -> None:
    google = google_client(without=("reports",))
    both = f"{REPORTS} {AUTH}{API_SCOPES['meet']}"
    assert error(google.asserted(sub=google.admin, scope=both)) == (401, "unauthorized_client")
    assert google.asserted(sub=google.admin, scope=AUTH + API_SCOPES["meet"]).status == 200
    assert error(google.asserted(sub=google.admin, scope=AUTH + "meetings.readonly")) == (
        400,
        "invalid_scope",
    )


def test_a_service_account_without_a_user_sees_nothing(google: GoogleClient) -> None:
    assert google.get("meet", "/conferenceRecords", None).body == {}
    assert google.get("directory", "/users", None, customer="my_customer").status == 403


def test_a_saved_token_is_refreshed_for_its_user() -> None:
    google = google_client(user=True)
    token = google.google.tokens.refresh_token()
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    answer = google.form(grant_type="refresh_token", refresh_token=token, **client)
    assert answer.status == 200
    google.tokens["meet", "them"] = google.tokens["reports", "them"] = answer.body["access_token"]
    [first, *_] = google.get("meet", "/conferenceRecords", "them").body["conferenceRecords"]
    assert first["name"].startswith("conferenceRecords/")
    assert google.get("reports", ACTIVITIES, "them").status == 403
    assert error(google.form(grant_type="refresh_token", refresh_token="revoked", **client)) == (
        400,
        "invalid_grant",
    )
    assert error(google.form(grant_type="refresh_token", refresh_token=token)) == (401, "invalid_client")
    assert error(google.form(grant_type="password")) == (400, "unsupported_grant_type")


def test_the_service_account_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    content = app.credentials(
        "http://127.0.0.1:1", None, google_client().google._clock, google_client().google.options
    )
    service_account.write_private_file(path, content)
    service_account.write_private_file(path, content)
    assert path.stat().st_mode & 0o777 == 0o600
    written = json.loads(path.read_text())
    assert (written["type"], written["token_uri"]) == ("service_account", "http://127.0.0.1:1/google/token")
    assert [file.name for file in tmp_path.iterdir()] == ["credentials.json"]
    assert crypt.RSASigner.from_service_account_info(written).key_id == service_account.KEY_ID


def test_a_users_file_differs_from_a_service_accounts(google: GoogleClient) -> None:
    account = Account(google.google.account.organisation)
    user = app.credentials(
        "http://127.0.0.1:1", account, google.google._clock, google_client(user=True).google.options
    )
    assert "type" not in user
    assert user.keys() >= {"refresh_token", "client_id", "client_secret", "token_uri"}
    assert user == authorized_user(
        user["refresh_token"], "http://127.0.0.1:1/google/token", frozenset(user["scopes"])
    )


VERIFIER = "a-verifier-of-at-least-forty-three-characters-~._0"
REDIRECT = "http://localhost:6001/"


def signed_in(google: GoogleClient, *, decision: str = "allow", **changed: str) -> Answer:
    challenge = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
    parameters = {
        "response_type": "code", "client_id": CLIENT_ID, "redirect_uri": REDIRECT, "state": "a b&c",
        "scope": AUTH + API_SCOPES["meet"], "code_challenge": challenge, "code_challenge_method": "S256", **changed,
    }  # fmt: skip
    query, form = urlencode(parameters), urlencode({"decision": decision}).encode()
    assert send_request(google.google, "/google/auth", query=query).status in {200, 400, 401}
    return send_request(google.google, "/google/auth", method="POST", query=query, body=form)


def redirect_parameters(answer: Answer) -> dict[str, str]:
    assert answer.status == 302, answer.content
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def exchange_code(google: GoogleClient, code: str, **changed: str) -> Answer:
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uri": REDIRECT}
    parameters = {"code": code, "code_verifier": VERIFIER, **client, **changed}
    return google.form(grant_type="authorization_code", **parameters)


def test_a_user_signs_in_and_grants_the_requested_scopes(google: GoogleClient) -> None:
    sent = redirect_parameters(signed_in(google))
    assert sent["state"] == "a b&c"
    answer = exchange_code(google, sent["code"])
    assert answer.body["scope"] == AUTH + API_SCOPES["meet"]
    google.tokens["meet", "them"] = answer.body["access_token"]
    assert google.get("meet", "/conferenceRecords", "them").body["conferenceRecords"]
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    again = google.form(grant_type="refresh_token", refresh_token=answer.body["refresh_token"], **client)
    assert again.status == 200
    assert error(exchange_code(google, sent["code"])) == (400, "invalid_grant")  # a code is valid once


def test_a_denial_returns_no_code_and_a_wrong_code_no_token(google: GoogleClient) -> None:
    assert redirect_parameters(signed_in(google, decision="deny"))["error"] == "access_denied"
    assert signed_in(google, client_id="another").status == 401
    assert signed_in(google, redirect_uri="https://elsewhere.example/").status == 400
    assert signed_in(google, scope=AUTH + "meetings.readonly").status == 400
    for changed in ({"code_verifier": "another"}, {"redirect_uri": "http://localhost:1/"}):
        assert exchange_code(google, redirect_parameters(signed_in(google))["code"], **changed).status == 400
    assert (
        exchange_code(google, redirect_parameters(signed_in(google))["code"], client_secret="wrong").status
        == 401
    )
    late = redirect_parameters(signed_in(google))["code"]
    google.clock.seconds += 601
    assert error(exchange_code(google, late)) == (400, "invalid_grant")


def test_an_oauth_client_file_has_both_urls(google: GoogleClient) -> None:
    options = google_client(client=True).google.options
    content = app.credentials("http://127.0.0.1:1", None, google.google._clock, options)
    assert content["installed"]["auth_uri"] == "http://127.0.0.1:1/google/auth"
    assert content["installed"]["token_uri"] == "http://127.0.0.1:1/google/token"
