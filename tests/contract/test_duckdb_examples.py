"""The lines of docs/report.md for DuckDB and jq work on documents as they are written."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from harvester.simulator import expected
from harvester.simulator.organisation import Organisation
from tests.invented_meetings import full_harvest, plain
from tests.unit.analysis.record_strategies import documents, write

PAGE = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
LINES = re.findall(r"```sql\n(.*?)\n```", PAGE, flags=re.DOTALL)


def test_there_is_a_line_for_each_recipe() -> None:
    assert len(LINES) == 5


@pytest.mark.parametrize("line", LINES[:-1])
def test_a_line_works(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "documents.ndjson", documents([full_harvest(), plain(1)]))
    found = duckdb.sql(line)
    if line.startswith("SELECT"):
        rows = found.fetchall()
        assert len(rows) == 1
        assert "ada@example.org" in rows[0] or "meeting-1" in rows[0]
    for path, count in ((tmp_path / "documents.parquet", 6), (tmp_path / "meetings.csv", 2)):
        if path.name in line:
            assert duckdb.sql(f"FROM '{path}' SELECT count(*)").fetchall() == [(count,)]


POOR = {"packet_loss_pct": 5, "jitter_ms": 50, "latency_ms": 300}


def is_poor(session: Mapping[str, Any]) -> bool | None:
    """Whether the sound of the session was poor in either direction; `None` if it was not measured."""
    sides = [(session.get("quality") or {}).get(side) or {} for side in ("audio_in", "audio_out")]
    found = [
        side[name]["mean"] >= limit
        for side in sides
        for name, limit in POOR.items()
        if "mean" in side.get(name, {})
    ]
    return any(found) if found else None


def write_demo(path: Path) -> list[dict[str, Any]]:
    """The documents of a harvest like that of `make demo`: of every vendor, with and without addresses and quality."""
    organisation = Organisation(seed=1, size=100, days=2, now=datetime(2026, 11, 20, 12, tzinfo=UTC))
    found = list(expected.documents(organisation, source="dashboard", qos=True))
    path.write_bytes(b"\n".join(orjson.dumps(document, option=orjson.OPT_UTC_Z) for document in found))
    return found


@pytest.mark.skipif(
    shutil.which("jq") is None, reason="jq, for which docs/report.md has a line, is not installed"
)
def test_sessions_with_bad_sound_are_those_of_the_documents(tmp_path: Path) -> None:
    write_demo(tmp_path / "documents.ndjson")
    found = [orjson.loads(line) for line in (tmp_path / "documents.ndjson").read_bytes().splitlines()]
    (command,) = re.findall(r"```sh\n(jq -r .*?)\n```", PAGE, flags=re.DOTALL)
    command = command.replace("@tsv", "tojson")  # it escapes NUL and line breaks, each version as it likes
    ended = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    names = ("join_time", "user_name", "network_type", "topic")
    bad = [each for each in found if each["kind"] == "session" and is_poor(each)]
    assert len(bad) > 30
    lines = [orjson.loads(line) for line in ended.stdout.splitlines()]
    assert Counter(map(str, lines)) == Counter(str([each.get(name) for name in names]) for each in bad)


def test_poor_sound_by_network_is_that_of_the_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = write_demo(tmp_path / "documents.ndjson")
    measured: Counter[str] = Counter()
    poor: Counter[str] = Counter()
    for document in found:
        address, judged = document.get("ip_address") or "", is_poor(document)
        if document["kind"] == "session" and "." in address and judged is not None:
            network = re.sub(r"[.]\d+$", ".0/24", address)
            measured[network] += 1
            poor[network] += judged
    rows = [
        (network, count, poor[network], round(100 * poor[network] / count, 1))
        for network, count in measured.items()
        if count >= 30
    ]
    assert len(rows) > 2
    assert sum(poor.values()) > 30
    assert duckdb.sql(LINES[-1]).fetchall() == sorted(rows, key=lambda row: (-row[3], row[0]))
