"""A state folder from before the restructuring opens, and still gives the same answers (tests/data/state/before-restructuring).

Most tests use the command line and SQL, and so are independent of the names of modules.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harvester.state.journal import Journal
from harvester.state.quotas_and_tokens import AccountState
from harvester.state.rejects import Rejects

DATA = Path(__file__).parents[2] / "data" / "state" / "before-restructuring"
NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)
VENDORS = ("google-meet", "meetecho", "webex", "zoom")
Rows = Mapping[str, list[tuple[Any, ...]]]


def rebuild(state: Path) -> Path:
    """The folder as it was, at `state`: the dumps made into databases, everything for its owner only."""
    for source in sorted((DATA / "state").rglob("*")):
        target = state / source.relative_to(DATA / "state")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if source.suffix == ".sql":
            with closing(sqlite3.connect(target.with_suffix(""))) as connection:
                connection.executescript(source.read_text(encoding="utf-8"))
            target.with_suffix("").chmod(0o600)
        elif source.is_file():
            shutil.copyfile(source, target)
    return state


def harvester(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    settings = {"HARVESTER_STATE_DIR": str(state), "HARVESTER_NOW": "2026-11-21T02:00:00Z"}
    return subprocess.run(
        [sys.executable, "-m", "harvester", *words],
        env={**environment, **settings},
        cwd=state,
        capture_output=True,
        text=True,
        check=False,
    )


def expected(name: str) -> Any:
    return json.loads((DATA / "expected" / f"{name}.json").read_text(encoding="utf-8"))


def folder_of(state: Path, vendor: str) -> Path:
    """The account's folder."""
    (folder,) = state.glob(f"{vendor}-main-*")
    return folder


def journal_of(state: Path, vendor: str) -> Path:
    (path,) = folder_of(state, vendor).glob("*/journal.db")
    return path


def rows_of(path: Path) -> Rows:
    """Every row by the name of its table."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in tables}  # noqa: S608  # the name is the test's own


def column(rows: Rows, table: str) -> dict[str, Any]:
    """Second column by first."""
    return {row[0]: row[1] for row in rows[table]}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For tests that only read."""
    return rebuild(tmp_path_factory.mktemp("existing") / "state")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return rebuild(tmp_path / "state")


