"""A minimal Webex for login tests: its login page grants access at once and checks the parameters. It has no
meetings."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode

CLIENT_ID, CLIENT_SECRET = "C0ffee", "marked-client-secret"
CODE, DEVICE, ACCESS, REFRESH = "marked-code", "marked-device", "marked-access", "marked-refresh"
MARK = "marked"
USER_CODE = "729703"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""What its clock shows."""


@dataclass
class SmallWebex:
    """State of the fake.

    pending: number of polls that a device login has to wait.
    redirect_error: the error with which the login page redirects.
    stalled: no code is exchanged before this event is set.
    asked_for_token: set when a code is to be exchanged.
    """

    pending: int = 1
    redirect_error: str = ""
    refuses: bool = False
    port: int = 0
    requested: dict[str, str] = field(default_factory=dict)
    bearers: set[str] = field(default_factory=set)
    tokens: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    stalled: threading.Event | None = None
    token_requested: threading.Event = field(default_factory=threading.Event)

    @property
    def settings(self) -> dict[str, str]:
        return {
            "WEBEX_CLIENT_ID": CLIENT_ID,
            "WEBEX_CLIENT_SECRET": CLIENT_SECRET,
            "WEBEX_API_URL": f"http://127.0.0.1:{self.port}/v1",
            "WEBEX_ANALYTICS_URL": f"http://127.0.0.1:{self.port}/v1",
        }

    def redirect_url(self, requested: dict[str, str]) -> str:
        """Return the URL to which the login page redirects the browser."""
        self.requested = requested
        back = {"error": self.redirect_error} if self.redirect_error else {"code": CODE}
        return requested["redirect_uri"] + "?" + urlencode({**back, "state": requested["state"]})

    def answer(self, path: str, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        if path == "/v1/device/authorize" and form["client_id"] == CLIENT_ID:
            address = f"http://127.0.0.1:{self.port}/verify"
            codes = {"device_code": DEVICE, "user_code": USER_CODE, "verification_uri": address}
            return 200, {**codes, "expires_in": 300, "interval": 1}
        if path == "/v1/device/token" and self._is_device(form, authorization):
            with self.lock:
                self.pending -= 1
                return self._token() if self.pending < 0 else (428, {"message": "pending"})
        if path == "/v1/access_token":
            self.token_requested.set()
            if self.stalled is not None:
                self.stalled.wait(300)
            if self._is_code(form):
                return self._token()
        return 400, {"message": MARK, "errors": [{"description": f"invalid_grant {MARK}"}]}

    def _is_device(self, form: dict[str, str], authorization: str) -> bool:
        pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        return form["device_code"] == DEVICE and authorization == f"Basic {pair}"

    def _is_code(self, form: dict[str, str]) -> bool:
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        secret_and_code = form.get("client_secret"), form.get("code")
        return (
            not self.refuses
            and secret_and_code == (CLIENT_SECRET, CODE)
            and (challenge, form["redirect_uri"])
            == (self.requested["code_challenge"], self.requested["redirect_uri"])
        )

    def _token(self) -> tuple[int, dict[str, Any]]:
        self.tokens += 1
        lives = {"expires_in": 1209599, "refresh_token_expires_in": 7775999}
        return 200, {"access_token": f"{ACCESS}-{self.tokens}", "refresh_token": REFRESH, **lives}


@contextmanager
def serving(webex: SmallWebex) -> Iterator[SmallWebex]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if path != "/v1/authorize":
                webex.bearers.add(self.headers.get("Authorization", ""))
                self._send(200, {"items": []})
                return
            self.send_response(302)
            self.send_header("Location", webex.redirect_url(pairs(query)))
            self.end_headers()

        def do_POST(self) -> None:
            form = pairs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self._send(*webex.answer(self.path, form, self.headers.get("Authorization", "")))

        def _send(self, status: int, body: dict[str, Any]) -> None:
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(NOW, usegmt=True)

        def log_message(self, *_args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_args: object) -> None:
            """Ignore it: an interrupted login closes the connection before it is answered."""

    with Server(("127.0.0.1", 0), Handler) as server:
        webex.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield webex
        server.shutdown()


def pairs(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}
