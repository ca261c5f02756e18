"""Personal data of every vendor, hashed or dropped: nothing of an invented person is found outside the process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harvester.privacy.treatment import PSEUDONYM
from harvester.simulator import VENDORS
from tests.e2e.harness import Documents, Harvester, lines
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.simulator_in_process import Vendors

pytestmark = pytest.mark.with_templates

OPTIONS: dict[str, Any] = {
    "seed": 5,
    "size": 12,
    "days": 1,
    "now": datetime(2026, 11, 20, 0, 3, tzinfo=UTC),
    "speed": 200.0,
    "vendors": VENDORS,
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
        verified = harvester("verify", "meetecho")
        assert verified.returncode == 0, verified.stdout.decode()
        output += verified.stdout
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
    assert (
        b"3 lines: 0 documents stored, 1 already stored in this or a better version, 2 rejected"
        in ended.stderr
    )
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


# A person who is forgotten


def person_of(truth: Documents) -> tuple[str, str, set[str]]:
    """The address and the name of a host whom several vendors know, and every value that only they have."""
    known: dict[str, set[str]] = {}
    for document in truth.values():
        if "email" in document:
            known.setdefault(document["email"], set()).add(document["vendor"])
    for email in sorted({d["host_email"] for d in truth.values() if "host_email" in d}):
        name = next(
            (d["user_name"] for d in truth.values() if d.get("email") == email and "user_name" in d), ""
        )
        own = {k: d for k, d in truth.items() if email == d.get("email") or name == d.get("user_name")}
        passing = {
            "host_email": "",
            "topic": "",
            "leave_reason": "",
        }  # these are blanked if they name the person
        others = {k: {**d, **passing} for k, d in truth.items() if k not in own and d["kind"] == "session"}
        shared = "\n".join(personal_values(others))
        if known.get(email, set()) > {"google-meet"} and name and name not in shared:
            values = personal_values({k: {**d, "host_email": "", "topic": ""} for k, d in own.items()})
            return email, name, {value for value in values if value not in shared} | {email, name}
    raise AssertionError("no person is known to several vendors")


def test_a_forgotten_person_is_found_nowhere_and_does_not_come_back(
    newest: IndexSandbox, vendors: Vendors
) -> None:
    with vendors.at() as served:
        harvester = served.pointed(newest)
        harvest(harvester)
        email, name, marks = person_of(served.truth)
        file = harvester.folder / "documents.ndjson"
        file.write_text("".join(json.dumps(each) + "\n" for each in newest.stored().values()))
        old_file = file.read_bytes()
        refused = next(d for d in served.truth.values() if d.get("email") == email)
        refused = {**refused, "harvested_at": "2026-11-20T12:00:00.000Z", "join_time": "no instant"}
        assert harvester("load", stdin=json.dumps(refused).encode(), HARVESTER_NOW="").returncode == 65
        for path in harvester.folder.glob("*.*"):  # outputs of the harvest
            if path != file:
                path.unlink()
        assert {mark.partition("'")[0] for mark in found_in(everything(harvester, newest), {email})}
        who = ("--email", email.upper(), "--name", name, str(file))
        counted = harvester("forget", *who, "--dry-run", "--json")
        assert counted.returncode == 0, counted.stderr.decode()
        assert newest.stored().keys() == served.truth.keys(), "a dry run changes nothing"
        forgotten = harvester("forget", *who, "--yes", "--json")
        assert forgotten.returncode == 0, forgotten.stderr.decode() + forgotten.stdout.decode()
        before, after = (json.loads(each.stdout)["places"] for each in (counted, forgotten))
        assert [(p["removed"], p["blanked"]) for p in before] == [(p["removed"], p["blanked"]) for p in after]
        assert {p["place"] for p in after if p["removed"] or p["blanked"]} == {
            "file",
            "rejects",
            "index",
            "journal",
        }
        assert found_in(everything(harvester, newest, forgotten.stdout, forgotten.stderr), marks) == []
        stored = newest.stored()
        gone = served.truth.keys() - stored.keys()
        assert gone == {
            k for k, d in served.truth.items() if d.get("email") == email or d.get("user_name") == name
        }
        output = harvest(harvester, "--force")
        assert newest.stored().keys() == stored.keys()
        assert found_in(everything(harvester, newest, output), marks) == []
        loaded = harvester("load", stdin=old_file, HARVESTER_NOW="")
        assert f"{len(gone)} of forgotten people left out" in loaded.stderr.decode()
        assert newest.stored().keys() == stored.keys()
        assert found_in(everything(harvester, newest, loaded.stderr), marks) == []
        verified = harvester("verify", "zoom")
        assert verified.returncode == 0, verified.stdout.decode() + verified.stderr.decode()
