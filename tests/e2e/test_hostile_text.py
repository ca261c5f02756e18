"""Hostile text in every field of every answer: a terminal gets no control characters but the program's own."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.e2e.harness import HANGS_SECONDS, Harvester, Simulator, command
from tests.e2e.index_sandbox import IndexSandbox

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

HOSTILE = "\x1b]0;forged\x07\x1b[2J\r\nforged: 0 failed\x9b31m\x85\u202e\u2028\x7f"
"""Sets the title, clears the screen, begins a line of its own, changes colour and direction."""

NEVER = re.compile(
    "[\x07\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]|\x1b\\]|\x1b\\[2J|^forged", re.MULTILINE
)
"""What the progress bar does not print, and lines that the program did not begin."""

STRUCTURE = re.compile(r"(_time|_token|^date|^from|^to|^type|^plan_type|^status|^id|^code|^access)$|_id$")
"""Fields that the connector computes with: the harvest would end before it prints anything else."""

FAILING = 3
"""Every third meeting's participants are refused, with a hostile message."""


def hostile(value: Any, key: str = "") -> Any:
    """The same answer with hostile text at the end of every string that is shown or stored."""
    if isinstance(value, dict):
        return {name: hostile(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [hostile(each, key) for each in value]
    return value + HOSTILE if isinstance(value, str) and not STRUCTURE.search(key) else value


class HostileVendor(BaseHTTPRequestHandler):
    """Passes requests on to the simulator, and its answers back with hostile text in them."""

    protocol_version = "HTTP/1.1"
    target = ""

    def do_GET(self) -> None:
        path = self.path
        for encoded in (quote(quote(HOSTILE, safe=""), safe=""), quote(HOSTILE, safe="")):
            path = path.replace(encoded, "")
        headers = {"Authorization": self.headers["Authorization"]}
        request = urllib.request.Request(self.target + path, headers=headers)  # noqa: S310  # loopback
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310  # an address on loopback
                status, body, date = answer.status, answer.read(), answer.headers["Date"]
        except urllib.error.HTTPError as error:
            status, body, date = error.code, error.read(), error.headers["Date"]
        meeting = re.search(r"/meetings/([^/?]+)/participants", path)
        if meeting and sum(meeting[1].encode()) % FAILING == 0:
            self._answer(400, {"code": 9999, "message": f"refused{HOSTILE}"}, date)
        else:
            self._answer(status, hostile(json.loads(body)), date)

    def do_HEAD(self) -> None:
        """Every run requests the vendor's time."""
        request = urllib.request.Request(self.target + self.path, method="HEAD")  # noqa: S310  # loopback
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310  # an address on loopback
                date = answer.headers["Date"]
        except urllib.error.HTTPError as error:
            date = error.headers["Date"]
        self.send_response_only(401)
        self.send_header("Date", date)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, status: int, document: Any, date: str) -> None:
        body = json.dumps(document).encode()
        self.send_response_only(status)
        self.send_header("Date", date)
        self.send_header("Content-Type", "application/json; x=\x1b]0;forged\x07\x9b")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with Simulator(tmp_path_factory.mktemp("simulator"), NOW, size=60, days=2) as running:
        yield running


@pytest.fixture
def settings(simulator: Simulator) -> Iterator[dict[str, str]]:
    """Those of the simulator, with the hostile vendor in front of it."""
    api = urlsplit(simulator.settings["ZOOM_API_URL"])
    handler = type("Handler", (HostileVendor,), {"target": f"http://{api.netloc}"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {**simulator.settings, "ZOOM_API_URL": f"http://127.0.0.1:{server.server_port}{api.path}"}
    server.shutdown()
    server.server_close()


def on_terminal(harvester: Harvester, *words: str) -> tuple[int, str]:
    """The exit code, and the output on a terminal, stdout and stderr together."""
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        command(*words),
        stdin=end,
        stdout=end,
        stderr=end,
        env=harvester.environment(TERM="xterm"),
        cwd=harvester.folder,
    )
    os.close(end)
    shown = bytearray()
    deadline = time.monotonic() + HANGS_SECONDS * 3
    while time.monotonic() < deadline and select.select([terminal], [], [], HANGS_SECONDS)[0]:
        try:
            block = os.read(terminal, 1 << 16)
        except OSError:  # Linux's way to say that the other end is closed
            break
        if not block:
            break
        shown += block
    os.close(terminal)
    return process.wait(HANGS_SECONDS), shown.decode().replace("\r\n", "\n")


def assert_harmless(shown: str) -> None:
    found = NEVER.search(shown)
    assert found is None, shown[max(0, found.start() - 300) : found.end() + 100]


def test_documents_messages_and_the_progress_bar_on_a_terminal(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    harvester = Harvester(tmp_path, settings)
    code, shown = on_terminal(harvester, "zoom", "--date", "2026-11-19", "--raw", "--destination", "stdout")
    assert code == 75, shown[-2000:]
    assert_harmless(shown)
    assert r"\u001b]0;forged\u0007" in shown, "documents keep their meaning"
    assert r"\x1b]0;forged\x07" in shown, "failed meetings are named"
    documents = [json.loads(line) for line in shown.splitlines() if line.startswith('{"document_id"')]
    assert any(document.get("topic", "").endswith(HOSTILE) for document in documents)
    for words in (
        ("zoom", "--date", "2026-11-19", "--output", "f\x1b]0;forged\x07\nforged\x9b", "-v"),
        (
            "zoom",
            "--date",
            "2026-11-19",
            "--summary-json",
            "-",
            "--destination",
            "stdout",
            "--log-format",
            "json",
        ),
        ("check", "zoom"),
        ("load", "no\x1b]0;forged\x07\nforged\x9b", "--es-host", "http://127.0.0.1:9"),
        ("no\x1b]0;forged\x07\nforged\x9b",),
        ("zoom", "--date", "2026-11-19", "--destination", "no\x1b]0;forged\x07\nforged\x9b"),
    ):
        _, shown = on_terminal(harvester, *words)
        assert "forged" in shown or words[0] == "check", shown[-2000:]
        assert_harmless(shown)


def test_status_verify_rejects_and_load_on_a_terminal(
    newest: IndexSandbox, settings: dict[str, str], tmp_path: Path
) -> None:
    es = {"ES_HOST": newest.node.url, "ES_INDEX_PREFIX": newest.prefix}
    harvester = Harvester(tmp_path, {**settings, **es})
    lines = [
        {"document_id": f"zoom:main:a{HOSTILE}", "kind": "meeting", "@timestamp": f"2026{HOSTILE}"},
        {"document_id": f"zoom:main:b{HOSTILE}", "kind": HOSTILE},
        {
            "document_id": f"zoom:main:c{HOSTILE}",
            "kind": "meeting",
            "detail": "full",
            "harvested_at": "2026-11-20T00:00:00Z",
            "@timestamp": "2026-11-19T00:00:00Z",
            "start_time": HOSTILE,
            "duration": {HOSTILE: HOSTILE},
        },
    ]
    (tmp_path / "lines.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for words, code, quotes in (
        (("zoom", "--date", "2026-11-19"), 75, True),
        (("load", "lines.ndjson"), 65, False),
        (("rejects", "list"), 0, True),
        (("rejects", "list", "--json"), 0, True),
        (("rejects", "export"), 0, True),
        (("rejects", "drop", f"no{HOSTILE}"), 65, True),
        (("status",), 0, False),
        (("status", "-v"), 0, True),
        (("status", "--json"), 0, True),
        (("plan", "zoom", "--from", "2026-11-19", "--to", "2026-11-19"), 0, False),
        (("verify", "zoom", "--date", "2026-11-19"), 65, True),
        (("verify", "zoom", "--date", "2026-11-19", "--json"), 65, True),
    ):
        ended, shown = on_terminal(harvester, *words)
        assert ended == code, shown[-2000:]
        assert_harmless(shown)
        assert not quotes or "forged" in shown, f"{words}: {shown[-2000:]}"
