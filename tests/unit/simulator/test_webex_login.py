"""Webex's tokens: the login page, PKCE, the device grant, what refreshing gives, and when it all ends."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

from harvester.simulator.webex.door import GRANTED, Terms
from harvester.simulator.webex.login import DEVICE_GRANT
from harvester.simulator.webex.tokens import CLIENT_ID, CLIENT_SECRET, first_refresh_token
from tests.unit.simulator.client import Answered, Webexed, ask, webexed

REDIRECT = "http://127.0.0.1:6001/redirect"
SCOPE = "meeting:admin_schedule_read analytics:read_all"
BASIC = "Basic " + b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
VERIFIER = "a-verifier-of-at-least-forty-three-characters-~._0"
DAY = 86_400


@pytest.fixture(scope="module")
def webex() -> Webexed:
    return webexed()


def authorize(webex: Webexed, *, method: str = "POST", decision: str = "allow", **changed: str) -> Answered:
    asked = {
        "response_type": "code", "client_id": CLIENT_ID, "redirect_uri": REDIRECT, "scope": SCOPE, "state": "a b&c",
        **changed,
    }  # fmt: skip
    query = urlencode({name: told for name, told in asked.items() if told})
    return ask(
        webex.webex, "/webex/v1/authorize", method=method, query=query, body=f"decision={decision}".encode()
    )


def sent_back(answer: Answered) -> dict[str, str]:
    assert answer.status == 302
    place = urlsplit(answer.headers["location"])
    assert f"{place.scheme}://{place.netloc}{place.path}" == REDIRECT
    return dict(parse_qsl(place.query))


def exchange(webex: Webexed, code: str, **more: str) -> Answered:
    return webex.form(
        "/access_token",
        **{"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, **more},
    )


def refresh(webex: Webexed, token: str, **more: Any) -> Answered:
    return webex.form("/access_token", **{"grant_type": "refresh_token", "refresh_token": token, **more})


def first(webex: Webexed) -> str:
    return first_refresh_token(7, webex.webex.terms)


def test_the_login_page_is_shown_and_sends_back_a_code_and_the_state(webex: Webexed) -> None:
    page = authorize(webex, method="GET")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assert b'<form method="post"' in page.content
    told = sent_back(authorize(webex))
    assert told["state"] == "a b&c"
    tokens = exchange(webex, told["code"]).body
    assert tokens["scope"].split() == sorted(SCOPE.split(), reverse=True)
    assert tokens["expires_in"] == 14 * DAY - 1
    assert tokens["refresh_token_expires_in"] == 90 * DAY - 1
    webex.token, kept = tokens["access_token"], webex.token
    assert webex.get("/meetings", meetingType="meeting").status == 200
    assert webex.get("/people/me").status == 403  # that scope was not asked for
    webex.token = kept


def test_whoever_denies_is_sent_back_without_a_code(webex: Webexed) -> None:
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
def test_what_is_asked_for_wrongly_is_sent_back_as_an_error(
    webex: Webexed, changed: dict[str, str], error: str
) -> None:
    assert sent_back(authorize(webex, **changed))["error"] == error


@pytest.mark.parametrize("changed", [{"client_id": "C1"}, {"redirect_uri": "https://elsewhere.example.org/"}])
def test_nobody_is_sent_to_where_they_are_not_known(webex: Webexed, changed: dict[str, str]) -> None:
    assert authorize(webex, **changed).status == 400


def test_a_code_is_good_once_for_five_minutes_and_for_its_redirect_uri(webex: Webexed) -> None:
    code = sent_back(authorize(webex))["code"]
    assert exchange(webex, code).status == 200
    assert exchange(webex, code).status == 400
    assert exchange(webex, sent_back(authorize(webex))["code"], redirect_uri=REDIRECT + "/").status == 400
    late = sent_back(authorize(webex))["code"]
    webex.clock.seconds += 301
    assert exchange(webex, late).status == 400


@pytest.mark.parametrize("method", ["S256", "plain"])
def test_a_challenge_wants_its_verifier_and_the_secret_all_the_same(webex: Webexed, method: str) -> None:
    hashed = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
    challenge = {"code_challenge": hashed if method == "S256" else VERIFIER, "code_challenge_method": method}

    def code() -> str:
        return sent_back(authorize(webex, **challenge))["code"]

    assert exchange(webex, code()).status == 400
    assert exchange(webex, code(), code_verifier=VERIFIER[::-1]).status == 400
    assert exchange(webex, code(), code_verifier=VERIFIER, client_secret="").status == 401
    assert exchange(webex, code(), code_verifier=VERIFIER).status == 200


def test_the_client_is_known_by_its_body_or_by_basic(webex: Webexed) -> None:
    assert refresh(webex, first(webex)).status == 200
    assert refresh(webex, first(webex), secret=False, headers={"authorization": BASIC}).status == 200
    assert refresh(webex, first(webex), secret=False).status == 401
    assert refresh(webex, first(webex), headers={"content-type": "application/json"}).status == 415


def test_a_refresh_gives_no_other_or_the_same_refresh_token_and_the_old_one_stays_good() -> None:
    webex = webexed()
    told = [refresh(webex, first(webex)).body for _ in range(6)]
    kinds = [body.get("refresh_token") for body in told]
    assert None in kinds
    assert first(webex) in kinds
    assert set(kinds) - {None, first(webex)}
    assert len({body["access_token"] for body in told}) == 6
    assert {"token_type" in body for body in told} == {True, False}
    assert {body["expires_in"] for body in told} == {14 * DAY - 1}


def test_where_terms_are_strict_the_old_refresh_token_dies() -> None:
    webex = webexed(strict_tokens=True)
    webex.clock.seconds = 30
    other = refresh(webex, first(webex)).body["refresh_token"]
    assert other != first(webex)
    webex.clock.seconds = 61
    assert refresh(webex, first(webex)).status == 400
    assert refresh(webex, other).status == 200


def test_a_refused_refresh_says_invalid_grant_in_one_of_two_shapes(webex: Webexed) -> None:
    bodies = [refresh(webex, "made-up").body for _ in range(2)]
    flat = next(body for body in bodies if "error" in body)
    full = next(body for body in bodies if "errors" in body)
    assert flat["error"] == "invalid_grant"
    assert "invalid_grant" in [error["description"] for error in full["errors"]]
    assert full["trackingId"]


def test_an_access_token_is_no_refresh_token_and_the_other_way_round(webex: Webexed) -> None:
    assert refresh(webex, webex.token).status == 400
    assert ask(webex.webex, "/webex/v1/meetings", authorization=f"Bearer {first(webex)}").status == 401


def test_access_ends_after_fourteen_days_and_refreshing_after_ninety_unused_ones() -> None:
    webex = webexed()
    webex.clock.seconds = 14 * DAY - 60
    assert webex.get("/people/me").status == 200
    assert webex.get("/authorizations/tokenExpiry").body["exp"] / 1000 == pytest.approx(
        webex.webex.account.organisation.now / 1000 + 14 * DAY, abs=1
    )
    webex.clock.seconds = 14 * DAY
    assert webex.get("/people/me").status == 401
    for day in (80, 160, 240):  # used, it lives on
        webex.clock.seconds = day * DAY
        webex.renew()
    webex.clock.seconds = 331 * DAY
    assert refresh(webex, first(webex)).status == 400


def test_speed_shortens_lives_and_the_calendar_counts() -> None:
    assert refresh(webexed(later=timedelta(days=89)), first(webexed())).status == 200
    fast = webexed(speed=100)
    fast.clock.seconds = 0.15 * DAY
    assert fast.get("/people/me").status == 401
    old = webexed()
    with pytest.raises(KeyError):
        webexed(later=timedelta(days=91))
    assert old.token


def test_a_simulator_that_was_started_again_knows_the_tokens_of_before(webex: Webexed) -> None:
    again = webexed(later=timedelta(days=1))
    again.token = refresh(webexed(), first(webex)).body["access_token"]
    assert again.get("/people/me").status == 200


def test_an_account_holds_750_tokens_at_once() -> None:
    webex = webexed()
    statuses = [refresh(webex, first(webex)).status for _ in range(750)]
    assert statuses == [200] * 749 + [400]
    assert webex.webex.traffic()["tokens"]["active"] == 750


def test_scopes_that_nobody_has_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="meeting:elephants"):
        first_refresh_token(1, Terms(scopes=[*GRANTED, "meeting:elephants"]))


def device(webex: Webexed) -> dict[str, Any]:
    told: dict[str, Any] = webex.form(
        "/device/authorize", secret=False, client_id=CLIENT_ID, scope=SCOPE
    ).body
    return told


def poll(webex: Webexed, told: dict[str, Any], seconds: float = 2.5) -> Answered:
    webex.clock.seconds += seconds
    asked = {"grant_type": DEVICE_GRANT, "device_code": told["device_code"], "client_id": CLIENT_ID}
    return webex.form("/device/token", secret=False, headers={"authorization": BASIC}, **asked)


def activate(webex: Webexed, told: dict[str, Any], decision: str) -> Answered:
    place = urlsplit(told["verification_uri_complete"])
    code = parse_qs(place.query)["userCode"][0]
    assert code == told["user_code"]
    assert b"<form" in ask(webex.webex, place.path, query=place.query).content
    body = urlencode({"userCode": code, "decision": decision}).encode()
    return ask(webex.webex, place.path, method="POST", body=body)


def test_a_device_waits_with_428_until_somebody_has_signed_in(webex: Webexed) -> None:
    told = device(webex)
    assert (len(told["user_code"]), told["expires_in"], told["interval"]) == (6, 300, 2)
    assert poll(webex, told).status == 428
    hurried = [poll(webex, told, 0.5) for _ in range(2)]
    assert [answer.status for answer in hurried] == [400, 400]
    assert any(b"slow_down" in answer.content for answer in hurried)
    assert activate(webex, told, "allow").status == 200
    assert poll(webex, told).body["access_token"]
    assert poll(webex, told).status == 400  # it is good once


def test_a_device_may_be_denied_and_waits_for_five_minutes_only(webex: Webexed) -> None:
    denied, forgotten = device(webex), device(webex)
    activate(webex, denied, "deny")
    assert b"access_denied" in poll(webex, denied).content
    assert poll(webex, forgotten, 301).status == 400
    assert webex.form("/device/authorize", client_id=CLIENT_ID, scope="").status == 400
