"""`harvester rejects --state index`: rejects of every machine."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connectors.errors import ConfigurationError, LeaseHeld
from harvester.cli import cli
from harvester.state.layout import rejects_folder
from harvester.state.rejects import Reject, Rejects
from tests.unit.cli.shared_machine import keep_shared_state_in_memory
from tests.unit.state.shared.machine import HOST, KEY, NOW, PREFIX, Machine
from tests.unit.state.shared.memory_store import Documents
from tests.unit.state.shared.operations import token

HERE, THERE = "zoom:main:here", "google-meet:main:there"


def rejected(name: str) -> list[Reject]:
    return [Reject(document_id=name, index="i", version=1, reason="too long", document=b'{"a":1}')]


@pytest.fixture
def documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Documents:
    """A reject of another machine's harvest, and one of a load on this machine."""
    found = Documents()
    keep_shared_state_in_memory(monkeypatch, found)
    with Machine(found, tmp_path / "other").account() as opened:
        token(opened)
        opened.rejects.add(rejected(THERE))
    with closing(Rejects(rejects_folder(tmp_path / "here", HOST, PREFIX), lambda: NOW)) as kept:
        kept.add(rejected(HERE))
    return found


def run(folder: Path, *words: str, key: str = KEY) -> Result:
    env = {"HARVESTER_STATE_DIR": str(folder / "here"), "ES_HOST": HOST, "HARVESTER_STATE_KEY": key}
    return CliRunner().invoke(cli, ["rejects", *words], env=env, standalone_mode=False)


def listed(folder: Path, *words: str) -> list[str]:
    shown = json.loads(run(folder, "list", "--json", *words).stdout)
    return [row["document_id"] for row in shown["rejects"]]


def test_those_of_all_machines_are_listed_and_exported_without_a_change(
    documents: Documents, tmp_path: Path
) -> None:
    stored = dict(documents.stored)
    assert listed(tmp_path) == [HERE]
    assert listed(tmp_path, "--state", "index") == [HERE, THERE]
    assert run(tmp_path, "export", "--state", "index", key="").stdout == '{"a":1}\n' * 2
    assert documents.stored == stored


def test_one_that_is_dropped_here_is_gone_everywhere_and_the_rest_stays(
    documents: Documents, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    ended = run(tmp_path, "drop", THERE, "unknown", "--state", "index")
    assert ended.return_value == 65, ended.output
    assert "1 dropped" in caplog.messages
    assert listed(tmp_path, "--state", "index") == [HERE]
    with Machine(documents, tmp_path / "third").account() as opened:
        assert len(opened.rejects) == 0
        kept = opened.state.read("webex")
        assert kept is not None
        assert kept.refresh is not None
    assert sorted(path.name for path in tmp_path.glob("here/shared-*/*")) == []


def test_all_are_dropped(documents: Documents, tmp_path: Path) -> None:
    assert run(tmp_path, "drop", "--yes", "--state", "index").return_value == 0
    assert listed(tmp_path, "--state", "index") == []
    assert Machine(documents, tmp_path / "third").shared.has_key


def test_those_of_a_pool_in_use_cannot_be_dropped(
    documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Machine(documents, tmp_path / "other")
    original = Machine.wait

    def wait(machine: Machine, seconds: float) -> None:
        original(machine, seconds)
        if machine is not other:
            other.wait(seconds)

    monkeypatch.setattr(Machine, "wait", wait)
    with other.account() as opened:
        ended = run(tmp_path, "drop", "--yes", "--state", "index")
        assert isinstance(ended.exception, LeaseHeld)
        assert len(opened.rejects) == 1


def test_without_the_key_of_its_tokens_a_pool_is_not_changed(documents: Documents, tmp_path: Path) -> None:
    stored = {name for name in documents.stored if name.startswith("entry-")}
    ended = run(tmp_path, "drop", "--yes", "--state", "index", key="")
    assert isinstance(ended.exception, ConfigurationError)
    assert {name for name in documents.stored if name.startswith("entry-")} == stored
    assert listed(tmp_path, "--state", "index")[-1] == THERE
