"""Google's token endpoint: who gets a token for whom, for what, and for how long."""

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

from harvester.simulator.google_meet import keys, service
from harvester.simulator.google_meet.account import Account
from harvester.simulator.google_meet.consent import CLIENT_ID, CLIENT_SECRET
from harvester.simulator.google_meet.door import AUTH
from harvester.simulator.google_meet.tokens import AUDIENCE, authorized_user
from harvester.simulator.organisation import Person
from tests.unit.simulator.client import ACTIVITIES, API_SCOPES, Answered, Googled, ask, googled

REPORTS = AUTH + API_SCOPES["reports"]


@pytest.fixture
def google() -> Googled:
    return googled()


def somebody(google: Googled, standing: str) -> Person:
    return next(p for p in google.google.account.organisation.people if p.standing == standing)


def error(answer: Answered) -> tuple[int, str]:
    return answer.status, answer.body["error"]


def test_a_service_account_gets_a_token_for_an_hour(google: Googled) -> None:
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


def test_another_key_an_altered_text_and_no_jwt_are_refused(google: Googled) -> None:
    other = rsa.generate_private_key(65_537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = crypt.RSASigner.from_string(other, keys.KEY_ID)
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
def test_claims_that_are_wrong_are_an_invalid_grant(google: Googled, claims: dict[str, Any]) -> None:
    assert error(google.asserted(**{"sub": google.admin, **claims})) == (400, "invalid_grant")


def test_the_endpoint_itself_may_be_the_audience(google: Googled) -> None:
    assert google.asserted(sub=google.admin, aud=AUDIENCE).status == 200
    assert google.asserted(sub=google.admin, aud="http://sim.example.org/google/token").status == 200


def test_nobody_acts_for_the_suspended_and_the_departed(google: Googled) -> None:
    for standing in ("inactive", "departed"):
        assert error(google.asserted(sub=somebody(google, standing).email)) == (400, "invalid_grant")
    unknown = google.asserted(sub=somebody(google, "departed").email)
    assert unknown.body["error_description"] == "Invalid email or User ID"


def test_a_scope_outside_the_delegation_refuses_all_of_them() -> None:
    google = googled(without=("reports",))
    both = f"{REPORTS} {AUTH}{API_SCOPES['meet']}"
    assert error(google.asserted(sub=google.admin, scope=both)) == (401, "unauthorized_client")
    assert google.asserted(sub=google.admin, scope=AUTH + API_SCOPES["meet"]).status == 200
    assert error(google.asserted(sub=google.admin, scope=AUTH + "meetings.readonly")) == (
        400,
        "invalid_scope",
    )


def test_a_service_account_by_itself_sees_nothing(google: Googled) -> None:
    assert google.get("meet", "/conferenceRecords", None).body == {}
    assert google.get("directory", "/users", None, customer="my_customer").status == 403


def test_a_saved_token_is_renewed_for_its_user() -> None:
    google = googled(user=True)
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


def test_the_file_of_the_service_account_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    content = service.credentials(
        "http://127.0.0.1:1", None, googled().google._calendar, googled().google.terms
    )
    keys.write(path, content)
    keys.write(path, content)
    assert path.stat().st_mode & 0o777 == 0o600
    told = json.loads(path.read_text())
    assert (told["type"], told["token_uri"]) == ("service_account", "http://127.0.0.1:1/google/token")
    assert [file.name for file in tmp_path.iterdir()] == ["credentials.json"]
    assert crypt.RSASigner.from_service_account_info(told).key_id == keys.KEY_ID


def test_a_user_s_file_is_told_apart_from_a_service_account_s(google: Googled) -> None:
    account = Account(google.google.account.organisation)
    user = service.credentials(
        "http://127.0.0.1:1", account, google.google._calendar, googled(user=True).google.terms
    )
    assert "type" not in user
    assert user.keys() >= {"refresh_token", "client_id", "client_secret", "token_uri"}
    assert user == authorized_user(
        user["refresh_token"], "http://127.0.0.1:1/google/token", frozenset(user["scopes"])
    )


VERIFIER = "a-verifier-of-at-least-forty-three-characters-~._0"
REDIRECT = "http://localhost:6001/"


def signed_in(google: Googled, *, decision: str = "allow", **changed: str) -> Answered:
    challenge = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
    asked = {
        "response_type": "code", "client_id": CLIENT_ID, "redirect_uri": REDIRECT, "state": "a b&c",
        "scope": AUTH + API_SCOPES["meet"], "code_challenge": challenge, "code_challenge_method": "S256", **changed,
    }  # fmt: skip
    query, form = urlencode(asked), urlencode({"decision": decision}).encode()
    assert ask(google.google, "/google/auth", query=query).status in {200, 400, 401}
    return ask(google.google, "/google/auth", method="POST", query=query, body=form)


def told(answer: Answered) -> dict[str, str]:
    assert answer.status == 302, answer.content
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def exchanged(google: Googled, code: str, **changed: str) -> Answered:
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uri": REDIRECT}
    asked = {"code": code, "code_verifier": VERIFIER, **client, **changed}
    return google.form(grant_type="authorization_code", **asked)


def test_somebody_signs_in_and_allows_what_is_asked_for(google: Googled) -> None:
    sent = told(signed_in(google))
    assert sent["state"] == "a b&c"
    answer = exchanged(google, sent["code"])
    assert answer.body["scope"] == AUTH + API_SCOPES["meet"]
    google.tokens["meet", "them"] = answer.body["access_token"]
    assert google.get("meet", "/conferenceRecords", "them").body["conferenceRecords"]
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    again = google.form(grant_type="refresh_token", refresh_token=answer.body["refresh_token"], **client)
    assert again.status == 200
    assert error(exchanged(google, sent["code"])) == (400, "invalid_grant")  # a code is good once


def test_who_denies_gives_no_code_and_what_is_wrong_gets_no_token(google: Googled) -> None:
    assert told(signed_in(google, decision="deny"))["error"] == "access_denied"
    assert signed_in(google, client_id="another").status == 401
    assert signed_in(google, redirect_uri="https://elsewhere.example/").status == 400
    assert signed_in(google, scope=AUTH + "meetings.readonly").status == 400
    for changed in ({"code_verifier": "another"}, {"redirect_uri": "http://localhost:1/"}):
        assert exchanged(google, told(signed_in(google))["code"], **changed).status == 400
    assert exchanged(google, told(signed_in(google))["code"], client_secret="wrong").status == 401
    late = told(signed_in(google))["code"]
    google.clock.seconds += 601
    assert error(exchanged(google, late)) == (400, "invalid_grant")


def test_the_file_of_an_oauth_client_names_both_addresses(google: Googled) -> None:
    terms = googled(client=True).google.terms
    content = service.credentials("http://127.0.0.1:1", None, google.google._calendar, terms)
    assert content["installed"]["auth_uri"] == "http://127.0.0.1:1/google/auth"
    assert content["installed"]["token_uri"] == "http://127.0.0.1:1/google/token"
