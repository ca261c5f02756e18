"""Personal data of four vendors, hashed or dropped: nothing of an invented person is found outside the process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harvester.privacy.treatment import PSEUDONYM
from tests.e2e.harness import Documents, Harvester, lines
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.simulator_in_process import Vendors

OPTIONS: dict[str, Any] = {
    "seed": 5,
    "size": 12,
    "days": 1,
    "now": datetime(2026, 11, 20, 0, 3, tzinfo=UTC),
    "speed": 3000.0,
    "vendors": ("zoom", "webex", "google-meet", "meetecho"),
}
DAYS = ("--from", "2026-11-19", "--to", "2026-11-20")
KEY = "an invented key that is long enough for every purpose"
PERSONAL_FIELDS = frozenset(
    {"user_name", "email", "id", "user_id", "ip_address", "host_email", "device", "topic", "leave_reason"}
)
SHORTEST, FEWEST_DIGITS = 5, 7
"""Shorter texts and numbers are found by chance; so are `COMMON` words, which fields that are kept hold as well."""
COMMON = frozenset({"phone", "android", "linux", "windows", "zoom rooms", "room_device", "normal"})


@pytest.fixture
def vendors(tmp_path: Path) -> Vendors:
    return Vendors(tmp_path, OPTIONS)


def personal_values(documents: Documents) -> set[str]:
    """Every name, address, id, device, topic and reason in these documents."""
    found: set[str] = set()
    for document in documents.values():
        found.update(str(document[name]) for name in PERSONAL_FIELDS if name in document)
        found.update(v for name, v in document.get("host", {}).items() if name != "user_type")
    return {
        value
        for value in found
        if len(value) >= (FEWEST_DIGITS if value.isdigit() else SHORTEST) and value.lower() not in COMMON
    }


def everything(harvester: Harvester, sandbox: IndexSandbox, *outputs: bytes) -> Mapping[str, bytes]:
    """All bytes outside the process, in small letters: index, state folder, outputs."""
    files = [path for path in harvester.folder.rglob("*") if path.is_file() and path.name != "truth.ndjson"]
    places = {str(path.relative_to(harvester.folder)): path.read_bytes() for path in files}
    places["index"] = json.dumps(sandbox.stored(), ensure_ascii=False).encode()
    return {name: text.lower() for name, text in {**places, "output": b"\n".join(outputs)}.items()}


def found_in(places: Mapping[str, bytes], values: set[str]) -> list[str]:
    return sorted(
        f"{value!r} in {place}"
        for value in values
        for place, text in places.items()
        if value.encode().lower() in text
    )


def harvest(harvester: Harvester, *words: str, **more: str) -> bytes:
    ended = harvester(
        "all", *DAYS, "-v", "--summary-json", "summary.json", "--metrics-file", "metrics.prom", *words, **more
    )
    assert ended.returncode in {0, 65, 75}, ended.stderr.decode()
    assert b"Traceback" not in ended.stderr
    return ended.stdout + ended.stderr


@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_nothing_personal_leaves_the_process(newest: IndexSandbox, vendors: Vendors, mode: str) -> None:
    with vendors.at() as served:
        harvester = served.pointed(
            newest, HARVESTER_PII=mode, HARVESTER_PII_KEY=KEY if mode == "hash" else ""
        )
        output = harvest(harvester)
        stored = newest.stored()
        assert stored.keys() == served.truth.keys(), "the ids are those of keep"
        if mode == "hash":
            output += harvester("check").stdout
        piped = harvester("google-meet", *DAYS, "--destination", "stdout")
    assert lines(piped.stdout).keys() <= served.truth.keys()
    output += piped.stdout + piped.stderr + load_plain(harvester, served.truth)
    values = personal_values(served.truth)
    assert len(values) > 100
    assert found_in(everything(harvester, newest, output), values) == []
    assert found_in({"truth": json.dumps(served.truth, ensure_ascii=False).encode().lower()}, values)
    treated = [document for document in stored.values() if document["kind"] == "session"]
    if mode == "drop":
        assert not [document for document in treated if not PERSONAL_FIELDS.isdisjoint(document)]
    else:
        assert people_who_joined_with_several_vendors(treated)
        assert all(PSEUDONYM.fullmatch(each["user_name"]) for each in treated if "user_name" in each)


def load_plain(harvester: Harvester, truth: Documents) -> bytes:
    """Load documents as they were before, one that Elasticsearch refuses, and a line that is none."""
    session = next(each for each in truth.values() if each["kind"] == "session" and "email" in each)
    session = {**session, "harvested_at": "2026-11-19T00:00:00.000Z"}
    refused = {**session, "harvested_at": "2026-11-20T12:00:00.000Z", "join_time": "no instant"}
    broken = f"{{not JSON, but {session['email']}"
    text = "\n".join([json.dumps(session), json.dumps(refused), broken]).encode()
    ended = harvester("load", stdin=text, HARVESTER_NOW="")
    assert b"3 lines: 0 documents stored, 1 already stored newer or more complete, 2 rejected" in ended.stderr
    listed = harvester("rejects", "list")
    exported = harvester("rejects", "export")
    assert ended.returncode == 65
    assert b"join_time" in listed.stdout
    return ended.stderr + listed.stdout + exported.stdout


def people_who_joined_with_several_vendors(sessions: list[dict[str, Any]]) -> set[str]:
    vendors: dict[str, set[str]] = {}
    for session in sessions:
        if PSEUDONYM.fullmatch(session.get("email", "")):
            vendors.setdefault(session["email"], set()).add(session["vendor"])
    return {email for email, used in vendors.items() if len(used) > 1}
