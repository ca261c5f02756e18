"""Requests with hostile answers end within the limits. Each runs in its own process, and its memory is measured."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.exit_codes import ExitCode
from harvester.documents import encode, to_documents
from tests.invented_meetings import full_harvest
from tests.unit.connectors.hostile_server import (
    CHUNKED,
    HEAD,
    Answer,
    deflate_bomb,
    endless,
    gzip_bomb,
    nested_gzip_bomb,
    send,
    serve,
)

MAX_RESIDENT_BYTES = 200_000_000

PROBE = """
import json, sys, time
from pathlib import Path
from connectors.base import ResponseLimits
from connectors.errors import HarvestError
from connectors.http import Api
from connectors.response_decisions import default_decision
from tests.unit.fake_context import FakeContext

context = FakeContext()
context.response_limits = ResponseLimits(seconds=float(sys.argv[2]), max_bytes=int(sys.argv[3]))
api = Api("Vendor", sys.argv[1], context, classify=lambda response: default_decision(response, context.now()))
started = time.monotonic()
try:
    api.get("GET /things", "/things", attempts=2)
    ended = "accepted"
except HarvestError as error:
    ended = f"{error.exit_code} {error}"
print(json.dumps({
    "ended": ended,
    "seconds": time.monotonic() - started,
    "resident": int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024,
    "requests": context.request_stats.requests,
}))
"""

UNPACKED = HEAD + b"\r\n"


COMMAND = """
import json, os, sys, time
from pathlib import Path
from harvester.__main__ import main

def report(code):
    print(json.dumps({
        "code": code,
        "seconds": time.monotonic() - started,
        "resident": int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024,
    }), flush=True)
    leave(code)

