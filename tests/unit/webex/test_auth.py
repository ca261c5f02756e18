from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import responses

from connectors.base import Token
from connectors.errors import (
    BrokenResponse,
    ConfigurationError,
    CredentialsError,
    HarvestError,
    OutputError,
    VendorError,
)
from connectors.response_decisions import BLOCKED_ATTEMPTS
from connectors.webex import Webex
from connectors.webex.auth import ADOPTED, STORED_NAME, WebexOAuth
from harvester.state.quotas_and_tokens import AccountState
from tests.unit.fake_context import NOW, FakeContext, MemoryTokens
from tests.unit.webex.fake_api import API, DAY, Account, items, settings

Build = Callable[..., Webex]


@pytest.fixture
def auth(context: FakeContext) -> WebexOAuth:
    return WebexOAuth(settings(), API, context)


def kept(context: FakeContext) -> Token:
    token = context.tokens.read(STORED_NAME)
    assert token is not None
    return token


def login(access: str = "login", days: float = 10, **more: Any) -> Token:
    given = {
        "refresh": "refresh-of-login",
        "refresh_expires_at": NOW + timedelta(days=80),
        "scope": "s",
        **more,
    }
    return Token(access=access, expires_at=NOW + timedelta(days=days), **given)


def test_the_first_pair_comes_from_the_refresh_token_of_the_settings(
    auth: WebexOAuth, account: Account, context: FakeContext
) -> None:
    account.gives_tokens(scope="a b")
    assert auth.header() == "Bearer access-1"
    assert account.refreshed == [
        {
            "grant_type": "refresh_token",
            "client_id": "client-1",
            "client_secret": "invented-secret",
            "refresh_token": "invented-refresh",
        }
    ]
    token = kept(context)
    assert (token.refresh, token.scope) == ("refresh-1", "a b")
    assert token.expires_at == NOW + timedelta(seconds=1209599)
    assert token.refresh_expires_at == NOW + timedelta(seconds=7775999)


def test_a_token_is_refreshed_once_for_many_threads_before_it_expires(
    auth: WebexOAuth, account: Account, context: FakeContext
) -> None:
    account.gives_tokens()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: auth.header(), range(50))) == {"Bearer access-1"}
    context.seconds += 1209599 - 299
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: auth.header(), range(50))) == {"Bearer access-2"}
    assert [sent["refresh_token"] for sent in account.refreshed] == ["invented-refresh", "refresh-1"]


def test_another_run_uses_the_stored_pair_without_a_request(
    auth: WebexOAuth, account: Account, context: FakeContext
) -> None:
    account.gives_tokens()
    auth.header()
    assert WebexOAuth(settings(), API, context).header() == "Bearer access-1"
    assert WebexOAuth(settings(WEBEX_REFRESH_TOKEN=""), API, context).header() == "Bearer access-1"


def test_after_a_login_no_refresh_token_is_needed_in_the_settings(
    context: FakeContext, account: Account
) -> None:
    account.gives_tokens()
    context.tokens.write(STORED_NAME, login())
    assert WebexOAuth(settings(WEBEX_REFRESH_TOKEN=""), API, context).header() == "Bearer login"
    context.seconds += 11 * 86_400
    assert WebexOAuth(settings(WEBEX_REFRESH_TOKEN=""), API, context).header() == "Bearer access-1"
    assert account.refreshed[0]["refresh_token"] == "refresh-of-login"


def test_a_changed_refresh_token_in_the_settings_wins_over_the_stored_one(
    auth: WebexOAuth, account: Account, context: FakeContext
) -> None:
    account.gives_tokens()
    auth.header()
    assert WebexOAuth(settings(WEBEX_REFRESH_TOKEN="a new one"), API, context).header() == "Bearer access-2"
    assert account.refreshed[1]["refresh_token"] == "a new one"
    assert "a new one" not in str(context.facts)


def test_a_login_after_the_settings_token_was_used_wins_over_it(
    auth: WebexOAuth, account: Account, context: FakeContext
) -> None:
    account.gives_tokens()
    auth.header()
    context.tokens.write(STORED_NAME, login())
    assert WebexOAuth(settings(), API, context).header() == "Bearer login"


def test_a_response_without_a_refresh_token_keeps_the_old_one(
    auth: WebexOAuth, account: Account, context: FakeContext
) -> None:
    account.gives_tokens(refresh_token=None, refresh_token_expires_in=None, scope=None, expires_in=None)
    context.tokens.write(STORED_NAME, login(days=-1))
    context.set_fact(ADOPTED, "another")
    WebexOAuth(settings(WEBEX_REFRESH_TOKEN=""), API, context).header()
    token = kept(context)
    assert (token.refresh, token.scope) == ("refresh-of-login", "s")
    assert token.refresh_expires_at == NOW + timedelta(days=80)
    assert token.expires_at == NOW + timedelta(days=14)


