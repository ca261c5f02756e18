"""A connector of another package that cannot be used does not stop the other vendors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import connectors
from connectors.errors import BrokenPlugin
from harvester.cli import cli
from harvester.state.journal import Journal

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Two packages: one imports a missing library, the class of the other is incomplete."""
    (tmp_path / "lacking.py").write_text("import package_that_nobody_installed\n")
    (tmp_path / "unfinished.py").write_text("class Half:\n    name = 'half'\n    title = 'Half'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    points = [
        EntryPoint("jitsi", "lacking:Jitsi", connectors.GROUP),
        EntryPoint("half", "unfinished:Half", connectors.GROUP),
    ]
    monkeypatch.setattr(connectors, "entry_points", lambda group: points if group == connectors.GROUP else [])
    caches = (connectors.table, connectors.logins, connectors._plugins)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def invoke(*words: str, **more: str) -> Result:
        environment = {"HARVESTER_STATE_DIR": str(tmp_path / "state"), "ES_HOST": "", **more}
        return CliRunner().invoke(cli, words, env=environment, standalone_mode=False)

    return invoke


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("jitsi", "the package lacking cannot be used: No module named 'package_that_nobody_installed'"),
        ("half", "the package unfinished cannot be used: the class lacks settings, options"),
    ],
)
def test_the_package_and_the_missing_parts_are_named(name: str, what: str) -> None:
    with pytest.raises(BrokenPlugin, match=what):
        connectors.load(name)


def test_check_fails_for_the_broken_ones_and_checks_the_others(run: Run) -> None:
    ended = run("check")
    assert ended.return_value == 78
    lines = ended.stdout.splitlines()
    assert [line[:15] for line in lines if line.startswith("FAILED")][:2] == [
        "FAILED  half: t",
        "FAILED  jitsi: ",
    ]
    assert any(line.startswith("unused  zoom: not configured") for line in lines)


def test_all_harvests_the_others(run: Run, tmp_path: Path) -> None:
    ended = run(
        "all", "--summary-json", "summary.json", WEBEX_ACCESS_TOKEN="t", WEBEX_API_URL="http://127.0.0.1:9",
        HARVESTER_SPEED="1000",
    )  # fmt: skip
    assert ended.return_value == 78
    vendors = json.loads((tmp_path / "summary.json").read_text())["vendors"]
    assert [vendor["vendor"] for vendor in vendors] == ["half", "jitsi", "webex"]


def test_verify_compares_the_others(run: Run) -> None:
    ended = run(
        "verify",
        "--json",
        ES_HOST="http://127.0.0.1:9",
        MEETECHO_GROUPS="acro",
        DATATRACKER_URL="http://127.0.0.1:9",
        HARVESTER_SPEED="1000",
    )
    assert ended.return_value == 78
    found = {result["vendor"]: result["error"] for result in json.loads(ended.stdout)["vendors"]}
    assert "package_that_nobody_installed" in found["jitsi"]
    assert set(found) >= {"half", "jitsi"}


@pytest.mark.parametrize("words", [["--help"], ["plan", "--help"], ["status"]])
def test_help_and_status_work(run: Run, words: list[str]) -> None:
    assert run(*words).exception is None


def test_status_shows_the_journal_of_a_broken_vendor(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "jitsi-main-0123456789ab" / "elasticsearch-harvester-ba9876543210"
    with closing(Journal(folder)) as journal:
        journal.set_fact("vendor", "jitsi")
        journal.set_fact("account", "main")
    ended = run("status")
    assert ended.return_value == 0
    assert "jitsi" in ended.stdout
    assert "package_that_nobody_installed" in ended.stderr


def test_the_command_of_a_broken_vendor_names_the_missing_parts(run: Run) -> None:
    assert isinstance(run("jitsi").exception, BrokenPlugin)
    assert isinstance(run("plan", "jitsi", "--from", "2026-11-01").exception, BrokenPlugin)
