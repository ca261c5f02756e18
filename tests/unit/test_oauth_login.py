"""The browser flow, the device flow and the loopback server."""

from __future__ import annotations

import http.client
import socket
import stat
import threading
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from connectors.base import Context, Settings, Token
from connectors.errors import (
    ConfigurationError,
    CredentialsError,
    HarvestError,
)
from connectors.oauth import DeviceCode, Login, LoginScope
from connectors.webex.login import WebexLogin
from harvester.oauth_login import HOST, LoopbackServer, Pkce, run_browser_flow, run_device_flow
from harvester.state.quotas_and_tokens import AccountState
from tests.unit.fake_context import NOW, FakeContext

API = "https://webexapis.com/v1"
REDIRECT = "http://127.0.0.1:8976/callback"
TOKEN = Token(access="marked-access", expires_at=NOW + timedelta(days=14), refresh="marked-refresh")
CODE = DeviceCode(
    user_code="729703",
    verification_uri="https://oauth-helper-r.example.org/verify",
    device_code="marked-device",
    expires_in=300.0,
    interval=2.0,
)


@dataclass
class Vendor:
    """A `Login` that records its calls and returns prepared answers."""

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
            run_browser_flow(as_login(Vendor()), port=port, show=lambda *output: shown.extend(output))
    assert shown == []


def test_nothing_of_the_callback_is_printed_or_shown(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    _, browser, _ = browsed(
        "/callback?code=marked-no&state=marked", "/callback?code=marked-code&state={state}"
    )
    output = "".join([*capfd.readouterr(), caplog.text, *(page for _, page in browser.pages)])
    assert "marked" not in output
    assert browser.state not in output


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


def redeemed(login: WebexLogin) -> Token:
    return login.exchange_code(code="marked-code", redirect_uri=REDIRECT, verifier="marked-verifier")


def message(text: str) -> dict[str, object]:
    """An error as Webex documents it for the device endpoints."""
    return {"message": "marked words", "errors": [{"description": text}], "trackingId": "marked"}


# Where it is kept


def test_the_token_is_stored_for_runs_in_a_private_file(tmp_path: Path) -> None:
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