def test_the_pair_is_stored_before_it_is_used(
    auth: WebexOAuth, account: Account, context: FakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_name: str, _token: Token) -> None:
        raise OutputError("the disk is full")

    account.gives_tokens()
    monkeypatch.setattr(context.tokens, "write", full)
    with pytest.raises(OutputError):
        auth.header()
    with pytest.raises(OutputError):
        auth.header()
    assert context.facts == {}


class Dead(BaseException):
    """The machine is off."""


class Mortal(MemoryTokens):
    def __init__(self) -> None:
        super().__init__()
        self.dies = False

    def write(self, name: str, token: Token) -> None:
        if self.dies:
            raise Dead
        super().write(name, token)


@pytest.mark.parametrize("rotates", [True, False])
def test_after_a_crash_before_the_pair_is_stored_the_next_run_works_or_says_how_to_log_in(
    account: Account, context: FakeContext, rotates: bool
) -> None:
    context.tokens = Mortal()
    account.gives_tokens()
    WebexOAuth(settings(), API, context).header()
    context.seconds += 14 * 86_400
    context.tokens.dies = True
    with suppress(Dead):
        WebexOAuth(settings(), API, context).header()
    context.tokens.dies = False
    if not rotates:
        assert WebexOAuth(settings(), API, context).header() == "Bearer access-3"
        return
    account.refuses_tokens(400, '{"error": "invalid_grant"}')
    with pytest.raises(CredentialsError, match="harvester login webex"):
        WebexOAuth(settings(), API, context).header()
    assert kept(context).refresh == "refresh-1", "nothing is given up"


def test_a_refused_setting_does_not_replace_the_login(account: Account, context: FakeContext) -> None:
    context.tokens.write(STORED_NAME, login(days=-1))
    account.gives_tokens()
    answer = account.http.registered()[-1].callback  # type: ignore[attr-defined]  # a member that the stub does not declare

    def picky(request: Any) -> tuple[int, dict[str, str], str]:
        if "refresh-of-login" in str(request.body):
            return answer(request)
        return 400, {}, '{"message": "invalid refresh token"}'

    account._token(callback=picky)
    assert WebexOAuth(settings(), API, context).header() == "Bearer access-1"
    assert any("another still works" in notice for notice in context.notices)
    assert WebexOAuth(settings(), API, context).header() == "Bearer access-1", "and is tried once only"


def test_two_processes_make_one_refresh(account: Account, tmp_path: Path) -> None:
    account.gives_tokens()
    states = [AccountState(tmp_path, lambda: NOW) for _ in range(2)]
    auths = []
    for state in states:
        context = FakeContext()
        context.tokens = state  # type: ignore[assignment]  # the test replaces it
        context.get_fact, context.set_fact = state.get_fact, state.set_fact  # type: ignore[method-assign]  # the test replaces the method
        auths.append(WebexOAuth(settings(), API, context))
    barrier = threading.Barrier(2)

    def begin(auth: WebexOAuth) -> str:
        barrier.wait()
        return auth.header()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(begin, auths)) == ["Bearer access-1"] * 2
    assert len(account.refreshed) == 1
    for state in states:
        state.close()


def test_a_refused_access_token_is_replaced_by_the_stored_one_of_another_run(
    auth: WebexOAuth, account: Account, context: FakeContext
) -> None:
    account.gives_tokens()
    refused = auth.header()
    context.tokens.write(STORED_NAME, login())
    auth.renew(refused)
    assert auth.header() == "Bearer login"
    auth.renew(refused)  # a thread that comes late with the same refusal
    assert auth.header() == "Bearer login"
    auth.renew("Bearer login")
    assert auth.header() == "Bearer access-2"


def test_a_token_of_a_minute_is_used_for_half_its_lifetime(
    auth: WebexOAuth, account: Account, context: FakeContext
) -> None:
    account.gives_tokens(expires_in=60)
    auth.header()
    context.seconds += 29
    assert auth.header() == "Bearer access-1"
    context.seconds += 2
    assert auth.header() == "Bearer access-2"


@pytest.mark.parametrize("odd", [None, "", "soon", -1, 10**12, "nan"])
def test_odd_lifetimes_count_as_the_documented_ones(
    auth: WebexOAuth, account: Account, context: FakeContext, odd: object
) -> None:
    account.gives_tokens(expires_in=odd, refresh_token_expires_in=odd)
    auth.header()
    assert kept(context).expires_at == NOW + timedelta(days=14)
    assert kept(context).refresh_expires_at is None
    assert auth.refresh_token_days() is None


def test_it_warns_once_with_the_day_if_the_login_ends_within_fourteen_days(
    account: Account, context: FakeContext
) -> None:
    context.tokens.write(STORED_NAME, login(refresh_expires_at=NOW + timedelta(days=13, hours=1)))
    auth = WebexOAuth(settings(WEBEX_REFRESH_TOKEN=""), API, context)
    auth.header()
    auth.header()
    (notice,) = context.notices
    assert "ends in 13 days, on 2026-12-04" in notice
    assert "harvester login webex" in notice
    assert auth.refresh_token_days() == 13


