from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from connectors.errors import Unreachable
from connectors.meetecho.errors import MeetechoRefused
from connectors.meetecho.writing.calls import Fetched
from harvester import meetecho_write_account
from harvester.cli import cli
from tests.unit.meetecho.writing.fake_meetecho import FakeMeetecho, desired_room

HEADER = "group,session_id,description,start,minutes\n"
FUTURE = "2999-12-01T15:00:00Z"

Run = Callable[..., Result]


@pytest.fixture
def meetecho(monkeypatch: pytest.MonkeyPatch) -> FakeMeetecho:
    fake = FakeMeetecho()
    monkeypatch.setattr(meetecho_write_account, "WriteClient", lambda *_: fake)
    return fake


@pytest.fixture
def run(meetecho: FakeMeetecho, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    environment = {
        "MEETECHO_CLIENT_ID": "datatracker",
        "MEETECHO_CLIENT_SECRET": "marked-secret",
        "HARVESTER_STATE_DIR": str(tmp_path / "state"),
    }

    def command(*words: str, text: str | None = None, **more: str | None) -> Result:
        return CliRunner().invoke(
            cli,
            ["meetecho", "rooms", *words],
            env={**environment, **more},
            input=text,
            standalone_mode=False,
        )

    return command


def row(number: int, *, group: str = "quic", minutes: int = 60) -> str:
    return f"{group},{number},interim-{number},{FUTURE},{minutes}\n"


def apply(run: Run, tmp_path: Path, *rows: str, options: tuple[str, ...] = ()) -> Result:
    (tmp_path / "rooms.csv").write_text(HEADER + "".join(rows))
    return run("apply", "rooms.csv", *options)


def test_apply_creates_and_a_second_one_changes_nothing(
    run: Run, meetecho: FakeMeetecho, tmp_path: Path
) -> None:
    first = apply(run, tmp_path, row(1), row(2))
    assert first.return_value == 0, first
    assert (
        first.stdout.splitlines()[0] == "quic 1 created: https://meetings.example.org/interim/?short=uuid-1"
    )
    meetecho.requests.clear()
    second = apply(run, tmp_path, row(1), row(2))
    assert second.return_value == 0
    assert [line.split()[2] for line in second.stdout.splitlines()] == ["unchanged:", "unchanged:"]
    assert meetecho.writes() == []


def test_a_replacement_prints_both_addresses(run: Run, tmp_path: Path) -> None:
    apply(run, tmp_path, row(1))
    result = apply(run, tmp_path, row(1, minutes=90))
    assert "uuid-2 replaces https://meetings.example.org/interim/?short=uuid-1" in result.stdout
    assert "store the new address in the datatracker" in result.stdout


def test_plan_shows_differences_with_exit_code_65(run: Run, meetecho: FakeMeetecho, tmp_path: Path) -> None:
    apply(run, tmp_path, row(1))
    (tmp_path / "rooms.csv").write_text(HEADER + row(1, minutes=90) + row(2))
    meetecho.requests.clear()
    result = run("plan", "rooms.csv")
    assert result.return_value == 65
    assert (
        "quic 1 replace: 2999-12-01 15:00 UTC for 90 min, interim-1 (now: 2999-12-01 15:00 UTC for 60 min"
        in (result.stdout)
    )
    assert "quic 2 create" in result.stdout
    assert meetecho.writes() == []
    lines = [json.loads(line) for line in run("plan", "rooms.csv", "--json").stdout.splitlines()]
    assert [line["change"] for line in lines] == ["replace", "create"]


def test_a_dry_run_prints_the_requests_and_sends_none(
    run: Run, meetecho: FakeMeetecho, tmp_path: Path
) -> None:
    result = apply(run, tmp_path, row(1), options=("--dry-run",))
    assert result.return_value == 0
    assert "POST /meeting/interim/createRoom\n" in result.stdout
    assert "Authorization: bearer ***\n" in result.stdout
    assert '"room_id": 1' in result.stdout
    assert meetecho.writes() == []


def test_prune_needs_confirmation_or_yes_without_a_terminal(
    run: Run, meetecho: FakeMeetecho, tmp_path: Path
) -> None:
    apply(run, tmp_path, row(1), row(2))
    refused = apply(run, tmp_path, row(1), options=("--prune",))
    assert "1 room would be deleted" in str(refused.exception)
    assert len(meetecho.room_values("quic")) == 2
    result = apply(run, tmp_path, row(1), options=("--prune", "--yes"))
    assert "quic 2 deleted: not in the file" in result.stdout
    assert [room[0] for room in meetecho.room_values("quic")] == [1]


def test_a_group_that_cannot_be_read_is_named_and_stops_no_other(
    run: Run,
    meetecho: FakeMeetecho,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fetch = meetecho.fetch_rooms

    def fetch_rooms(group: str) -> Fetched:
        if group == "quic":
            raise Unreachable("Meetecho: GET /meeting/interim/fetchRooms: no connection")
        return fetch(group)

    monkeypatch.setattr(meetecho, "fetch_rooms", fetch_rooms)
    listed = run("list", "--group", "quic", "--group", "tls")
    assert listed.return_value == 69
    assert "group quic: Meetecho: GET /meeting/interim/fetchRooms: no connection" in caplog.text
    applied = apply(run, tmp_path, row(1), row(2, group="tls"))
    assert applied.return_value == 69
    assert applied.stdout.startswith("quic failed: Meetecho: GET")
    assert [number for number, *_ in meetecho.room_values("tls")] == [2]
    assert run("delete", "--group", "quic", "1").return_value == 69


def test_group_narrows_the_file(run: Run, meetecho: FakeMeetecho, tmp_path: Path) -> None:
    apply(run, tmp_path, row(1), row(2, group="httpbis"), options=("--group", "HTTPBIS"))
    assert (meetecho.room_values("quic"), len(meetecho.room_values("httpbis"))) == ([], 1)


def test_one_wrong_row_refuses_the_whole_file(run: Run, meetecho: FakeMeetecho, tmp_path: Path) -> None:
    result = apply(run, tmp_path, row(1), row(2).replace("Z,", ","))
    assert "rooms.csv: line 3: start has no time zone" in str(result.exception)
    assert "nothing was changed" in str(result.exception)
    assert getattr(result.exception, "exit_code", None) == 65
    assert meetecho.requests == []


def test_rows_come_from_standard_input_too(run: Run, meetecho: FakeMeetecho) -> None:
    line = {"group": "quic", "session_id": 7, "description": "x", "start": FUTURE, "minutes": 30}
    assert run("apply", "-", text=json.dumps(line)).return_value == 0
    assert [room[0] for room in meetecho.room_values("quic")] == [7]


def test_missing_credentials_are_named(run: Run) -> None:
    result = run("list", "--group", "quic", MEETECHO_CLIENT_SECRET=None)
    assert "not set: MEETECHO_CLIENT_SECRET" in str(result.exception)
    assert getattr(result.exception, "exit_code", None) == 78


def test_list_shows_the_rooms_of_a_group(run: Run, meetecho: FakeMeetecho) -> None:
    meetecho.add_room(desired_room(5))
    meetecho.add_room(desired_room(6, group="httpbis"))
    assert [line.split()[1] for line in run("list", "--group", "quic").stdout.splitlines()] == [
        "session",
        "5",
    ]
    (room,) = [json.loads(line) for line in run("list", "--group", "quic", "--json").stdout.splitlines()]
    assert room == {
        "group": "quic",
        "session_id": "5",
        "uuid": "uuid-1",
        "start": "2026-12-01T15:00:00Z",
        "minutes": 60,
        "description": "interim-5",
        "url": "https://meetings.example.org/interim/?short=uuid-1",
    }


def test_delete_takes_an_id_or_an_address_and_future_rooms_only(
    run: Run, meetecho: FakeMeetecho, tmp_path: Path
) -> None:
    apply(run, tmp_path, row(1), row(2), row(3))
    meetecho.add_room(desired_room(4, hours=-24 * 365 * 20))
    result = run(
        "delete", "--group", "quic", "1", "https://meetings.example.org/interim/?short=uuid-2", "--yes"
    )
    assert result.return_value == 0
    assert [room[0] for room in meetecho.room_values("quic")] == [3, 4]
    assert "has begun" in str(run("delete", "--group", "quic", "4", "--yes").exception)
    assert "has no room 9" in str(run("delete", "--group", "quic", "9", "--yes").exception)
    assert "would be deleted" in str(run("delete", "--group", "quic", "3").exception)
    assert [room[0] for room in meetecho.room_values("quic")] == [3, 4]


def test_the_log_shows_writes_without_tokens(run: Run, tmp_path: Path) -> None:
    apply(run, tmp_path, row(1))
    apply(run, tmp_path, row(1, minutes=90))
    lines: list[dict[str, Any]] = [json.loads(line) for line in run("log", "--json").stdout.splitlines()]
    assert [(line["action"], line["status"]) for line in lines] == [
        ("delete room", 200),
        ("create room", 200),
        ("create room", 200),
    ]
    assert "token-" not in run("log").stdout


def test_the_vendor_command_still_harvests_and_lists_its_commands() -> None:
    help_text = CliRunner().invoke(cli, ["meetecho", "--help"]).output
    assert "--upcoming" in help_text
    assert "rooms" in help_text
    refused = CliRunner().invoke(cli, ["meetecho", "roms"])
    assert "roms" in refused.output


@pytest.mark.parametrize("command", ["list", "delete"])
def test_a_group_that_meetecho_refuses_is_77_for_every_command(
    command: str, run: Run, meetecho: FakeMeetecho, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_group: str) -> Fetched:
        raise MeetechoRefused("Meetecho: no token for this group")

    monkeypatch.setattr(meetecho, "fetch_rooms", refuse)
    ended = run(command, "--group", "quic", *(["28208", "--yes"] if command == "delete" else []))
    assert ended.return_value == 77
    assert "harvester: group quic: Meetecho: no token for this group" in ended.stderr
