"""`report` and `attendance` from the index and from a file: the same page, the same tables, the same rows."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from msgspec import structs

from connectors.attendance import to_record
from connectors.quality import Measure, Quality, Stream
from harvester.documents import encode, to_documents
from tests.e2e.harness import clean_environment, command
from tests.e2e.index_sandbox import IndexSandbox
from tests.invented_meetings import full_harvest, full_session, plain

ROOT = Path(__file__).parents[2]


def run(sandbox: IndexSandbox, folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    environment = clean_environment(
        ES_HOST=sandbox.node.url, ES_INDEX_PREFIX=sandbox.prefix, HARVESTER_STATE_DIR=str(folder / "state")
    )
    return subprocess.run(
        command(*words), capture_output=True, env=environment, cwd=folder, check=False, input=b""
    )


def test_the_index_and_a_file_give_the_same(sandbox: IndexSandbox, tmp_path: Path) -> None:
    records = [full_harvest(), *(plain(number * 700, sessions=90) for number in range(25))]
    list(sandbox.loader().load(records))
    sandbox.ask("POST", f"/{sandbox.prefix}*/_refresh")
    # A copied index matches the same pattern, and is not read.
    sandbox.ask(
        "PUT", f"/{sandbox.prefix}sessions-copy/_doc/1?refresh=true", {"kind": "session", "vendor": "zoom"}
    )
    file = tmp_path / "documents.ndjson"
    file.write_bytes(b"".join(encode(d) + b"\n" for record in records for d in to_documents(record)))
    days = ("--from", "2026-11-20", "--to", "2026-11-27", "--timezone", "Asia/Kolkata")
    pages = {}
    for name, source in (("file", str(file)), ("index", "--from-index")):
        made = run(sandbox, tmp_path, "report", source, *days, "--csv", name, "-o", f"{name}.html")
        assert made.returncode == 0, made.stderr.decode()
        listed = run(sandbox, tmp_path, "attendance", source, *days, "--format", "csv")
        assert listed.returncode == 0, listed.stderr.decode()
        tables = {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        pages[name] = (tables, listed.stdout, (tmp_path / f"{name}.html").read_bytes())
    assert pages["index"] == pages["file"]
    assert len(pages["file"][1].splitlines()) > 1_000
    assert not (tmp_path / "state").exists()


def test_an_empty_cluster_is_an_empty_input(newest: IndexSandbox, tmp_path: Path) -> None:
    made = run(newest, tmp_path, "attendance", "--from-index")
    assert made.returncode == 0, made.stderr.decode()
    assert b"the input is empty" in made.stderr


def mean(value: float) -> Measure:
    return Measure(mean=value, worst=None, samples=None)


def test_the_searches_of_the_docs_find_poor_sound(sandbox: IndexSandbox) -> None:
    """docs/report.md: of two networks with enough measured sessions, how many were poor, in either direction; and the sessions."""
    page = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    by_network, of_sessions = re.findall(
        r"harvester-sessions/_search\S*\" -H '[^']*' -d '(.*?)'\n```", page, flags=re.DOTALL
    )
    fine, loss, late = (
        {"audio_in": Stream(measures={"packet_loss_pct": mean(1)})},
        {"audio_out": Stream(measures={"packet_loss_pct": mean(5)})},
        {
            "audio_in": Stream(measures={"latency_ms": mean(10)}),
            "audio_out": Stream(measures={"latency_ms": mean(300)}),
        },
    )
    picture = {"video_in": Stream(measures={"latency_ms": mean(900)})}
    sound = {
        "192.0.2": [loss] * 7 + [late] * 3 + [fine] * 30,
        "198.51.100": [fine] * 35,
        "203.0.113": [late] * 29,
    }
    sound["192.0.2"] += [picture] * 5  # no sound was measured
    stays = [
        structs.replace(
            full_session(),
            key=f"{network} {number}",
            ip_address=f"{network}.{number}",
            quality=Quality(**streams),
        )
        for network, streams_of in sound.items()
        for number, streams in enumerate(streams_of)
    ]
    list(sandbox.loader().load([to_record(full_harvest().meeting, stays)]))
    sandbox.ask("POST", f"/{sandbox.prefix}*/_refresh")
    answer = sandbox.ask("POST", f"/{sandbox.prefix}sessions/_search", json.loads(by_network)).body
    found = answer["aggregations"]["network"]["buckets"]
    assert {each["key"]: (each["doc_count"], each["poor"]["doc_count"]) for each in found} == {
        "192.0.2.0": (40, 10),
        "198.51.100.0": (35, 0),
    }
    answer = sandbox.ask("POST", f"/{sandbox.prefix}sessions/_search", json.loads(of_sessions)).body
    listed = [hit["_source"] for hit in answer["hits"]["hits"]]
    assert len(listed) == 7 + 3 + 29
    assert {*listed[0]} == {"join_time", "user_name", "network_type", "topic"}


def test_a_closed_index_is_not_taken_for_an_empty_one(sandbox: IndexSandbox, tmp_path: Path) -> None:
    list(sandbox.loader().load([full_harvest()]))
    sandbox.ask("POST", f"/{sandbox.prefix}*/_refresh")
    index = f"{sandbox.prefix}sessions-2026"
    sandbox.ask("POST", f"/{index}/_close")
    for words in (
        ["attendance", "--from-index"],
        ["report", "--from-index", "-o", "page.html"],
        ["forget", "--email", "person@example.org", "--yes"],
        ["check", "-q"],
    ):
        ended = run(sandbox, tmp_path, *words)
        assert ended.returncode in ({69, 78} if words[0] == "check" else {69}), words
        said = ended.stdout + ended.stderr
        assert f"{index}".encode() in said, words
        assert b"closed" in said, words
    assert not (tmp_path / "page.html").exists()
    # An index of another year may well be closed on purpose.
    other = run(sandbox, tmp_path, "attendance", "--from-index", "--from", "2024-01-01", "--to", "2024-12-31")
    assert other.returncode == 0
    sandbox.ask("POST", f"/{index}/_open")
