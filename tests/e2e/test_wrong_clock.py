"""A machine with its clock ten days ahead, for every vendor: its run writes nothing, and meetings that an earlier version wrote are read again by the next run with a right clock."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harvester.simulator import VENDORS
from harvester.state.journal_reader import JournalReader
from harvester.state.journal_rows import to_microseconds
from tests.e2e.harness import Documents, Harvester, differences, lines
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.simulator_in_process import RunningSimulator, Vendors
from tests.e2e.test_zoom import stored

pytestmark = pytest.mark.with_templates

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FIRST = datetime(2026, 11, 17, tzinfo=UTC)
"""The first day of the organisation."""
NIGHT = NOW + timedelta(hours=26)
"""All its meetings are over, and all that is known of them is there."""


@pytest.fixture(params=VENDORS)
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def served(vendor: str, tmp_path: Path) -> Iterator[RunningSimulator]:
    options = {"vendors": (vendor,), "now": NOW, "size": 30, "days": 3, "speed": 50.0, "seed": 11}
    with Vendors(tmp_path, options).at(NIGHT - NOW) as found:
        yield found


def ahead(served: RunningSimulator, span: timedelta) -> str:
    """HARVESTER_NOW of a machine with its clock ahead."""
    shown, _, real = served.settings["HARVESTER_NOW"].partition("@")
    return f"{(datetime.fromisoformat(shown) + span).isoformat()}@{real}"


def journals(harvester: Harvester) -> list[Path]:
    return list((harvester.folder / "state").rglob("journal.db"))


def late_harvest(served: RunningSimulator, vendor: str, folder: Path) -> Documents:
    """The documents of a full harvest now. The simulator's truth of Zoom is that of the organisation's time."""
    if vendor != "zoom":
        return served.truth
    folder.mkdir()
    printed = Harvester(folder, served.settings)(vendor, "--from", "2026-11-17", "--destination", "stdout")
    assert printed.returncode == 0, printed.stderr.decode()
    return lines(printed.stdout)


def test_a_run_with_the_clock_ahead_stops_before_any_write(
    newest: IndexSandbox, served: RunningSimulator, vendor: str
) -> None:
    harvester = served.pointed(newest)
    wrong = ahead(served, 10 * DAY)
    for words in ((vendor, "-q"), ("verify", vendor, "--repair", "--date", "2026-11-19")):
        ended = harvester(*words, HARVESTER_NOW=wrong)
        assert ended.returncode == 78, ended.stderr.decode()
        message = ended.stderr.decode()
        assert "clock is 10 days ahead of the vendor's" in message
        assert "2026-12-01 14:" in message
        assert "2026-11-21 14:" in message
    assert (journals(harvester), newest.indices()) == ([], [])
    ended = harvester(vendor, "--date", "2026-11-19", "--dry-run", HARVESTER_NOW=wrong)
    assert (ended.returncode, b"10 days ahead" in ended.stderr) == (0, True)


@pytest.mark.parametrize("vendor", ["zoom"])
def test_minutes_are_corrected_and_said_once(
    newest: IndexSandbox, served: RunningSimulator, vendor: str
) -> None:
    harvester = served.pointed(newest)
    ended = harvester(vendor, "--date", "2026-11-19", HARVESTER_NOW=ahead(served, timedelta(minutes=20)))
    assert ended.returncode == 0, ended.stderr.decode()
    assert ended.stderr.count(b"20 minutes ahead") == 1
    latest = max(document["harvested_at"] for document in stored(newest).values())
    assert latest < "2026-11-21T14:15"


def test_what_an_earlier_version_recorded_with_the_clock_ahead_is_read_again(
    newest: IndexSandbox, served: RunningSimulator, vendor: str
) -> None:
    harvester = served.pointed(newest)
    assert harvester(vendor, "--date", "2026-11-18").returncode == 0
    (path,) = journals(harvester)
    given_up = make_wrong(path)
    found = harvester("verify", vendor)
    assert found.returncode == 65
    assert b"had a clock that was ahead: it recorded 2026-12-01 14:30 UTC" in found.stdout

    ended = harvester(vendor)
    assert ended.returncode == 0, ended.stderr.decode()
    assert b"was ahead in an earlier run, up to 2026-12-01 14:30 UTC" in ended.stderr
    assert differences(stored(newest), late_harvest(served, vendor, newest.folder / "elsewhere")) == []
    with closing(JournalReader.open(path.parent)) as journal:
        taken_back = journal.meeting(given_up)
        assert taken_back is not None
        assert taken_back.outcome in {"done", "pending"}
    again = harvester(vendor)
    assert (again.returncode, b"was ahead" in again.stderr) == (0, False)
    assert harvester("verify", vendor).returncode == 0


def make_wrong(path: Path) -> str:
    """Write into a journal as a nightly run of the previous schema did with the clock ahead. Returns the uuid of a meeting that was given up as too old."""
    began = NIGHT + 10 * DAY
    first, last, at = map(to_microseconds, (FIRST, began.replace(hour=0), began))
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in ("given_up", "given_up_partitions", "refused", "sessions"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 2")
        ended = to_microseconds(began + timedelta(minutes=30))
        run = (at, ended, "nightly", 0, "{}")
        connection.execute(
            "INSERT INTO runs (began, ended, what, exit_code, summary) VALUES (?, ?, ?, ?, ?)", run
        )
        connection.execute("INSERT OR REPLACE INTO facts VALUES ('wanted_since', ?)", (str(first),))
        connection.execute("DELETE FROM intervals")
        connection.execute("INSERT INTO intervals VALUES (?, ?, ?, '')", (first, last, at))
        (uuid,) = connection.execute("SELECT min(uuid) FROM meetings WHERE outcome = 'done'").fetchone()
        gone = "UPDATE meetings SET outcome = 'gone', reason = 'expired', rank = NULL, harvested_at = NULL WHERE uuid = ?"
        connection.execute(gone, (uuid,))
    return str(uuid)
