"""A person logs in to a vendor: in the browser of this machine, or on another device by typing a code.

The browser comes back to a listener on 127.0.0.1 (RFC 8252) that is there for one answer and no longer. It takes only
the answer that holds this login's `state`, and what it takes is worth nothing without the verifier (PKCE, RFC 7636),
which never leaves this process but for the vendor.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import logging
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from queue import Empty, SimpleQueue
from socketserver import TCPServer, ThreadingMixIn
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

from connectors.base import Context, Token
from connectors.errors import ConfigurationError, CredentialsError, HarvestError
from connectors.oauth import DeviceCode, Login
from harvester.console import ONCE

logger = logging.getLogger(__name__)

HOST, PATH = "127.0.0.1", "/callback"
PATIENCE_SECONDS = 600.0
"""How long a person may take, on this machine's clock: people are no faster where a simulator is."""

REQUEST_SECONDS = 5.0
"""Browsers open connections ahead and send nothing on them."""

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>meeting-data harvester</title>
<body style="font: 1.1em sans-serif; margin: 4em auto; max-width: 34em"><h1>{title}</h1><p>{text}</p></body></html>
"""
BACK = ("Thank you", "This window may be closed. The terminal says whether the login has worked.")
DENIED = ("Not logged in", "This window may be closed. The terminal says why, and what to do.")
REFUSED = (
    "Not expected",
    "This is not the answer to the login that is waiting. Use the address in the terminal.",
)
NOTHING = ("Nothing here", "This address waits for the end of a login, and for nothing else.")

STRANGE = (
    "an answer in the browser that does not belong to this login was refused; still waiting: use the address above, "
    "not an older window"
)
NAMELESS = (
    "the browser came back with an error that does not say to which login it belongs; still waiting: if it was you "
    "who denied it, Ctrl-C ends this"
)


@dataclass(frozen=True, slots=True)
class Proof:
    """What ties an answer to this login: `state` goes with it through the browser, the verifier does not."""

    state: str
    verifier: str

    @classmethod
    def fresh(cls) -> Proof:
        return cls(state=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(64))

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode("ascii")).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What the browser came back with: one of the two."""

    code: str = ""
    error: str = ""


class Listener(ThreadingMixIn, TCPServer):
    """Waits on a port of 127.0.0.1 for the browser to come back."""

    daemon_threads = True
    allow_reuse_address = True  # the port of a login that has just ended is free again at once
    allow_reuse_port = False  # but nobody shares it

    def __init__(self, port: int, state: str) -> None:
        self._state = state
        self._returned: SimpleQueue[Returned] = SimpleQueue()
        try:
            super().__init__((HOST, port), _Callback)
        except OSError as error:
            raise _not_free(port, error) from None

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

    def answer(self, seconds: float) -> Returned | None:
        """The first answer to this login; `None` where none comes in time."""
        try:
            return self._returned.get(timeout=seconds)
        except Empty:
            return None

    def judged(self, asked: Mapping[str, Sequence[str]]) -> Returned | None:
        """What a query says, `None` unless it is the answer to this login."""
        states, codes, errors = (asked.get(name, []) for name in ("state", "code", "error"))
        ours = len(states) == 1 and secrets.compare_digest(states[0].encode(), self._state.encode())
        if not ours or len(codes) + len(errors) != 1:
            logger.info(NAMELESS if errors and not states else STRANGE, extra=ONCE)
            return None
        return Returned(code=codes[0] if codes else "", error=errors[0] if errors else "")

    def take(self, returned: Returned) -> None:
        self._returned.put(returned)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is none; a bug keeps its traceback."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Callback(BaseHTTPRequestHandler):
    server: Listener
    timeout = REQUEST_SECONDS
    server_version, sys_version = "meeting-harvester", ""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path != PATH:
            self._show(HTTPStatus.NOT_FOUND, NOTHING)
            return
        returned = self.server.judged(parse_qs(query, keep_blank_values=True))
        if returned is None:
            self._show(HTTPStatus.BAD_REQUEST, REFUSED)
            return
        try:
            self._show(HTTPStatus.OK, DENIED if returned.error else BACK)
        finally:
            self.server.take(returned)

    def _show(self, status: HTTPStatus, words: tuple[str, str]) -> None:
        """A page that holds nothing of what was asked for."""
        page = PAGE.format(title=words[0], text=words[1]).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: Any) -> None:
        """Not a line: it would hold the code."""


def in_browser(
    login: Login,
    *,
    port: int,
    show: Callable[[str, str], None],
    patience: float = PATIENCE_SECONDS,
) -> Token:
    """`show` is given the address to open and the redirect URI, once the port is open."""
    proof = Proof.fresh()
    with Listener(port, proof.state) as listener:
        redirect_uri = listener.redirect_uri
        with listener.listening():
            show(
                login.authorization_url(
                    redirect_uri=redirect_uri, state=proof.state, challenge=proof.challenge
                ),
                redirect_uri,
            )
            returned = listener.answer(patience)
    if returned is None:
        raise _nobody(patience, redirect_uri)
    if returned.error:
        raise login.error_for(returned.error)
    return login.exchange_code(code=returned.code, redirect_uri=redirect_uri, verifier=proof.verifier)


def on_device(login: Login, context: Context, show: Callable[[DeviceCode], None]) -> Token:
    """`show` is given what is to be typed where; then the vendor is asked until somebody has decided."""
    code = login.request_device_code()
    show(code)
    began = context.elapsed()
    while True:
        context.wait(code.interval)
        if context.elapsed() - began >= code.expires_in:
            raise CredentialsError(
                "nobody entered the code before it ended; run the same command for another one"
            )
        answer = login.poll(code)
        if isinstance(answer, Token):
            return answer
        code = answer


def _nobody(patience: float, redirect_uri: str) -> HarvestError:
    return CredentialsError(
        f"nobody came back from the vendor's login page within {patience / 60:.0f} minutes; run the same command "
        f"again. Where that page showed an error, the vendor may not know the redirect URI: it is {redirect_uri}, "
        "to the letter"
    )


def _not_free(port: int, error: OSError) -> HarvestError:
    if error.errno == errno.EADDRINUSE:
        why = "is in use, perhaps by another login"
    elif error.errno == errno.EACCES:
        why = "is not for everybody"
    else:
        why = f"cannot be listened on ({error.strerror})"
    return ConfigurationError(
        f"port {port} {why}; end what holds it, or choose another with --port and register its redirect URI"
    )