def test_it_does_not_warn_if_the_login_ends_later(account: Account, context: FakeContext) -> None:
    context.tokens.write(STORED_NAME, login())
    WebexOAuth(settings(WEBEX_REFRESH_TOKEN=""), API, context).header()
    assert context.notices == []


def test_an_access_token_without_a_client_is_used_and_never_renewed(
    account: Account, context: FakeContext
) -> None:
    lone = settings(
        WEBEX_ACCESS_TOKEN="mine", WEBEX_CLIENT_ID="", WEBEX_CLIENT_SECRET="", WEBEX_REFRESH_TOKEN=""
    )
    context.tokens.write(STORED_NAME, login())
    auth = WebexOAuth(lone, API, context)
    assert auth.header() == "Bearer mine"
    with pytest.raises(CredentialsError, match="WEBEX_ACCESS_TOKEN is refused") as refused:
        auth.renew("Bearer mine")
    assert "harvester login webex" in str(refused.value)
    assert account.refreshed == []


def test_the_access_token_of_the_settings_is_used_until_a_login(
    account: Account, context: FakeContext
) -> None:
    given = settings(WEBEX_ACCESS_TOKEN="mine", WEBEX_REFRESH_TOKEN="")
    assert WebexOAuth(given, API, context).header() == "Bearer mine"
    context.tokens.write(STORED_NAME, login())
    assert WebexOAuth(given, API, context).header() == "Bearer login"


def test_without_any_token_the_error_says_how_to_log_in(context: FakeContext) -> None:
    with pytest.raises(CredentialsError, match="not logged in"):
        WebexOAuth(settings(WEBEX_REFRESH_TOKEN=""), API, context).header()


def test_a_missing_setting_is_named_unless_there_is_an_access_token(context: FakeContext) -> None:
    with pytest.raises(ConfigurationError, match="WEBEX_CLIENT_ID, WEBEX_CLIENT_SECRET"):
        Webex(settings(WEBEX_CLIENT_ID="", WEBEX_CLIENT_SECRET=""), context)
    Webex(settings(WEBEX_CLIENT_ID="", WEBEX_CLIENT_SECRET="", WEBEX_ACCESS_TOKEN="mine"), context)


@pytest.mark.parametrize(
    ("status", "body", "named"),
    [
        (400, '{"error": "invalid_grant"}', "harvester login webex"),
        (401, '{"message": "The refresh token is revoked", "trackingId": "T"}', "harvester login webex"),
        (400, '{"errors": [{"description": "invalid_grant: client mismatch"}]}', "harvester login webex"),
        (400, "<html>no</html>", "harvester login webex"),
        (401, "", "harvester login webex"),
        (403, '{"message": "no", "trackingId": "T"}', "harvester login webex"),
        (401, '{"error": "invalid_client"}', "WEBEX_CLIENT_SECRET"),
        (400, '{"message": "Client authentication failed"}', "WEBEX_CLIENT_ID"),
    ],
)
def test_a_refusal_says_what_to_do_and_names_no_value(
    auth: WebexOAuth, account: Account, status: int, body: str, named: str
) -> None:
    account.refuses_tokens(status, body)
    with pytest.raises(CredentialsError, match=named) as refused:
        auth.header()
    assert not any(value in str(refused.value) for value in ("invented", "client-1"))


@pytest.mark.parametrize("body", ["<html>blocked</html>", '{"message": "Forbidden"}', "[]", ""])
def test_a_403_of_a_gateway_refuses_no_credentials(auth: WebexOAuth, account: Account, body: str) -> None:
    account.refuses_tokens(403, body)
    with pytest.raises(BrokenResponse, match="proxy or firewall"):
        auth.header()
    assert len(account.http.calls) == BLOCKED_ATTEMPTS


def test_a_missing_token_endpoint_names_the_setting(auth: WebexOAuth, account: Account) -> None:
    account.refuses_tokens(404, "")
    with pytest.raises(ConfigurationError, match="WEBEX_API_URL"):
        auth.header()


@pytest.mark.parametrize("body", ["{}", '{"access_token": ""}', '{"access_token": "a\\nb"}', "[1]"])
def test_a_response_without_a_token_is_an_error(auth: WebexOAuth, account: Account, body: str) -> None:
    account.refuses_tokens(200, body)
    with pytest.raises(BrokenResponse):
        auth.header()


@pytest.mark.parametrize("status", [429, 500, 503, 403])
def test_a_server_error_is_retried(
    auth: WebexOAuth, account: Account, http: responses.RequestsMock, status: int
) -> None:
    account.refuses_tokens(status, "<html>")
    with pytest.raises(HarvestError) as refused:
        auth.header()
    assert isinstance(refused.value, VendorError)


def test_a_401_renews_the_token_once(webex: Build, account: Account) -> None:
    connector = webex()
    account.then("/meetings", (401, {"message": "x"}), (200, items()))
    assert list(connector.meetings(DAY)) == []
    assert len(account.refreshed) == 2
