"""A person logs in to a vendor: in the browser of this machine, or on another device by typing a code.

For the browser, a server listens on 127.0.0.1 (RFC 8252) until the vendor redirects the browser to it. It accepts only
a request that carries this login's `state`. The code in it is useless without the PKCE verifier (RFC 7636), which is
sent to the vendor only.
"""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs

from oauthlib.oauth2 import WebApplicationClient

from connectors.base import Context, Token
from connectors.errors import CredentialsError, HarvestError
from connectors.oauth import DeviceCode, Login
from harvester.logging_setup import ONCE
from harvester.port_error import port_error

logger = logging.getLogger(__name__)

HOST, PATH = "127.0.0.1", "/callback"
LOGIN_SECONDS = 600.0
"""How long to wait for the person, in seconds of this machine: a simulator's speed does not make people faster."""

REQUEST_SECONDS = 5.0
"""Browsers open connections in advance and send nothing on them."""

VERIFIER_LENGTH = 86
"""Characters; RFC 7636 permits 43 to 128."""

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>meeting-data harvester</title>
<body style="font: 1.1em sans-serif; margin: 4em auto; max-width: 34em"><h1>{title}</h1><p>{text}</p></body></html>
"""
THANKS = ("Thank you", "You can close this window. The terminal shows whether the login succeeded.")
DENIED = ("Not logged in", "You can close this window. The terminal shows why, and what to do.")
REFUSED = (
    "Unexpected request",
    "This request does not belong to the current login. Use the address shown in the terminal.",
)
NOT_FOUND = ("Not found", "This address is used for a login only.")

FOREIGN_CALLBACK = "Refused a callback that does not belong to this login. Still waiting; use the address above, not an older window."
ERROR_WITHOUT_STATE = (
    "Ignored an error callback without a state parameter. Still waiting; press Ctrl-C if you denied access."
)


@dataclass(frozen=True, slots=True)
class Pkce:
    """What ties a callback to this login: `state` travels through the browser, the verifier does not."""

    state: str
    verifier: str

    @classmethod
    def create(cls) -> Pkce:
        verifier = WebApplicationClient("").create_code_verifier(VERIFIER_LENGTH)
        return cls(state=secrets.token_urlsafe(32), verifier=verifier)

    @property
    def challenge(self) -> str:
        challenge: str = WebApplicationClient("").create_code_challenge(self.verifier, "S256")
        return challenge


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackResult:
    """What the redirect carried: a code or an error."""

    code: str = ""
    error: str = ""


class LoopbackServer(ThreadingMixIn, TCPServer):
    """Waits on a port of 127.0.0.1 for the redirect. ConfigurationError if the port is not available."""

    daemon_threads = True
    allow_reuse_address = True  # the port of a login that has just ended is available at once
    allow_reuse_port = False  # but never shared

    def __init__(self, port: int, state: str) -> None:
        self._state = state
        self._results: list[CallbackResult] = []
        self._answered = Event()
        try:
            super().__init__((HOST, port), _CallbackHandler)
        except OSError as error:
            raise port_error(HOST, port, error, with_another=" and register its redirect URI") from None

    @property
    def redirect_uri(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}{PATH}"

    @contextmanager
    def listening(self) -> Iterator[None]:
        thread = Thread(target=self.serve_forever, args=(0.05,), name="login-listener", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()

    def wait(self, seconds: float) -> CallbackResult | None:
        """The first callback of this login; `None` if none arrives in time."""
        return self._results[0] if self._answered.wait(seconds) else None

    def validate(self, query: Mapping[str, Sequence[str]]) -> CallbackResult | None:
        """What a query carries; `None` unless it is a callback of this login."""
        states, codes, errors = (query.get(name, []) for name in ("state", "code", "error"))
        is_valid = len(states) == 1 and secrets.compare_digest(states[0].encode(), self._state.encode())
        if not is_valid or len(codes) + len(errors) != 1:
            logger.info(ERROR_WITHOUT_STATE if errors and not states else FOREIGN_CALLBACK, extra=ONCE)
            return None
        return CallbackResult(code=codes[0] if codes else "", error=errors[0] if errors else "")

    @contextmanager
    def accepting(self, result: CallbackResult) -> Iterator[None]:
        """The first callback counts, and ends the wait once the browser has its page."""
        self._results.append(result)
        try:
            yield
        finally:
            self._answered.set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Browsers that hang up are ignored; a bug keeps its traceback."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _CallbackHandler(BaseHTTPRequestHandler):
    server: LoopbackServer
    timeout = REQUEST_SECONDS
    server_version, sys_version = "meeting-harvester", ""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path != PATH:
            self._respond(HTTPStatus.NOT_FOUND, NOT_FOUND)
            return
        result = self.server.validate(parse_qs(query, keep_blank_values=True))
        if result is None:
            self._respond(HTTPStatus.BAD_REQUEST, REFUSED)
            return
        with self.server.accepting(result):
            self._respond(HTTPStatus.OK, DENIED if result.error else THANKS)

    def _respond(self, status: HTTPStatus, text: tuple[str, str]) -> None:
        """A page that repeats nothing of the request."""
        page = PAGE.format(title=text[0], text=text[1]).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: Any) -> None:
        """No log: it would contain the code."""


def run_browser_flow(
    login: Login,
    *,
    port: int,
    show: Callable[[str, str], None],
    timeout: float = LOGIN_SECONDS,
) -> Token:
    """`show` is called with the address to open and the redirect URI, once the port is open."""
    pkce = Pkce.create()
    with LoopbackServer(port, pkce.state) as server:
        redirect_uri = server.redirect_uri
        with server.listening():
            address = login.authorization_url(
                redirect_uri=redirect_uri, state=pkce.state, challenge=pkce.challenge
            )
            show(address, redirect_uri)
            result = server.wait(timeout)
    if result is None:
        raise _timeout_error(timeout, redirect_uri)
    if result.error:
        raise login.error_for(result.error)
    return login.exchange_code(code=result.code, redirect_uri=redirect_uri, verifier=pkce.verifier)


def run_device_flow(login: Login, context: Context, show: Callable[[DeviceCode], None]) -> Token:
    """`show` is called with the code to enter and where; then the vendor is polled until the person has decided."""
    code = login.request_device_code()
    show(code)
    began = context.elapsed()
    while True:
        context.wait(code.interval)
        if context.elapsed() - began >= code.expires_in:
            raise CredentialsError(
                "the code expired before it was entered; run the same command again for a new one"
            )
        answer = login.poll(code)
        if isinstance(answer, Token):
            return answer
        code = answer


def _timeout_error(timeout: float, redirect_uri: str) -> HarvestError:
    return CredentialsError(
        f"Timed out after {timeout / 60:.0f} minutes waiting for the login. If the vendor showed an error, check that "
        f"this redirect URI is registered exactly: {redirect_uri}"
    )
