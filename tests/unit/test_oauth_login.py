"""Browser flow, device flow and the loopback server, and Webex's part in them."""

from __future__ import annotations

import http.client
import json
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

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
from connectors.oauth import DeviceCode, Login, LoginScope
from connectors.webex.auth import WebexOAuth
from connectors.webex.login import SCOPES, WebexLogin
from harvester.oauth_login import HOST, LoopbackServer, Pkce, run_browser_flow, run_device_flow
from harvester.state.account import AccountState
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


@dataclass
class Vendor:
    """A `Login` that notes what it was asked, and says what it is told to."""

    polls: list[Token | DeviceCode] = field(default_factory=list)
    redeemed: dict[str, str] = field(default_factory=dict)
    challenge: str = ""

    def authorization_url(self, *, redirect_uri: str, state: str, challenge: str) -> str:
        self.challenge = challenge
        return "https://vendor.example.org/?" + urlencode({"redirect_uri": redirect_uri, "state": state})

    def error_for(self, error: str) -> HarvestError:
        return CredentialsError(f"denied: {error == 'access_denied'}")

    def exchange_code(self, *, code: str, redirect_uri: str, verifier: str) -> Token:
        self.redeemed = {"code": code, "redirect_uri": redirect_uri, "verifier": verifier}
        return TOKEN

    def request_device_code(self) -> DeviceCode:
        return CODE

    def poll(self, code: DeviceCode) -> Token | DeviceCode:
        return self.polls.pop(0) if self.polls else code


