"""Meetecho's rooms as desired state: the command line against the simulator. Its rooms are compared with the file."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harvester.simulator.meetecho.planned_faults import Exchange
from tests.e2e.harness import HANGS_SECONDS, Harvester, command
from tests.e2e.meetecho_bench import (
    CREATE,
    DELETE,
    FETCH,
    GROUP,
    TOKENS,
    Bench,
    meetecho_bench,
    ndjson,
    room_row,
    room_values,
)

ONE, TWO, THREE = room_row(50), room_row(51, hour=16, minutes=90), room_row(52, hour=17)


def test_a_second_apply_makes_reading_requests_only(meetecho: Bench) -> None:
    others = meetecho.other_rooms()
    harvester = Harvester(meetecho.folder, meetecho.settings)
    planned = harvester("meetecho", "rooms", "plan", "-", stdin=ndjson(ONE, TWO))
    assert (planned.returncode, meetecho.rooms()) == (65, [])
    applied = harvester("meetecho", "rooms", "apply", "-", stdin=ndjson(ONE, TWO))
    assert applied.returncode == 0, applied.stderr
    assert meetecho.rooms() == room_values(ONE, TWO)
    since = meetecho.mark()
    assert meetecho.apply(ONE, TWO).exit_code == 0
    assert meetecho.plan(ONE, TWO).exit_code == 0
    assert meetecho.calls(since=since) == [FETCH, FETCH]
    assert meetecho.other_rooms() == others


@pytest.mark.parametrize(
    "changed", [room_row(50, hour=18), room_row(50, minutes=61), room_row(50, description="Renamed")]
)
def test_an_edited_room_is_created_and_found_before_the_old_one_is_deleted(
    meetecho: Bench, changed: dict[str, object]
) -> None:
    old = meetecho.add_room(ONE)
    result = meetecho.apply(changed, TWO)
    assert result.exit_code == 0, result.stderr
    assert meetecho.calls() == [TOKENS, FETCH, CREATE, FETCH, DELETE, CREATE]
    assert meetecho.rooms() == room_values(changed, TWO)
    new = next(room.url for room in meetecho.meetecho.rooms.rooms.of(GROUP) if room.number == 50)
    assert f"{new} replaces {old}" in result.stdout
    since = meetecho.mark()
    assert meetecho.apply(changed, TWO).exit_code == 0
    assert meetecho.calls(since=since) == [FETCH]


def test_the_note_to_the_staff_is_sent_and_the_time_is_in_utc(meetecho: Bench) -> None:
    row = room_row(50, start="2026-12-01T01:30:00+05:30", extrainfo="Two rooms, please")
    assert meetecho.apply(row).exit_code == 0
    assert meetecho.rooms() == [(50, "2026-11-30 20:00:00", 60, "interim 50")]
    assert [room.extrainfo for room in meetecho.meetecho.rooms.rooms.of(GROUP)] == ["Two rooms, please"]


def test_prune_deletes_future_rooms_of_the_group_only(meetecho: Bench) -> None:
    past = room_row(40, start="2026-11-20T10:00:00Z")
    live = room_row(41, start="2026-11-20T11:30:00Z")
    for row in (ONE, TWO, past, live):
        meetecho.add_room(row)
    others = meetecho.other_rooms()
    assert meetecho.apply(ONE).exit_code == 0
    asked = meetecho.apply(ONE, words=("--prune",))
    assert asked.exit_code == 64
    assert "--yes" in asked.stderr
    assert meetecho.rooms() == room_values(ONE, TWO, past, live)
    assert meetecho.plan(ONE, words=("--prune",)).exit_code == 65
    assert meetecho.apply(ONE, words=("--prune", "--yes")).exit_code == 0
    assert meetecho.rooms() == room_values(ONE, past, live)
    assert meetecho.other_rooms() == others
    assert meetecho.plan(ONE, words=("--prune",)).exit_code == 0


def test_two_rooms_with_one_id_are_a_finding_until_prune_keeps_the_right_one(meetecho: Bench) -> None:
    right = meetecho.add_room(ONE)
    wrong = meetecho.add_room(room_row(50, hour=9))
    result = meetecho.apply(ONE)
    assert result.exit_code == 65
    assert right in result.stdout
    assert wrong in result.stdout
    assert meetecho.calls(writes=True) == []
    assert meetecho.apply(ONE, words=("--prune", "--yes")).exit_code == 0
    assert [room.url for room in meetecho.meetecho.rooms.rooms.of(GROUP)] == [right]


@pytest.mark.parametrize("kind", ["lost_reply", "lost_request", "error", "error_after", "page"])
def test_no_answer_to_a_creation_makes_a_room_too_many_or_too_few(meetecho: Bench, kind: str) -> None:
    """Every first attempt of every creation fails in this way; the second one is made only if it is needed."""
    meetecho.add_room(room_row(51, hour=9))
    carried_out = kind in {"lost_reply", "error_after"}
    for position in range(3):
        meetecho.fail(CREATE, kind, skip=position if carried_out else 2 * position)
    result = meetecho.apply(ONE, TWO, THREE)
    assert result.exit_code == 0, result.stderr
    assert meetecho.rooms() == room_values(ONE, TWO, THREE)
    assert meetecho.calls(writes=True).count(CREATE) == (3 if carried_out else 6)


@pytest.mark.parametrize("kind", ["lost_reply", "lost_request", "error", "error_after", "page"])
def test_no_answer_to_a_deletion_leaves_the_old_room(meetecho: Bench, kind: str) -> None:
    meetecho.add_room(room_row(50, hour=9))
    meetecho.fail(DELETE, kind)
    assert meetecho.apply(ONE).exit_code == 0
    assert meetecho.rooms() == room_values(ONE)


def test_a_deletion_token_that_was_used_is_no_error(meetecho: Bench) -> None:
    meetecho.add_room(room_row(50, hour=9))
    old = meetecho.meetecho.rooms.rooms.of(GROUP)[0]

    def delete_first(exchange: Exchange, moment: str) -> None:
        if (exchange.call, moment) == (DELETE, "before") and old in meetecho.meetecho.rooms.rooms.all():
            meetecho.meetecho.rooms.rooms.delete(old.uuid)

    meetecho.meetecho.exchanges.observers.append(delete_first)
    assert meetecho.apply(ONE).exit_code == 0
    assert meetecho.rooms() == room_values(ONE)
    assert [row["status"] for row in meetecho.meetecho.exchanges.log if row["call"] == DELETE] == [404]


def test_an_expired_token_is_renewed_once(meetecho: Bench) -> None:
    assert meetecho.plan(ONE).exit_code == 65
    meetecho.meetecho.control.change({"expire": [GROUP]})
    since = meetecho.mark()
    assert meetecho.apply(ONE).exit_code == 0
    assert meetecho.calls(since=since) == [FETCH, TOKENS, FETCH, CREATE]
    assert meetecho.rooms() == room_values(ONE)


def test_a_group_with_a_refused_token_ends_with_77_and_stops_no_other(meetecho: Bench) -> None:
    meetecho.fail(FETCH, "expired", about="zquilt", times=-1)
    result = meetecho.apply(room_row(60, group="zquilt"), ONE)
    assert result.exit_code == 77
    assert "zquilt" in result.stdout
    assert meetecho.rooms() == room_values(ONE)
    assert 60 not in [number for number, *_ in meetecho.rooms("zquilt")]


def test_a_group_without_a_token_ends_with_77_and_stops_no_other(tmp_path: Path) -> None:
    with meetecho_bench(tmp_path, unknown=("zquilt",)) as bench:
        assert bench.apply(room_row(60, group="zquilt"), ONE).exit_code == 77
        assert bench.rooms() == room_values(ONE)
        assert bench.calls().count(TOKENS) == 1


@pytest.mark.parametrize("kind", ["error", "lost_request"])
@pytest.mark.parametrize("call", [CREATE, FETCH])
def test_a_group_that_fails_stops_no_other_and_the_same_command_completes_it(
    meetecho: Bench, call: str, kind: str
) -> None:
    first = room_row(60, group="zquilt")
    before = meetecho.rooms("zquilt")
    meetecho.fail(call, kind, about="zquilt", times=-1)
    result = meetecho.apply(first, ONE)
    assert result.exit_code in {69, 75}
    assert "zquilt" in result.stdout + result.stderr
    assert meetecho.rooms() == room_values(ONE)
    assert meetecho.rooms("zquilt") == before
    meetecho.repair()
    assert meetecho.apply(first, ONE).exit_code == 0
    assert meetecho.rooms("zquilt") == sorted([*before, *room_values(first)])
    assert meetecho.rooms() == room_values(ONE)


def test_a_second_room_that_meetecho_refuses_is_a_finding_and_the_old_one_stays(tmp_path: Path) -> None:
    with meetecho_bench(tmp_path, one_room=True) as bench:
        bench.add_room(room_row(50, hour=9))
        result = bench.apply(ONE, TWO)
        assert result.exit_code == 65
        assert "rooms delete" in result.stdout
        assert bench.rooms() == room_values(room_row(50, hour=9), TWO)


@pytest.mark.parametrize(
    "changed",
    [
        {"start": "2026-12-01T15:00:00"},
        {"start": "2026-12-01"},
        {"start": "2026-12-01T15:00:00.5Z"},
        {"minutes": 59.5},
        {"minutes": "1:30"},
        {"minutes": 0},
    ],
)
def test_times_without_a_zone_and_fractions_refuse_the_whole_file(
    meetecho: Bench, changed: dict[str, object]
) -> None:
    for words in ("plan", "apply"):
        result = meetecho.run("rooms", words, "-", stdin=ndjson(ONE, {**TWO, **changed}))
        assert (result.exit_code, result.stdout) == (65, "")
        assert "line 2" in result.stderr
    assert meetecho.calls() == []


def test_in_quiet_mode_only_what_changed_or_failed_is_printed(meetecho: Bench) -> None:
    past = room_row(40, start="2026-11-20T10:00:00Z")
    meetecho.add_room(THREE)
    first = meetecho.apply(ONE, past, words=("-q",))
    assert (first.exit_code, len(first.stdout.splitlines()), first.stderr) == (0, 1, "")
    assert f"{GROUP} 50 created: " in first.stdout
    second = meetecho.apply(ONE, past, words=("-q",))
    assert (second.exit_code, second.stdout, second.stderr) == (0, "", "")
    meetecho.fail(CREATE, "error", times=-1)
    failed = meetecho.apply(ONE, TWO, words=("-q",))
    assert (failed.exit_code, len(failed.stdout.splitlines())) == (75, 1)
    assert f"{GROUP} 51 failed: " in failed.stdout


def test_csv_and_toml_describe_the_same_rooms(meetecho: Bench) -> None:
    csv = meetecho.folder / "rooms.csv"
    csv.write_text(
        "group,session_id,description,start,minutes\n"
        "hushwg,50,interim 50,2026-12-01T15:00:00Z,60\nhushwg,51,interim 51,2026-12-01T17:00:00+01:00,90\n"
    )
    toml = meetecho.folder / "rooms.toml"
    toml.write_text(
        '[[rooms]]\ngroup = "hushwg"\nsession_id = 50\ndescription = "interim 50"\n'
        "start = 2026-12-01T15:00:00Z\nminutes = 60\n"
        '[[rooms]]\ngroup = "hushwg"\nsession_id = 51\ndescription = "interim 51"\n'
        "start = 2026-12-01T08:00:00-08:00\nminutes = 90\n"
    )
    assert meetecho.run("rooms", "apply", "rooms.csv").exit_code == 0
    assert meetecho.rooms() == room_values(ONE, TWO)
    assert meetecho.run("rooms", "plan", "rooms.toml").exit_code == 0


def test_a_dry_run_prints_every_request_and_sends_none(meetecho: Bench) -> None:
    meetecho.add_room(room_row(50, hour=9))
    result = meetecho.apply(ONE, TWO, words=("--dry-run",))
    assert result.exit_code == 0, result.stderr
    printed = [line for line in result.stdout.splitlines() if line.startswith("POST ")]
    assert printed == [f"POST /{call.partition(' ')[2]}" for call in (CREATE, DELETE, CREATE)]
    assert '"start_time": "2026-12-01 15:00:00", "duration": 60' in result.stdout
    assert result.stdout.count("Authorization: bearer ***") == 3
    assert meetecho.calls(writes=True) == []


@pytest.mark.parametrize("named", ["id", "url", "uuid"])
def test_delete_needs_confirmation_and_deletes_future_rooms_only(meetecho: Bench, named: str) -> None:
    url = meetecho.add_room(ONE)
    name = {"id": "50", "url": url, "uuid": url.rpartition("=")[2]}[named]
    meetecho.add_room(TWO)
    begun = meetecho.add_room(room_row(40, start="2026-11-20T11:59:59Z"))
    words = ("rooms", "delete", "--group", GROUP)
    assert meetecho.run(*words, name).exit_code == 64
    assert meetecho.run(*words, begun, "--yes").exit_code == 65
    assert meetecho.run(*words, "nothing", "--yes").exit_code == 65
    assert meetecho.calls(writes=True) == []
    assert meetecho.run(*words, name, "--yes").exit_code == 0
    assert [number for number, *_ in meetecho.rooms()] == [40, 51]


@pytest.mark.parametrize(("answer", "left"), [(b"n\n", 2), (b"y\n", 1)])
def test_on_a_terminal_delete_shows_the_room_and_waits_for_a_yes(
    meetecho: Bench, answer: bytes, left: int
) -> None:
    url = meetecho.add_room(ONE)
    meetecho.add_room(TWO)
    terminal, process_side = os.openpty()
    try:
        os.write(terminal, answer)
        ended = subprocess.run(
            command("meetecho", "rooms", "delete", "--group", GROUP, "50"),
            stdin=process_side,
            capture_output=True,
            env=Harvester(meetecho.folder, meetecho.settings).environment(),
            cwd=meetecho.folder,
            timeout=HANGS_SECONDS,
            check=False,
        )
    finally:
        os.close(terminal)
        os.close(process_side)
    assert url.encode() in ended.stderr
    assert b"Proceed?" in ended.stderr
    assert len(meetecho.rooms()) == left
    assert ended.returncode == (0 if left == 1 else 130)
    assert (b"nothing changed" in ended.stderr) is (left == 2)


def test_the_list_shows_every_form_of_room_and_the_log_every_write(meetecho: Bench) -> None:
    result = meetecho.run("rooms", "list", "--group", "zquilt", "--group", "oakloom", "--json")
    assert result.exit_code == 0
    rooms = meetecho.meetecho.rooms.rooms
    assert len(result.stdout.splitlines()) == len([*rooms.of("zquilt"), *rooms.of("oakloom")])
    url = meetecho.add_room(room_row(50, hour=9))
    assert meetecho.apply(ONE).exit_code == 0
    log = meetecho.run("rooms", "log").stdout.splitlines()
    assert [line.split()[2:6] for line in log[1:]] == [
        ["delete", "room", GROUP, "50"],
        ["create", "room", GROUP, "50"],
    ]
    assert url in log[1]


@pytest.mark.parametrize("seed", range(3))
def test_with_random_faults_the_same_command_ends_with_the_desired_rooms(tmp_path: Path, seed: int) -> None:
    rows = [room_row(50 + position, hour=9 + position) for position in range(6)]
    with meetecho_bench(tmp_path, faults=0.3) as bench:
        for row in rows[:3]:
            bench.add_room({**row, "minutes": 10 + seed})
        others = bench.other_rooms()
        for _ in range(20):
            ended = bench.apply(*rows, words=("--prune", "--yes", "--log-level", "debug"))
            if ended.exit_code == 0:
                break
            assert ended.exit_code in {65, 69, 75, 77}, ended.stderr
        assert ended.exit_code == 0, ended.stderr
        assert bench.rooms() == room_values(*rows)
        assert bench.other_rooms() == others
