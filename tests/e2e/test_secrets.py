"""A vendor that puts secrets and people into every answer that fails: not one of them comes out of a run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.e2e.harness import Harvester

SECRET, EMAIL = "marked-secret-7c31", "marked.person@example.org"
MARKED = f"{SECRET} {EMAIL}"
FAILURES = {
    "html": (403, f"<html>{MARKED}</html>"),
    "code": (400, json.dumps({"code": 9999, "message": MARKED, "errors": [{"field": EMAIL}]})),
    "code with 200": (200, json.dumps({"code": 3161, "message": MARKED})),
    "gone": (404, json.dumps({"code": 1010, "message": MARKED})),
    "half": (200, '{"participants": [{"email": "' + MARKED),
    "no list": (200, json.dumps({"participants": MARKED})),
    "busy": (503, MARKED),
    "daily": (429, json.dumps({"code": 429, "message": f"daily rate limit {MARKED}"})),
}
MARKS = (SECRET, EMAIL, "marked.person")


def meeting(uuid: str) -> dict[str, object]:
    start, end = "2026-11-19T09:00:00Z", "2026-11-19T10:00:00Z"
    return {
        "uuid": uuid,
        "id": 1,
        "topic": "t",
        "email": EMAIL,
        "start_time": start,
        "end_time": end,
        "participants": 2,
    }


class Leaking(BaseHTTPRequestHandler):
    """Lists a meeting per failure, and fails as it is called for its participants."""

    listing: tuple[int, str] | None = None

    def do_POST(self) -> None:
        self.answer(
            200, json.dumps({"access_token": SECRET, "token_type": "bearer", "expires_in": 3600, "scope": ""})
        )

    def do_GET(self) -> None:
        path = unquote(unquote(urlsplit(self.path).path))
        named = next((name for name in FAILURES if f"/{name}/" in path), None)
        if named is not None:
            self.answer(*FAILURES[named])
        elif self.listing is not None:
            self.answer(*self.listing)
        elif path.endswith("/metrics/meetings"):
            rows = [meeting(name) for name in FAILURES] if "type=past&" in self.path + "&" else []
            self.answer(200, json.dumps({"next_page_token": "", "meetings": rows}))
        else:
            self.answer(200, json.dumps({"next_page_token": "", "users": []}))

    def answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body.encode())))
        self.send_header("X-Marked", MARKED)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, _format: str, *_args: object) -> None:
        pass


@contextmanager
def leaking(folder: Path, listing: tuple[int, str] | None = None) -> Iterator[Harvester]:
    handler = type("Handler", (Leaking,), {"listing": listing})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        base = f"http://127.0.0.1:{server.server_port}"
        settings = {
            "ZOOM_ACCOUNT_ID": "account",
            "ZOOM_CLIENT_ID": "client",
            "ZOOM_CLIENT_SECRET": SECRET,
            "ZOOM_PLAN": "business",
            "ZOOM_API_URL": f"{base}/v2",
            "ZOOM_TOKEN_URL": f"{base}/token",
            "HARVESTER_NOW": "2026-11-20T12:00:00Z",
            "HARVESTER_SPEED": "2000",
        }
        try:
            yield Harvester(folder, settings)
        finally:
            server.shutdown()
            thread.join()


def unmarked(text: bytes) -> bool:
    return not any(mark in text.decode() for mark in MARKS)


def test_no_failing_answer_for_a_meeting_comes_out(tmp_path: Path) -> None:
    with leaking(tmp_path) as harvester:
        ended = harvester("zoom", "--date", "2026-11-19", "--summary-json", "summary.json")
    assert ended.returncode == 75, ended.stderr.decode()
    assert unmarked(ended.stderr), ended.stderr.decode()
    summary = (tmp_path / "summary.json").read_bytes()
    assert json.loads(summary)["vendors"][0]["failed"]
    assert unmarked(summary)


@pytest.mark.parametrize("name", FAILURES)
def test_no_failing_answer_to_a_listing_comes_out(name: str, tmp_path: Path) -> None:
    with leaking(tmp_path, FAILURES[name]) as harvester:
        ended = harvester("zoom", "--date", "2026-11-19")
        checked = harvester("check", "zoom")
    assert ended.returncode != 0
    assert unmarked(ended.stderr), ended.stderr.decode()
    assert unmarked(checked.stderr + checked.stdout), checked.stderr.decode()
