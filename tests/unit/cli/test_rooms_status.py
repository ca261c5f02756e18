"""`harvester rooms status`, `find` and `discover`, over calendars in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from connectors.errors import Unreachable
from connectors.google_meet.room_calendar_api import RoomResource
from harvester.cli import cli, rooms_status
from harvester.rooms.rooms_account import RoomsAccount
from tests.unit.fake_context import FakeContext
from tests.unit.rooms.fake_calendars import FakeCalendars, at, event

Run = Callable[..., Result]
ROOMS = """
[[rooms.room]]
name = "Big"
calendar = "big@example.org"
capacity = 12

[[rooms.room]]
name = "Small"
calendar = "small@example.org"
capacity = 4

[[rooms.room]]
name = "Nook"
calendar = "nook@example.org"
"""


@pytest.fixture
def calendars() -> FakeCalendars:
    """The big room is busy from ten to eleven; the small one from half past ten."""
    fake = FakeCalendars()
    fake.set("big@example.org", event("Board", 10, 11))
    fake.set("small@example.org", event("Interview", 10.5, 12))
    return fake


@pytest.fixture
def run(calendars: FakeCalendars, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    @contextmanager
    def opened(_env: object) -> Iterator[RoomsAccount]:
        context: Any = FakeContext(at(10))
        yield RoomsAccount(
            calendars=calendars, context=context, default_zone=ZoneInfo("UTC"), folder=tmp_path, label="main"
        )

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rooms_status, "opened", opened)
    (tmp_path / "rooms.toml").write_text(ROOMS)

    def command(*words: str) -> Result:
        return CliRunner().invoke(cli, ["rooms", *words], standalone_mode=False)

    return command


def test_the_state_of_every_room_is_shown(run: Run) -> None:
    ended = run("status")
    assert ended.return_value == 0
    header, *rows = [line.split() for line in ended.stdout.splitlines()]
    assert header == ["room", "state", "now", "next"]
    assert [row[:2] for row in rows] == [["Big", "busy"], ["Small", "free"], ["Nook", "free"]]
    assert rows[1][-2:] == ["10:30", "Interview"]


def test_titles_are_hidden_on_request(run: Run) -> None:
    output = run("status", "--titles", "hide").stdout
    assert "Board" not in output
    assert "Interview" not in output


def test_another_instant_and_named_rooms(run: Run) -> None:
    found = json.loads(run("status", "small", "--at", "2026-11-30T11:30Z", "--json").stdout)
    assert [(room["room"], room["busy"]) for room in found] == [("Small", True)]


def test_an_unknown_room_is_named_with_the_known_ones(run: Run) -> None:
    assert "there is no room 'Attic'; there are Big, Small, Nook" in str(run("status", "Attic").exception)


def test_a_calendar_that_cannot_be_read_is_unknown(run: Run, calendars: FakeCalendars) -> None:
    calendars.refused["read"] = Unreachable("Google does not answer")
    ended = run("status", "--json")
    assert ended.return_value == 69
    assert [room["busy"] for room in json.loads(ended.stdout)] == [None, None, None]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["Nook", "Small"]),
        (["--for", "31m"], ["Nook"]),
        (["--seats", "4"], ["Small"]),
        (["--at", "2026-11-30T12:00Z", "--seats", "4"], ["Small", "Big"]),
    ],
)
def test_free_rooms_are_found_the_smallest_first(words: list[str], names: list[str], run: Run) -> None:
    ended = run("find", *words, "--json")
    assert ended.return_value == 0
    assert [room["room"] for room in json.loads(ended.stdout)] == names


def test_no_free_room_is_an_exit_code(run: Run) -> None:
    ended = run("find", "--seats", "13")
    assert (ended.return_value, ended.stdout) == (65, "no room is free\n")


def test_the_companys_rooms_are_printed_as_a_configuration(
    run: Run, calendars: FakeCalendars, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = [RoomResource(calendar="x@example.org", name='Room "7"', capacity=8, building="B", floor="2")]
    monkeypatch.setattr(calendars, "resources", lambda: found)
    ended = run("discover")
    assert ended.return_value == 0
    (tmp_path / "rooms.toml").write_text(ended.stdout)
    monkeypatch.setattr(calendars, "read", FakeCalendars().read)
    assert [room["room"] for room in json.loads(run("status", "--json").stdout)] == ['Room "7"']
