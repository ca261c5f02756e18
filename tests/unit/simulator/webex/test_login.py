"""Tests the simulated Webex login: login page, PKCE, device grant, refreshing, and expiry of tokens."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

from harvester.simulator.webex.login import DEVICE_GRANT
from harvester.simulator.webex.options import WebexOptions
from harvester.simulator.webex.scopes import GRANTED
from harvester.simulator.webex.tokens import CLIENT_ID, CLIENT_SECRET, first_refresh_token
from tests.unit.simulator.clients import Answer, WebexClient, send_request, webex_client

REDIRECT = "http://127.0.0.1:6001/redirect"
SCOPE = "meeting:admin_schedule_read analytics:read_all"
BASIC = "Basic " + b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
VERIFIER = "a-verifier-of-at-least-forty-three-characters-~._0"
DAY = 86_400


@pytest.fixture(scope="module")
def webex() -> WebexClient:
    return webex_client()


def authorize(webex: WebexClient, *, method: str = "POST", decision: str = "allow", **changed: str) -> Answer:
    parameters = {
        "response_type": "code", "client_id": CLIENT_ID, "redirect_uri": REDIRECT, "scope": SCOPE, "state": "a b&c",
        **changed,
    }  # fmt: skip
    query = urlencode({name: values for name, values in parameters.items() if values})
    return send_request(
        webex.webex, "/webex/v1/authorize", method=method, query=query, body=f"decision={decision}".encode()
    )


def sent_back(answer: Answer) -> dict[str, str]:
    assert answer.status == 302
    position = urlsplit(answer.headers["location"])
    assert f"{position.scheme}://{position.netloc}{position.path}" == REDIRECT
    return dict(parse_qsl(position.query))


def exchange(webex: WebexClient, code: str, **more: str) -> Answer:
    return webex.form(
        "/access_token",
        **{"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, **more},
    )


def refresh(webex: WebexClient, token: str, **more: Any) -> Answer:
    return webex.form("/access_token", **{"grant_type": "refresh_token", "refresh_token": token, **more})


def first(webex: WebexClient) -> str:
    return first_refresh_token(7, webex.webex.options)


def test_the_login_page_redirects_with_code_and_state(webex: WebexClient) -> None:
    page = authorize(webex, method="GET")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assert b'<form method="post"' in page.content
    redirect = sent_back(authorize(webex))
    assert redirect["state"] == "a b&c"
    tokens = exchange(webex, redirect["code"]).body
    assert tokens["scope"].split() == sorted(SCOPE.split(), reverse=True)
    assert tokens["expires_in"] == 14 * DAY - 1
    assert tokens["refresh_token_expires_in"] == 90 * DAY - 1
    webex.token, kept = tokens["access_token"], webex.token
    assert webex.get("/meetings", meetingType="meeting").status == 200
    assert webex.get("/people/me").status == 403  # that scope was not requested
    webex.token = kept


def test_a_denial_redirects_without_a_code(webex: WebexClient) -> None:
    assert sent_back(authorize(webex, decision="deny")) == {"error": "access_denied", "state": "a b&c"}


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "analytics:write_all"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": "x", "code_challenge_method": "MD5"}, "invalid_request"),
    ],
)
def test_an_invalid_request_redirects_with_an_error(
    webex: WebexClient, changed: dict[str, str], error: str
) -> None:
    assert sent_back(authorize(webex, **changed))["error"] == error


@pytest.mark.parametrize("changed", [{"client_id": "C1"}, {"redirect_uri": "https://elsewhere.example.org/"}])
def test_an_unregistered_redirect_uri_is_refused(webex: WebexClient, changed: dict[str, str]) -> None:
    assert authorize(webex, **changed).status == 400


def test_a_code_is_valid_once_for_five_minutes_and_its_redirect_uri(webex: WebexClient) -> None:
    code = sent_back(authorize(webex))["code"]
    assert exchange(webex, code).status == 200
    assert exchange(webex, code).status == 400
    assert exchange(webex, sent_back(authorize(webex))["code"], redirect_uri=REDIRECT + "/").status == 400
    late = sent_back(authorize(webex))["code"]
    webex.clock.seconds += 301
    assert exchange(webex, late).status == 400


@pytest.mark.parametrize("method", ["S256", "plain"])
def test_a_challenge_requires_its_verifier_and_the_client_secret(webex: WebexClient, method: str) -> None:
    hashed = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
    challenge = {"code_challenge": hashed if method == "S256" else VERIFIER, "code_challenge_method": method}

    def code() -> str:
        return sent_back(authorize(webex, **challenge))["code"]

    assert exchange(webex, code()).status == 400
    assert exchange(webex, code(), code_verifier=VERIFIER[::-1]).status == 400
    assert exchange(webex, code(), code_verifier=VERIFIER, client_secret="").status == 401
    assert exchange(webex, code(), code_verifier=VERIFIER).status == 200


def test_the_client_authenticates_in_the_body_or_by_basic(webex: WebexClient) -> None:
    assert refresh(webex, first(webex)).status == 200
    assert refresh(webex, first(webex), secret=False, headers={"authorization": BASIC}).status == 200
    assert refresh(webex, first(webex), secret=False).status == 401
    assert refresh(webex, first(webex), headers={"content-type": "application/json"}).status == 415


def test_a_refresh_may_return_no_new_or_the_same_refresh_token_and_the_old_one_stays_valid() -> None:
    webex = webex_client()
    bodies = [refresh(webex, first(webex)).body for _ in range(6)]
    kinds = [body.get("refresh_token") for body in bodies]
    assert None in kinds
    assert first(webex) in kinds
    assert set(kinds) - {None, first(webex)}
    assert len({body["access_token"] for body in bodies}) == 6
    assert {"token_type" in body for body in bodies} == {True, False}
    assert {body["expires_in"] for body in bodies} == {14 * DAY - 1}


def test_with_strict_tokens_the_old_refresh_token_is_revoked() -> None:
    webex = webex_client(strict_tokens=True)
    webex.clock.seconds = 30
    other = refresh(webex, first(webex)).body["refresh_token"]
    assert other != first(webex)
    webex.clock.seconds = 61
    assert refresh(webex, first(webex)).status == 400
    assert refresh(webex, other).status == 200


def test_a_refused_refresh_returns_invalid_grant_in_one_of_two_forms(webex: WebexClient) -> None:
    bodies = [refresh(webex, "made-up").body for _ in range(2)]
    flat = next(body for body in bodies if "error" in body)
    full = next(body for body in bodies if "errors" in body)
    assert flat["error"] == "invalid_grant"
    assert "invalid_grant" in [error["description"] for error in full["errors"]]
    assert full["trackingId"]


def test_access_and_refresh_tokens_are_not_interchangeable(webex: WebexClient) -> None:
    assert refresh(webex, webex.token).status == 400
    assert (
        send_request(webex.webex, "/webex/v1/meetings", authorization=f"Bearer {first(webex)}").status == 401
    )


def test_access_tokens_live_14_days_and_unused_refresh_tokens_90() -> None:
    webex = webex_client()
    webex.clock.seconds = 14 * DAY - 60
    assert webex.get("/people/me").status == 200
    assert webex.get("/authorizations/tokenExpiry").body["exp"] / 1000 == pytest.approx(
        webex.webex.account.organisation.now / 1000 + 14 * DAY, abs=1
    )
    webex.clock.seconds = 14 * DAY
    assert webex.get("/people/me").status == 401
    for day in (80, 160, 240):  # a used refresh token lives longer
        webex.clock.seconds = day * DAY
        webex.renew()
    webex.clock.seconds = 331 * DAY
    assert refresh(webex, first(webex)).status == 400


def test_speed_shortens_token_lifetimes_and_the_calendar_counts() -> None:
    assert refresh(webex_client(later=timedelta(days=89)), first(webex_client())).status == 200
    fast = webex_client(speed=100)
    fast.clock.seconds = 0.15 * DAY
    assert fast.get("/people/me").status == 401
    old = webex_client()
    with pytest.raises(KeyError):
        webex_client(later=timedelta(days=91))
    assert old.token


def test_a_restarted_simulator_accepts_earlier_tokens(webex: WebexClient) -> None:
    again = webex_client(later=timedelta(days=1))
    again.token = refresh(webex_client(), first(webex)).body["access_token"]
    assert again.get("/people/me").status == 200


def test_an_account_has_at_most_750_active_tokens() -> None:
    webex = webex_client()
    statuses = [refresh(webex, first(webex)).status for _ in range(750)]
    assert statuses == [200] * 749 + [400]
    assert webex.webex.traffic()["tokens"]["active"] == 750


def test_unknown_scopes_are_a_value_error() -> None:
    with pytest.raises(ValueError, match="meeting:elephants"):
        first_refresh_token(1, WebexOptions(scopes=[*GRANTED, "meeting:elephants"]))


def device(webex: WebexClient) -> dict[str, Any]:
    codes: dict[str, Any] = webex.form(
        "/device/authorize", secret=False, client_id=CLIENT_ID, scope=SCOPE
    ).body
    return codes


def poll(webex: WebexClient, codes: dict[str, Any], seconds: float = 2.5) -> Answer:
    webex.clock.seconds += seconds
    parameters = {"grant_type": DEVICE_GRANT, "device_code": codes["device_code"], "client_id": CLIENT_ID}
    return webex.form("/device/token", secret=False, headers={"authorization": BASIC}, **parameters)


def activate(webex: WebexClient, codes: dict[str, Any], decision: str) -> Answer:
    url = urlsplit(codes["verification_uri_complete"])
    code = parse_qs(url.query)["userCode"][0]
    assert code == codes["user_code"]
    assert b"<form" in send_request(webex.webex, url.path, query=url.query).content
    body = urlencode({"userCode": code, "decision": decision}).encode()
    return send_request(webex.webex, url.path, method="POST", body=body)


def test_a_device_gets_428_until_the_user_has_signed_in(webex: WebexClient) -> None:
    codes = device(webex)
    assert (len(codes["user_code"]), codes["expires_in"], codes["interval"]) == (6, 300, 2)
    assert poll(webex, codes).status == 428
    too_fast = [poll(webex, codes, 0.5) for _ in range(2)]
    assert [answer.status for answer in too_fast] == [400, 400]
    assert any(b"slow_down" in answer.content for answer in too_fast)
    assert activate(webex, codes, "allow").status == 200
    assert poll(webex, codes).body["access_token"]
    assert poll(webex, codes).status == 400  # it is valid once


def test_a_device_may_be_denied_and_its_code_expires_after_five_minutes(webex: WebexClient) -> None:
    denied, forgotten = device(webex), device(webex)
    activate(webex, denied, "deny")
    assert b"access_denied" in poll(webex, denied).content
    assert poll(webex, forgotten, 301).status == 400
    assert webex.form("/device/authorize", client_id=CLIENT_ID, scope="").status == 400
