"""A vendor that puts secrets and names into every failing answer: a run prints none of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.harness import Harvester
from tests.e2e.small_zoom import Answer, page, small_zoom

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
    return {"uuid": uuid, "id": 1, "email": EMAIL, "start_time": start, "end_time": end, "participants": 2}


@contextmanager
def leaking(folder: Path, listing: Answer | None = None) -> Iterator[Harvester]:
    """Lists a meeting for each failure; a request for its participants fails in that way."""

    def answers(path: str, asked: Mapping[str, str]) -> Answer:
        named = next((name for name in FAILURES if f"/{name}/" in path), None)
        if named is not None:
            return FAILURES[named]
        if listing is not None:
            return listing
        if path.endswith("/metrics/meetings"):
            return page("meetings", *(meeting(name) for name in FAILURES if asked["type"] == "past"))
        return page("users")

    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    with small_zoom(answers, secret=SECRET, marked=MARKED, now=lambda: now) as settings:
        yield Harvester(folder, {**settings, "HARVESTER_NOW": now.isoformat()})


def unmarked(text: bytes) -> bool:
    return not any(mark in text.decode() for mark in MARKS)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_debug_messages_name_requests_and_hold_no_secret(log_format: str, tmp_path: Path) -> None:
    with leaking(tmp_path) as harvester:
        ended = harvester("zoom", "--date", "2026-11-19", "-v", "--log-format", log_format)
    assert ended.returncode == 75, ended.stderr.decode()
    lines = ended.stderr.decode().splitlines()
    requests = [line for line in lines if "GET /metrics/meetings" in line]
    assert any("200" in line and " ms" in line for line in requests), lines
    assert any("503" in line for line in requests)
    assert any("next try in" in line for line in requests), "a retry is announced"
    assert unmarked(ended.stderr), ended.stderr.decode()
    assert not [line for line in lines if "type=past" in line or "page_size" in line or "Bearer" in line]
    if log_format == "json":
        assert {json.loads(line)["level"] for line in lines} == {"debug", "info", "error"}


def test_no_failing_answer_for_a_meeting_is_printed(tmp_path: Path) -> None:
    with leaking(tmp_path) as harvester:
        ended = harvester("zoom", "--date", "2026-11-19", "--summary-json", "summary.json")
    assert ended.returncode == 75, ended.stderr.decode()
    assert unmarked(ended.stderr), ended.stderr.decode()
    summary = (tmp_path / "summary.json").read_bytes()
    assert json.loads(summary)["vendors"][0]["failed"]
    assert unmarked(summary)


@pytest.mark.parametrize("name", FAILURES)
def test_no_failing_answer_to_a_listing_is_printed(name: str, tmp_path: Path) -> None:
    with leaking(tmp_path, FAILURES[name]) as harvester:
        ended = harvester("zoom", "--date", "2026-11-19")
        checked = harvester("check", "zoom")
    assert ended.returncode != 0
    assert unmarked(ended.stderr), ended.stderr.decode()
    assert unmarked(checked.stderr + checked.stdout), checked.stderr.decode()