def get(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Browser(threading.Thread):
    """Opens the address as soon as it is shown, and comes back with these queries, `{state}` filled in."""

    def __init__(self, port: int, *queries: str) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.queries = queries
        self.pages: list[tuple[int, str]] = []

    def show(self, address: str, _redirect_uri: str) -> None:
        self.state = parse_qs(urlsplit(address).query)["state"][0]
        self.start()

    def run(self) -> None:
        self.pages = [get(self.port, query.format(state=self.state)) for query in self.queries]


def browsed(*queries: str, timeout: float = 5.0) -> tuple[Vendor, Browser, Token | HarvestError]:
    vendor, browser = Vendor(), Browser(free_port(), *queries)
    ended: Token | HarvestError
    try:
        ended = run_browser_flow(
            as_login(vendor),
            port=browser.port,
            show=browser.show,
            timeout=timeout,
        )
    except HarvestError as error:
        ended = error
    browser.join(60)
    return vendor, browser, ended


def as_login(vendor: Vendor) -> Login:
    return vendor  # type: ignore[return-value]  # it is built otherwise, and keeps nothing


def test_the_challenge_is_the_one_of_the_example_in_rfc_7636() -> None:
    proof = Pkce(state="", verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert proof.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_every_login_has_its_own_verifier_and_state() -> None:
    one, two = Pkce.create(), Pkce.create()
    assert len({one.state, two.state, one.verifier, two.verifier}) == 4
    assert 43 <= len(one.verifier) <= 128


def test_the_code_of_the_callback_is_exchanged_with_the_verifier() -> None:
    vendor, browser, ended = browsed("/callback?code=c0de&state={state}")
    assert ended == TOKEN
    assert vendor.redeemed["code"] == "c0de"
    assert vendor.redeemed["redirect_uri"] == f"http://127.0.0.1:{browser.port}/callback"
    assert Pkce(state="", verifier=vendor.redeemed["verifier"]).challenge == vendor.challenge
    (page,) = browser.pages
    assert page[0] == 200
    assert "close this window" in page[1]


def test_a_callback_with_another_state_is_refused_and_the_right_one_still_awaited(
    caplog: pytest.LogCaptureFixture,
) -> None:
    vendor, browser, ended = browsed(
        "/callback?code=forged&state=other",
        "/callback?code=forged",
        "/callback?code=forged&state={state}&state=other",
        "/callback?code=c0de&code=forged&state={state}",
        "/callback?state={state}",
        "/callback?code=c0de&state={state}",
    )
    assert ended == TOKEN
    assert vendor.redeemed["code"] == "c0de"
    assert [status for status, _ in browser.pages] == [400] * 5 + [200]
    assert len(caplog.messages) == 5
    assert all("Refused" in message for message in caplog.messages)


def test_a_login_that_was_denied_says_so_in_the_vendors_words_for_it() -> None:
    _, browser, ended = browsed("/callback?error=access_denied&error_description=marked&state={state}")
    assert isinstance(ended, CredentialsError)
    assert str(ended) == "denied: True"
    assert "Not logged in" in browser.pages[0][1]


def test_an_error_without_state_is_reported_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    _, _, ended = browsed("/callback?error=access_denied", "/callback?code=c0de&state={state}")
    assert ended == TOKEN
    assert "Ctrl-C" in caplog.messages[0]


def test_other_paths_are_not_found() -> None:
    _, browser, ended = browsed(
        "/", "/favicon.ico", "/callback/x?code=c&state={state}", "//[", "/callback?code=c0de&state={state}"
    )
    assert ended == TOKEN
    assert [status for status, _ in browser.pages] == [404, 404, 404, 404, 200]


def test_only_get_is_answered() -> None:
    with LoopbackServer(0, "state") as listener, listener.listening():
        assert get(listener.server_address[1], "/callback?code=c&state=state", "POST")[0] == 501
        assert listener.wait(0) is None


def test_the_first_answer_is_the_one_that_counts() -> None:
    with LoopbackServer(0, "state") as listener, listener.listening():
        for code in ("first", "second"):
            get(listener.server_address[1], f"/callback?code={code}&state=state")
        returned = listener.wait(1)
        assert returned is not None
        assert returned.code == "first"


def test_the_port_is_closed_once_the_callback_has_arrived() -> None:
    _, browser, _ = browsed("/callback?code=c0de&state={state}")
    with pytest.raises(ConnectionRefusedError):
        get(browser.port, "/callback")


def test_an_idle_connection_delays_nothing() -> None:
    with LoopbackServer(0, "state") as listener, listener.listening():
        with socket.create_connection((HOST, listener.server_address[1])):
            assert get(listener.server_address[1], "/callback?code=c0de&state=state")[0] == 200
        assert listener.wait(1) is not None


def test_it_listens_on_this_machine_alone() -> None:
    with LoopbackServer(0, "state") as listener:
        assert listener.socket.getsockname()[0] == "127.0.0.1"


def test_a_timeout_names_the_redirect_uri() -> None:
    _, browser, ended = browsed(timeout=0.05)
    assert isinstance(ended, CredentialsError)
    assert f"http://127.0.0.1:{browser.port}/callback" in str(ended)


def test_a_port_in_use_is_named_before_a_browser_opens() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        shown: list[str] = []
        with pytest.raises(ConfigurationError, match=f"port {port} is in use.*--port"):
            run_browser_flow(as_login(Vendor()), port=port, show=lambda *said: shown.extend(said))
    assert shown == []


def test_nothing_of_the_callback_is_printed_or_shown(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    _, browser, _ = browsed(
        "/callback?code=marked-no&state=marked", "/callback?code=marked-code&state={state}"
    )
    said = "".join([*capfd.readouterr(), caplog.text, *(page for _, page in browser.pages)])
    assert "marked" not in said
    assert browser.state not in said


def test_the_vendor_is_polled_at_its_interval_until_the_person_has_decided() -> None:
    context, shown = FakeContext(), list[DeviceCode]()
    assert run_device_flow(as_login(Vendor(polls=[CODE, CODE, TOKEN])), context, shown.append) == TOKEN
    assert shown == [CODE]
    assert context.waits == [2.0, 2.0, 2.0]


def test_a_device_that_is_to_slow_down_does() -> None:
    context, slower = FakeContext(), replace(CODE, interval=7.0)
    assert run_device_flow(as_login(Vendor(polls=[slower, slower, TOKEN])), context, lambda _: None) == TOKEN
    assert context.waits == [2.0, 7.0, 7.0]


def test_a_code_that_is_not_entered_expires() -> None:
    context = FakeContext()
    with pytest.raises(CredentialsError, match="the code expired"):
        run_device_flow(as_login(Vendor()), context, lambda _: None)
    assert context.seconds == CODE.expires_in


# Webex


def webex(context: Context | None = None, reach: LoginScope = "admin", **changed: str) -> WebexLogin:
    values = {
        "WEBEX_CLIENT_ID": "C1",
        "WEBEX_CLIENT_SECRET": "marked-secret",
        "WEBEX_API_URL": API,
        **changed,
    }
    return WebexLogin(Settings(values=values), context or FakeContext(), scope=reach)


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


@pytest.mark.parametrize("reach", ["admin", "user"])
def test_webex_is_asked_for_what_the_connector_reads_and_no_more(reach: LoginScope) -> None:
    address = webex(reach=reach).authorization_url(redirect_uri=REDIRECT, state="s", challenge="c")
    assert address.startswith(API + "/authorize?")
    assert "scope=meeting%3A" in address
    assert "+" not in address
    assert parse_qs(urlsplit(address).query) == {
        "response_type": ["code"],
        "client_id": ["C1"],
        "redirect_uri": [REDIRECT],
        "scope": [" ".join(SCOPES[reach])],
        "state": ["s"],
        "code_challenge": ["c"],
        "code_challenge_method": ["S256"],
    }


def test_webex_redeems_a_code_with_the_secret_and_the_verifier() -> None:
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


def test_webex_need_not_say_how_long_a_token_lives() -> None:
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
def test_webex_refusing_a_code_says_what_to_do_and_repeats_no_word(
    status: int, body: object, remedy: str
) -> None:
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
def test_webex_has_words_for_what_the_browser_brings_back(
    error: str, kind: type[HarvestError], remedy: str
) -> None:
    refused = webex().error_for(error)
    assert type(refused) is kind
    assert remedy in str(refused)
    assert "marked" not in str(refused)


@pytest.mark.parametrize("body", [{}, {"access_token": ""}, {"access_token": "a\nb"}, "half a bo", []])
def test_webex_sending_no_token_is_not_asked_a_second_time(body: object) -> None:
    with answering("/access_token", (200, body)) as mock:
        with pytest.raises(BrokenResponse):
            redeemed(webex())
        assert len(mock.calls) == 1


def test_webex_at_a_wrong_address_names_the_setting() -> None:
    with (
        answering("/access_token", (404, "<html>")),
        pytest.raises(ConfigurationError, match="WEBEX_API_URL"),
    ):
        redeemed(webex())


def test_webex_having_an_error_of_its_own_is_asked_again() -> None:
    with answering("/access_token", (503, ""), (200, GRANTED)):
        assert redeemed(webex()).access == "marked-access"


def test_webex_out_of_reach_is_said_without_a_word_of_the_request() -> None:
    with responses.RequestsMock() as mock:
        mock.post(API + "/access_token", body=requests.ConnectionError("marked"))
        with pytest.raises(Unreachable) as unreachable:
            redeemed(webex())
    assert "marked" not in str(unreachable.value)


def test_webex_gives_a_code_for_another_device() -> None:
    body = {
        "device_code": "marked-device",
        "expires_in": 300,
        "user_code": "729703",
        "verification_uri": "https://oauth-helper-r.example.org/verify",
        "verification_uri_complete": "https://oauth-helper-r.example.org/verify?userCode=0d39",
        "interval": 2,
    }
    with answering("/device/authorize", (200, body)) as mock:
        code = webex(reach="user").request_device_code()
        assert form(mock) == {"client_id": "C1", "scope": "meeting:schedules_read meeting:participants_read"}
    assert code == replace(CODE, verification_uri_complete=body["verification_uri_complete"])
    assert "marked" not in repr(code)


def test_webex_giving_half_a_code_is_refused() -> None:
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
def test_webex_waiting_for_a_person_says_when_to_ask_again(
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


def test_webex_too_often_asked_is_left_alone_for_as_long_as_it_says() -> None:
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
def test_webex_refusing_a_device_ends_the_wait(body: object, remedy: str) -> None:
    with answering("/device/token", (400, body)), pytest.raises(CredentialsError, match=remedy):
        webex().poll(CODE)


def test_webex_without_its_client_names_what_is_missing() -> None:
    with pytest.raises(ConfigurationError, match="WEBEX_CLIENT_SECRET.*developer.webex.com"):
        webex(WEBEX_CLIENT_SECRET="")


# Where it is kept


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


def test_a_login_that_is_killed_before_it_is_kept_leaves_what_was_there() -> None:
    context = FakeContext()
    before = replace(TOKEN, access="before")
    context.tokens.kept["webex"] = before

    class Killed(Exception):
        pass

    def write(name: str, token: Token) -> None:
        raise Killed

    context.tokens.write = write  # type: ignore[method-assign]
    with pytest.raises(Killed):
        webex(context, WEBEX_REFRESH_TOKEN="older").save(TOKEN)
    assert context.tokens.read("webex") == before


def test_the_token_is_kept_where_runs_look_and_nobody_else_can(tmp_path: Path) -> None:
    folder = tmp_path / "webex-main"
    state = AccountState(folder, lambda: NOW)
    context = FakeContext()
    context.tokens = state  # type: ignore[assignment]  # the real store
    webex(context).save(TOKEN)
    assert state.read("webex") == TOKEN
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.iterdir()]}
    state.close()
    assert {"account.db", "account.db-wal", "account.db-shm", "webex.lock"} < set(modes)
    assert {mode & 0o077 for mode in modes.values()} == {0}


def test_a_state_that_others_could_read_is_closed_before_a_token_goes_in(tmp_path: Path) -> None:
    AccountState(tmp_path, lambda: NOW).close()
    (tmp_path / "account.db").chmod(0o644)
    state = AccountState(tmp_path, lambda: NOW)
    state.write("webex", TOKEN)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("account.db*")}
    state.close()
    assert set(modes.values()) == {0o600}
    assert len(modes) == 3
