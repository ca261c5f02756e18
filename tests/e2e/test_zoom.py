"""A simulated vendor, through the command line, into a real Elasticsearch, compared with the truth."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import Documents, Harvester, Simulator, differences
from tests.e2e.index_sandbox import IndexSandbox

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def pointed(sandbox: IndexSandbox, simulator: Simulator, **more: str) -> Harvester:
    settings = {**simulator.settings, "ES_HOST": sandbox.node.url, "ES_INDEX_PREFIX": sandbox.prefix, **more}
    return Harvester(sandbox.folder, settings)


def hits(sandbox: IndexSandbox) -> list[dict[str, Any]]:
    """Every stored document with its index and version, a page of ids at a time."""
    sandbox.ask("POST", f"/{sandbox.prefix}*/_refresh")
    found: list[dict[str, Any]] = []
    after: list[str] = []
    while True:
        asked: dict[str, Any] = {
            "size": 5_000,
            "version": True,
            "sort": [{"document_id": "asc"}],
            "query": {"match_all": {}},
        }
        if after:
            asked["search_after"] = after
        page = sandbox.ask("POST", f"/{sandbox.prefix}*/_search", asked).body["hits"]["hits"]
        found += page
        if len(page) < 5_000:
            return found
        after = page[-1]["sort"]


def stored(sandbox: IndexSandbox) -> Documents:
    found = hits(sandbox)
    documents = {hit["_id"]: hit["_source"] for hit in found}
    assert len(documents) == len(found), "an id in two indices"
    assert all(hit["_id"] == hit["_source"]["document_id"] for hit in found)
    return documents


@pytest.mark.with_templates
def test_two_thousand_meetings_with_every_quirk_arrive_as_the_truth_has_them(
    newest: IndexSandbox, tmp_path: Path
) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=2_000, days=30) as simulator:
        harvester = pointed(newest, simulator)
        ended = harvester("zoom", *simulator.dates, "--destination", "index")
        assert ended.returncode == 0, ended.stderr.decode()
        assert differences(stored(newest), simulator.truth) == []
        before = {hit["_id"]: hit["_version"] for hit in hits(newest)}

        again = harvester("zoom", *simulator.dates, "--destination", "index")
        assert again.returncode == 0, again.stderr.decode()
        after = {hit["_id"]: hit["_version"] for hit in hits(newest)}
        assert after.keys() == before.keys()
        assert all(after[name] >= version for name, version in before.items())
        assert differences(stored(newest), simulator.truth) == []


@pytest.mark.with_templates
def test_faults_change_nothing_in_the_index(newest: IndexSandbox, tmp_path: Path) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=600, days=10, faults=0.05) as simulator:
        ended = pointed(newest, simulator)("zoom", *simulator.dates)
        assert ended.returncode == 0, ended.stderr.decode()
        assert differences(stored(newest), simulator.truth) == []
        assert simulator.traffic()["faults"]


def test_the_oldest_supported_server_gets_the_same_documents(sandbox: IndexSandbox, tmp_path: Path) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=150, days=5) as simulator:
        ended = pointed(sandbox, simulator)("zoom", *simulator.dates)
        assert ended.returncode == 0, ended.stderr.decode()
        assert differences(stored(sandbox), simulator.truth) == []


@pytest.mark.with_templates
def test_reports_arrive_as_the_truth_has_them(newest: IndexSandbox, tmp_path: Path) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=200, days=5, more=["--zoom-plan", "pro"]) as simulator:
        ended = pointed(newest, simulator)("zoom", *simulator.dates)
        assert ended.returncode == 0, ended.stderr.decode()
        assert differences(stored(newest), simulator.truth) == []


@pytest.mark.with_templates
def test_quality_arrives_as_the_truth_has_it(newest: IndexSandbox, tmp_path: Path) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=60, days=3, more=["--truth-qos"]) as simulator:
        ended = pointed(newest, simulator)("zoom", *simulator.dates, "--qos")
        assert ended.returncode == 0, ended.stderr.decode()
        found, truth = stored(newest), simulator.truth
        assert differences(found, truth) == []
        assert any("quality" in document for document in found.values())


@pytest.mark.with_templates
def test_meetings_without_any_time_are_gone_at_every_run(newest: IndexSandbox, tmp_path: Path) -> None:
    """On days older than the lookback, in which they could still get one: the first time, again, and into stdout."""
    with Simulator(tmp_path / "simulator", NOW, size=500, days=14) as simulator:
        harvester = pointed(newest, simulator)
        first = NOW.date() - timedelta(days=14)
        dates = ["--from", f"{first}", "--to", f"{first + timedelta(days=4)}"]
        found = []
        for way in ([], ["--force"], ["--destination", "stdout"]):
            ended = harvester("zoom", *dates, *way, "--summary-json", "summary.json")
            assert ended.returncode == 0, ended.stderr.decode()
            (run,) = json.loads((newest.folder / "summary.json").read_text())["vendors"]
            found.append((run["listed"], run["gone"], run["gone_by_reason"], run["failed"]))
            assert f"zoom: gone: {run['gone']} without a start time".encode() in ended.stderr
    assert found == found[:1] * 3
    assert found[0][1] > 0


def test_stdout_piped_into_load_is_the_same_index(newest: IndexSandbox, tmp_path: Path) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=100, days=3) as simulator:
        harvester = pointed(newest, simulator)
        printed = harvester("zoom", *simulator.dates, "--destination", "stdout")
        loaded = harvester("load", stdin=printed.stdout)
        assert loaded.returncode == 0, loaded.stderr.decode()
        assert differences(stored(newest), simulator.truth) == []


def test_a_role_that_may_only_create_and_write_loads(guarded: IndexSandbox, tmp_path: Path) -> None:
    loader = guarded.node.users["loader"]
    with Simulator(tmp_path / "simulator", NOW, size=60, days=2) as simulator:
        harvester = pointed(guarded, simulator, ES_USERNAME=loader.name, ES_PASSWORD=loader.password)
        ended = harvester("zoom", *simulator.dates)
        assert ended.returncode == 0, ended.stderr.decode()
        assert differences(stored(guarded), simulator.truth) == []
        assert b"templates" in ended.stderr

        refused = harvester(
            "zoom", *simulator.dates, "--summary-json", "summary.json", ES_PASSWORD="marked-wrong-password"
        )
        assert refused.returncode == 77
        assert b"marked-wrong-password" not in refused.stderr
        ended_with(77, "ES_PASSWORD", guarded.folder)


def ended_with(code: int, message: str, folder: Path) -> None:
    """The summary of a run that stopped early."""
    summary = json.loads((folder / "summary.json").read_text())
    (vendor,) = summary["vendors"]
    assert (summary["exit_code"], vendor["exit_code"]) == (code, code)
    assert message in summary["reason"]
    assert message in vendor["reason"]
    assert vendor["reason"] == vendor["failures"][0]["why"]


def test_documents_loaded_before_a_failed_cleanup_are_counted(newest: IndexSandbox, tmp_path: Path) -> None:
    """An older index that grew without templates: its ids cannot be sorted by."""
    document = {
        "document_id": "zoom:main:x:y",
        "vendor": "zoom",
        "account": "main",
        "meeting": "x",
        "harvested_at": "2025-11-20T00:00:00.000Z",
    }
    newest.ask("POST", f"/{newest.prefix}sessions-2025/_doc?refresh=true", document)
    with Simulator(tmp_path / "simulator", NOW, size=40, days=2) as simulator:
        ended = pointed(newest, simulator)("zoom", *simulator.dates, "--summary-json", "summary.json")
        assert ended.returncode == 78, ended.stderr.decode()
    summary = json.loads((newest.folder / "summary.json").read_text())
    (vendor,) = summary["vendors"]
    assert summary["exit_code"] == vendor["exit_code"] == 78
    assert vendor["cleanup_pending"] > 0, (vendor, ended.stderr.decode())
    assert vendor["documents"] + vendor["rejected"] >= vendor["cleanup_pending"]
    answer = " ".join(ended.stderr.decode().split())
    assert (
        f"{vendor['cleanup_pending']:,} meetings stored, but stale documents could not be checked" in answer
    )


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"ES_HOST": "https://127.0.0.1:9"}, 69), ({"ES_HOST": "http://user:word@127.0.0.1:9"}, 78)],
)
def test_an_elasticsearch_that_cannot_be_reached_or_understood_is_named(
    newest: IndexSandbox, tmp_path: Path, changed: dict[str, str], code: int
) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=40, days=2) as simulator:
        ended = pointed(newest, simulator)(
            "zoom", "--date", "2026-11-19", "--summary-json", "summary.json", **changed
        )
        assert ended.returncode == code, ended.stderr.decode()
        ended_with(code, "ES_HOST", newest.folder)
        assert b"Traceback" not in ended.stderr
        assert b"word" not in ended.stderr.replace(b"password", b"")


MEETING = (
    b'{"document_id":"zoom:main:a","@timestamp":"2026-11-19T09:00:00Z","kind":"meeting","detail":"basic",'
    b'"harvested_at":"2026-11-20T00:00:00.000Z","vendor":"zoom","account":"main","uuid":"a"}\n'
)


def test_rejects_are_listed_exported_and_replayed(newest: IndexSandbox) -> None:
    harvester = Harvester(newest.folder, {"ES_HOST": newest.node.url, "ES_INDEX_PREFIX": newest.prefix})
    bad = MEETING.replace(b'"uuid":"a"', b'"uuid":{"no":"scalar"}').replace(b"zoom:main:a", b"zoom:main:b")
    ended = harvester("load", stdin=MEETING + bad + b"torn\n")
    assert ended.returncode == 65
    assert b"line 2" in ended.stderr
    assert b"line 3" in ended.stderr
    assert set(newest.stored()) == {"zoom:main:a"}
    listed = harvester("rejects", "list").stdout.decode()
    assert "zoom:main:b" in listed
    assert "sha256:" in listed
    exported = harvester("rejects", "export").stdout
    assert sorted(exported.splitlines()) == sorted([bad.strip(), b"torn"])
    assert harvester("rejects", "replay").returncode == 65
    mended = harvester("load", stdin=bad.replace(b'{"no":"scalar"}', b'"b"'))
    assert mended.returncode == 0, mended.stderr.decode()
    assert "zoom:main:b" not in harvester("rejects", "list").stdout.decode()
    assert harvester("rejects", "drop", "--yes").returncode == 0
    assert harvester("rejects", "list").stdout == b""


def test_templates_are_installed_compared_and_checked(newest: IndexSandbox) -> None:
    harvester = Harvester(newest.folder, {"ES_HOST": newest.node.url, "ES_INDEX_PREFIX": newest.prefix})
    assert harvester("templates", "install").returncode == 0
    assert b"no difference" in harvester("templates", "diff").stderr
    other = harvester("templates", "install", "--index-period", "month")
    assert other.returncode == 78
    assert b"--index-period year" in other.stderr
    checked = harvester("check")
    assert checked.returncode == 78
    assert b"no vendor is configured" in checked.stdout
    assert b"installed, as shipped" in checked.stdout
    monthly = harvester("check", ES_INDEX_PERIOD="month")
    assert monthly.returncode == 78
    assert b"created for one index per year" in monthly.stdout
    assert b"ES_INDEX_PERIOD=year" in harvester("templates", "diff", ES_INDEX_PERIOD="month").stderr


def test_one_index_per_month_is_a_setting_of_every_command(newest: IndexSandbox) -> None:
    harvester = Harvester(newest.folder, {"ES_HOST": newest.node.url, "ES_INDEX_PREFIX": newest.prefix})
    monthly = {"ES_INDEX_PERIOD": "month"}
    assert harvester("templates", "install", **monthly).returncode == 0
    assert harvester("templates", "diff", **monthly).returncode == 0
    assert harvester("load", stdin=MEETING, **monthly).returncode == 0
    assert set(newest.indices()) == {f"{newest.prefix}meetings-2026-11"}


def test_check_names_a_foreign_index_and_a_read_only_one(newest: IndexSandbox, tmp_path: Path) -> None:
    sessions_index, meetings_index = f"{newest.prefix}sessions-2026", f"{newest.prefix}meetings-2026"
    newest.ask("PUT", f"/{meetings_index}", {})
    with Simulator(tmp_path / "simulator", NOW, size=40, days=2) as simulator:
        harvester = pointed(newest, simulator)
        assert b"was not created by the harvester" in harvester("check").stdout
        assert harvester("zoom", "--date", "2026-11-19").returncode == 78
        newest.ask("DELETE", f"/{meetings_index}")
        assert harvester("zoom", "--date", "2026-11-19").returncode == 0
        newest.ask("PUT", f"/{sessions_index}/_settings", {"index.blocks.write": True})
        checked = harvester("check")
        assert (checked.returncode, b"cannot be written" in checked.stdout) == (69, True), (
            checked.stdout.decode()
        )
        assert harvester("zoom", "--date", "2026-11-19").returncode == 69
        newest.ask("PUT", f"/{sessions_index}/_settings", {"index.blocks.write": False})
        assert harvester("zoom", "--date", "2026-11-19").returncode == 0
        assert not [
            line for line in differences(stored(newest), simulator.truth) if "not in the truth" in line
        ]
