"""A minimal Zoom server for tests that choose every answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

Answer = tuple[int, str]
Answers = Callable[[str, Mapping[str, str]], Answer]
"""What is answered to a path (ids decoded) and a query."""

TOKEN = {"token_type": "bearer", "expires_in": 3600, "scope": ""}


def page(key: str, *rows: object) -> Answer:
    return 200, json.dumps({"next_page_token": "", key: list(rows)})


@contextmanager
def small_zoom(
    answers: Answers, *, secret: str, marked: str = "", now: Callable[[], datetime]
) -> Iterator[dict[str, str]]:
    """Serves until the end of the block; yields the settings that point the harvester at it. `secret` is the client's
    and the token's; `marked` goes into a header of every answer; `now` is the time that its clock shows."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.answer(200, json.dumps({**TOKEN, "access_token": secret}))

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            self.answer(*answers(unquote(unquote(parts.path)), asked))

        def answer(self, status: int, body: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body.encode())))
            self.send_header("X-Marked", marked)
            self.end_headers()
            self.wfile.write(body.encode())

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(now(), usegmt=True)

        def log_message(self, _format: str, *_args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        base = f"http://127.0.0.1:{server.server_port}"
        try:
            yield {
                "ZOOM_ACCOUNT_ID": "account",
                "ZOOM_CLIENT_ID": "client",
                "ZOOM_CLIENT_SECRET": secret,
                "ZOOM_PLAN": "business",
                "ZOOM_API_URL": f"{base}/v2",
                "ZOOM_TOKEN_URL": f"{base}/token",
                "HARVESTER_SPEED": "2000",
            }
        finally:
            server.shutdown()
            thread.join()