@pytest.fixture(params=VENDORS)
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_status_reports_every_value_and_changes_no_file(untouched: Path) -> None:
    before = {path: path.read_bytes() for path in untouched.rglob("*") if path.is_file()}
    ended = harvester(untouched, "status", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    found = json.loads(ended.stdout)
    assert found.pop("state_folder") == str(untouched)
    assert {line.partition(":")[0] for line in found.pop("attention")} == {f"{name} main" for name in VENDORS}
    for scope in found["scopes"]:
        assert scope.pop("name") == f"{scope['vendor']}/main"
        assert scope.pop("reached") is True
        assert abs(datetime.fromisoformat(scope.pop("now")) - NOW).total_seconds() < 3600
        assert scope["expiring"].pop("since") < scope["expiring"].pop("until")
        assert scope.pop("refused_partitions") == []  # no version that wrote this state recorded them
        for run in scope["runs"]:
            assert isinstance(run.pop("outcome"), str)
    assert found == expected("status")
    assert {path: path.read_bytes() for path in untouched.rglob("*") if path.is_file()} == before


def test_rejects_are_exported_byte_by_byte(untouched: Path) -> None:
    ended = harvester(untouched, "rejects", "export", "--es-host", "http://127.0.0.1:9200")
    assert ended.returncode == 0, ended.stderr
    (path,) = untouched.glob("*/rejects.db")
    documents = [row[4].decode() for row in rows_of(path)["rejects"]]
    assert len(documents) == 3
    assert sorted(ended.stdout.splitlines()) == sorted(documents)


def test_the_rejects_are_listed_with_their_history(state: Path) -> None:
    (path,) = state.glob("*/rejects.db")
    with closing(Rejects(path.parent, lambda: NOW)) as rejects:
        kept = [(row.document_id, row.version, row.attempts, row.size, row.origin) for row in rejects.rows()]
    torn = "sha256:4208ddcd6ec6242a0d2cf9124743fc69d36fa50a3c6ddd0587a0c7adb4febdd2"
    assert kept == [
        (torn, 0, 1, 37, "standard input line 1"),
        ("zoom:elsewhere:X", 31795132800000, 1, 198, "standard input line 2"),
        ("zoom:main:wxKT5y5v9262T4oEu6q6ag==", 21795134601961, 1, 804, ""),
    ]


def test_the_journal_knows_every_meeting_by_its_outcome(state: Path, vendor: str) -> None:
    outcomes = expected("outcomes")[vendor]
    path = journal_of(state, vendor)
    raw = {row[0]: row for row in rows_of(path)["meetings"]}
    with closing(Journal(path.parent)) as journal:
        assert journal.counts() == {outcome: len(uuids) for outcome, uuids in outcomes.items()}
        for outcome, uuids in outcomes.items():
            for uuid in uuids:
                meeting = journal.meeting(uuid)
                assert meeting is not None
                assert (meeting.outcome, meeting.reason, meeting.rank, meeting.attempts) == (
                    outcome,
                    raw[uuid][9],
                    raw[uuid][6],
                    raw[uuid][10],
                )
        still_open = {name: {*outcomes.get(name, ())} for name in ("listed", "pending", "failed")}
        found = [(meeting.outcome, meeting.uuid) for meeting in journal.open_meetings()]
        assert len(found) == sum(map(len, still_open.values()))
        assert all(uuid in still_open[outcome] for outcome, uuid in found)


def test_opening_the_databases_to_write_keeps_every_row(state: Path) -> None:
    paths = sorted(state.rglob("*.db"))
    before = {path: rows_of(path) for path in paths}
    for vendor in VENDORS:
        Journal(journal_of(state, vendor).parent).close()
        AccountState(folder_of(state, vendor), lambda: NOW).close()
    Rejects(next(state.glob("*/rejects.db")).parent, lambda: NOW).close()
    for path in paths:
        after = rows_of(path)
        for name, rows in before[path].items():  # in any order
            assert sorted(after[name], key=repr) == sorted(rows, key=repr)


@pytest.fixture
def zoom(state: Path) -> Iterator[AccountState]:
    with closing(AccountState(folder_of(state, "zoom"), lambda: NOW)) as account:
        yield account


@pytest.fixture
def webex(state: Path) -> Iterator[AccountState]:
    with closing(AccountState(folder_of(state, "webex"), lambda: NOW)) as account:
        yield account


def test_quotas_and_facts_of_the_account_are_still_known(zoom: AccountState) -> None:
    assert zoom.quota_used("heavy") == 123
    assert zoom.get_fact("zoom daily limit until") == "2026-11-22T00:00:00+00:00"


def test_tokens_are_still_known(webex: AccountState, state: Path) -> None:
    stored = json.loads(column(rows_of(folder_of(state, "webex") / "account.db"), "tokens")["webex"])
    token = webex.read("webex")
    assert token is not None
    assert (token.access, token.refresh, token.scope) == (
        stored["access"],
        stored["refresh"],
        stored["scope"],
    )
    assert token.expires_at == datetime.fromisoformat(stored["expires_at"])


def test_leases_still_hold_until_they_end(state: Path) -> None:
    leases = column(rows_of(folder_of(state, "webex") / "account.db"), "claims")
    name, until = max(leases.items(), key=lambda each: each[1])
    for seconds, held in ((-1, True), (1, False)):
        now = datetime.fromtimestamp(until / 1000 + seconds, UTC)
        with closing(AccountState(folder_of(state, "webex"), lambda now=now: now)) as account:  # type: ignore[misc]  # bound to the value of this turn
            found = account.acquire_lease(name, now)
        assert (found is not None) is held