leave, os._exit = os._exit, report
started = time.monotonic()
main()
"""


def sized(body: bytes) -> Answer:
    return send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)


@pytest.mark.parametrize(
    ("answer", "seconds", "ended"),
    [
        pytest.param(lambda: send(gzip_bomb()), 120, "75 .*64 MB", id="2 MB of gzip that unpack to 2 GiB"),
        pytest.param(lambda: send(nested_gzip_bomb()), 120, "75 .*64 MB", id="the same packed twice"),
        pytest.param(lambda: send(deflate_bomb()), 120, "75 .*64 MB", id="deflate bomb"),
        pytest.param(lambda: endless(b" " * 65_536, UNPACKED), 120, "75 .*64 MB", id="endless body"),
        pytest.param(
            lambda: endless(b"10000\r\n" + b" " * 65_536 + b"\r\n", CHUNKED),
            120,
            "75 .*64 MB",
            id="endless chunks",
        ),
        pytest.param(lambda: endless(b"1" * 65_536, CHUNKED), 120, "69 ", id="endless chunk size"),
        pytest.param(lambda: endless(b"X: y\r\n", HEAD), 120, "75 .*not HTTP", id="endless headers"),
        pytest.param(
            lambda: endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
            2,
            "75 .*64 MB|69 .*longer than 2 s",
            id="endless 100",
        ),
        pytest.param(lambda: endless(b"1", UNPACKED, pause=0.1), 1, "69 .*longer than 1 s", id="slow body"),
        pytest.param(
            lambda: endless(b"1", HEAD + b"X: ", pause=0.1), 1, "69 .*longer than 1 s", id="slow headers"
        ),
        pytest.param(
            lambda: endless(b"0", CHUNKED, pause=0.1), 1, "69 .*longer than 1 s", id="slow chunk size"
        ),
        pytest.param(lambda: endless(b"1", b"", pause=0.1), 1, "69 .*longer than 1 s", id="slow status"),
        pytest.param(
            lambda: sized(b"[" + b"[]," * 20_999_999 + b"0]"), 120, "75 .*memory", id="21 million lists"
        ),
        pytest.param(
            lambda: sized(b"[" + b"{}," * 20_999_999 + b"0]"), 120, "75 .*memory", id="21 million objects"
        ),
        pytest.param(
            lambda: sized(b'{"a":"' + b"a" * 63_000_000 + b'"}'), 120, "75 .*memory", id="a huge text"
        ),
        pytest.param(
            lambda: sized(b'{"a":"' + b"a" * 46_000_000 + b'"}'), 120, "accepted", id="a large text"
        ),
        pytest.param(
            lambda: sized(b"[" + b'{"a":1},' * 249_990 + b"0]"), 120, "accepted", id="many small objects"
        ),
        pytest.param(lambda: sized(b"[" + b"[]," * 660_000 + b"0]"), 120, "accepted", id="many small lists"),
        pytest.param(lambda: sized(b"1" * 40_000_000), 120, "", id="a number of 40 million digits"),
        pytest.param(lambda: sized(b"[" * 60_000_000), 120, "75 ", id="60 million open brackets"),
        pytest.param(
            lambda: sized(b'["\\ud800' + b"\xf0\x9f\x98\x80" * 11_000_000),
            120,
            "75 |69 ",
            id="no JSON, no ASCII",
        ),
    ],
)
def test_a_hostile_answer_ends_within_the_limits(
    answer: Callable[[], Answer], seconds: float, ended: str
) -> None:
    measured = measure(answer(), seconds)
    assert re.match(ended, measured["ended"])
    assert measured["resident"] < MAX_RESIDENT_BYTES
    assert measured["seconds"] < measured["requests"] * (seconds + 10)


def test_headers_and_trailers_count_against_the_limit_too() -> None:
    measured = measure(endless(b"X: y\r\n" * 10_000, CHUNKED + b"0\r\n"), 120, max_bytes=1_000_000)
    assert re.match("75 .*1 MB", measured["ended"])


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(lambda: send(gzip_bomb()), ExitCode.UNAVAILABLE, id="gzip bomb"),
        pytest.param(lambda: endless(b" " * 65_536, UNPACKED), ExitCode.UNAVAILABLE, id="endless body"),
        pytest.param(
            lambda: sized(b"[" + b"[]," * 20_999_999 + b"0]"), ExitCode.UNAVAILABLE, id="21 million lists"
        ),
        pytest.param(lambda: genuine(b'{"a":' * 250 + b"1" + b"}" * 250), ExitCode.CONFIG, id="deep JSON"),
    ],
)
@pytest.mark.parametrize(
    "command", ["load documents.ndjson", "report --from-index", "attendance --from-index"]
)
def test_a_hostile_elasticsearch_ends_a_command_within_the_limits(
    tmp_path: Path, command: str, answer: Callable[[], Answer], code: ExitCode
) -> None:
    lines = [encode(document) for document in to_documents(full_harvest())]
    (tmp_path / "documents.ndjson").write_bytes(b"\n".join(lines) + b"\n")
    with serve(answer()) as url:
        settings = {**os.environ, "ES_HOST": url, "HARVESTER_STATE_DIR": str(tmp_path / "state")}
        arguments = [sys.executable, "-c", COMMAND, *command.split()]
        ended = subprocess.run(
            arguments, check=False, capture_output=True, text=True, timeout=120, cwd=tmp_path, env=settings
        )
    measured = json.loads(ended.stdout.splitlines()[-1])
    assert measured["code"] == code, ended.stderr
    assert measured["resident"] < MAX_RESIDENT_BYTES
    assert measured["seconds"] < 60


def genuine(body: bytes) -> Answer:
    """As Elasticsearch marks its answers."""
    head = HEAD + b"X-Elastic-Product: Elasticsearch\r\nContent-Length: %d\r\n\r\n" % len(body)
    return send(head + body)


def measure(answer: Answer, seconds: float, max_bytes: int = 64_000_000) -> dict[str, Any]:
    """How a request in its own process ends, its seconds, and the peak of its memory."""
    with serve(answer) as url:
        command = [sys.executable, "-c", PROBE, url, str(seconds), str(max_bytes)]
        probe = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    sys.stdout.write(probe.stdout)  # pytest -rP shows the figures
    found: dict[str, Any] = json.loads(probe.stdout)
    return found
