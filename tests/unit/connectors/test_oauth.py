from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.base import Token
from connectors.oauth import (
    DEVICE_GRANT,
    TokenCache,
    authorization_url,
    basic_authorization,
    bearer,
    lifetime,
    parse_token,
    text_field,
    token_request,
)
from tests.unit.fake_context import NOW, FakeContext

HOUR = timedelta(hours=1)


class NumberedTokens(TokenCache):
    """Requests `token-1`, `token-2` and so on; `name`: where they are stored, if anywhere."""

    def __init__(self, context: FakeContext, *, life: float = 3600, name: str = "") -> None:
        super().__init__(context, early_seconds=60)
        self.life = life
        self.name = name
        self.rejected: list[str | None] = []
        self.stored: list[Token | None] = []

    def obtain(self, rejected: str | None) -> Token:
        self.rejected.append(rejected)
        return self.stored_or_new(self.name, rejected, self.request) if self.name else self.request(None)

    def request(self, stored: Token | None) -> Token:
        self.stored.append(stored)
        expires_at = self._context.now() + timedelta(seconds=self.life)
        return Token(access=f"token-{len(self.stored)}", expires_at=expires_at)


def test_many_threads_share_one_token(context: FakeContext) -> None:
    cache = NumberedTokens(context)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: cache.header(), range(50))) == {"Bearer token-1"}
    assert cache.rejected == [None]


def test_a_token_is_replaced_shortly_before_it_expires(context: FakeContext) -> None:
    cache = NumberedTokens(context)
    cache.header()
    context.seconds += 3600 - 61
    assert cache.header() == "Bearer token-1"
    context.seconds += 1
    assert cache.header() == "Bearer token-2"


def test_a_short_lived_token_is_used_for_half_its_lifetime(context: FakeContext) -> None:
    cache = NumberedTokens(context, life=20)
    cache.header()
    context.seconds += 9
    assert cache.header() == "Bearer token-1"
    context.seconds += 1
    assert cache.header() == "Bearer token-2"


def test_a_refused_token_is_renewed_once_for_all_threads(context: FakeContext) -> None:
    cache = NumberedTokens(context)
    refused = cache.header()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: cache.renew(refused), range(20)))
    assert cache.header() == "Bearer token-2"
    assert cache.rejected == [None, refused]


def test_a_new_token_is_requested_and_kept_although_the_present_one_is_good(context: FakeContext) -> None:
    context.tokens.write("a", Token(access="stored", expires_at=NOW + HOUR))
    cache = NumberedTokens(context, name="a")
    assert cache.token().access == "stored"
    fresh = cache.request_new()
    assert fresh.access != "stored"
    assert cache.token() is fresh
    assert context.tokens.read("a") is fresh


def test_a_stored_token_is_used_unless_it_expires_soon_or_was_rejected(context: FakeContext) -> None:
    stored = Token(access="stored", expires_at=NOW + HOUR)
    context.tokens.write("a", stored)
    assert NumberedTokens(context, name="a").token() is stored
    rejecting = NumberedTokens(context, name="a")
    rejecting.renew(bearer(stored))
    assert rejecting.header() == "Bearer token-1"
    context.tokens.write("a", Token(access="stored", expires_at=NOW + timedelta(seconds=60)))
    assert NumberedTokens(context, name="a").header() == "Bearer token-1"


def test_a_new_token_is_stored_and_requested_with_the_old_one(context: FakeContext) -> None:
    expired = Token(access="old", expires_at=NOW, refresh="r")
    context.tokens.write("a", expired)
    cache = NumberedTokens(context, name="a")
    assert context.tokens.read("a") is expired
    assert cache.token() is context.tokens.read("a")
    assert cache.stored == [expired]


def test_a_token_request_is_a_form() -> None:
    body = token_request(DEVICE_GRANT, client_id="c 1", client_secret="s&+ä", code_verifier="v", scope="a b")
    assert {name: values[0] for name, values in parse_qs(body.decode("ascii")).items()} == {
        "grant_type": DEVICE_GRANT,
        "client_id": "c 1",
        "client_secret": "s&+ä",
        "code_verifier": "v",
        "scope": "a b",
    }


@pytest.mark.parametrize("page", ["https://vendor.example/authorize", "http://127.0.0.1:8000/authorize"])
def test_an_authorization_url_requests_a_code_with_pkce(page: str) -> None:
    url = authorization_url(
        page,
        client_id="client",
        redirect_uri="http://127.0.0.1:8976/callback",
        scopes=("meeting:read", "a+b"),
        state="st ate",
        challenge="challenge",
        prompt="consent",
    )
    assert url.startswith(page + "?")
    assert "scope=meeting%3Aread%20a%2Bb&" in url
    assert {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()} == {
        "response_type": "code",
        "client_id": "client",
        "redirect_uri": "http://127.0.0.1:8976/callback",
        "scope": "meeting:read a+b",
        "state": "st ate",
        "code_challenge": "challenge",
        "code_challenge_method": "S256",
        "prompt": "consent",
    }


def test_basic_authorization_is_the_pair_in_base64() -> None:
    assert basic_authorization("id", "sécret") == "Basic " + base64.b64encode("id:sécret".encode()).decode()


def test_a_token_response_is_parsed() -> None:
    body = {
        "access_token": "a",
        "expires_in": "3599",
        "refresh_token": "r",
        "refresh_token_expires_in": 7200,
        "scope": "x y",
    }
    assert parse_token(body, NOW, default_life=HOUR) == Token(
        access="a",
        expires_at=NOW + timedelta(seconds=3599),
        refresh="r",
        refresh_expires_at=NOW + 2 * HOUR,
        scope="x y",
    )


def test_a_token_response_may_hold_the_access_token_only() -> None:
    assert parse_token({"access_token": "a"}, NOW, default_life=HOUR) == Token(
        access="a", expires_at=NOW + HOUR
    )


@pytest.mark.parametrize("odd", [None, "", "soon", 0, -1, 10**12, "nan", "inf", [], 10**400])
def test_an_odd_lifetime_is_not_believed(odd: Any) -> None:
    assert lifetime({"expires_in": odd}, "expires_in") is None


def test_a_lifetime_above_the_longest_is_not_believed() -> None:
    assert lifetime({"expires_in": 3600}, "expires_in", longest=HOUR) == HOUR
    assert lifetime({"expires_in": 3601}, "expires_in", longest=HOUR) is None


@pytest.mark.parametrize("odd", [None, 1, "", "a\nb", "ä", ["a"]])
def test_a_field_that_cannot_be_sent_in_a_header_is_none(odd: Any) -> None:
    assert text_field({"access_token": odd}, "access_token") is None
    assert text_field([odd], "access_token") is None
