"""`harvester rooms` against simulated rooms: what it shows equals the truth, which is computed from the events alone."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester.simulator.expected.room_status import edges
from tests.e2e.harness import HANGS_SECONDS, Harvester, command
from tests.e2e.rooms_bench import NOW, WITHOUT_WAITS, Bench, Running, rooms_bench, wait_for, without_ids


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with rooms_bench(tmp_path_factory.mktemp("rooms"), rooms=40, **WITHOUT_WAITS) as bench:
        yield bench


@pytest.mark.parametrize("offset", [timedelta(minutes=m) for m in (0, 131, -26 * 60)])
def test_the_status_at_an_instant_is_the_truth(offset: timedelta, bench: Bench) -> None:
    at = NOW + offset
    ended = bench("status", "--json", "--at", at.isoformat())
    assert ended.returncode == 0, ended.stderr
    truth = bench.truth(at)
    assert {each["room"]: without_ids(each) for each in json.loads(ended.stdout)} == {
        name: without_ids(each) for name, each in truth.items()
    }


@pytest.mark.parametrize(
    "now", [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)]
)
def test_the_status_on_a_day_on_which_the_clock_changes_is_the_truth(now: datetime, tmp_path: Path) -> None:
    with rooms_bench(tmp_path, rooms=20, now=now, **WITHOUT_WAITS) as bench:
        for hours in (1, 22):
            at = now + timedelta(hours=hours)
            ended = bench("status", "--json", "--at", at.isoformat())
            assert ended.returncode == 0, ended.stderr
            assert {each["room"]: without_ids(each) for each in json.loads(ended.stdout)} == {
                name: without_ids(each) for name, each in bench.truth(at).items()
            }


def expected_sequence(
    bench: Bench, room: str, first: datetime, last: datetime
) -> list[tuple[datetime, dict[str, Any]]]:
    """The distinct states of a room between two instants, each with the instant from which it is right."""
    calendar = bench.rooms.store.named(room)
    moments = [
        first,
        *(datetime.fromtimestamp(edge / 1000, UTC) for edge in edges(calendar.room, calendar.events())),
    ]
    half_hour = first.replace(minute=0, second=0, microsecond=0)
    moments += [half_hour + timedelta(minutes=30 * n) for n in range(1, 60)]  # at some of them a day begins
    found: list[tuple[datetime, dict[str, Any]]] = []
    for moment in sorted(moment for moment in moments if first <= moment <= last):
        state = without_ids(bench.truth_of(room, moment))
        if not found or found[-1][1] != state:
            found.append((moment, state))
    return found


def expected_thing(state: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The values of a Thing, without the texts of times, which the truth does not have."""
    values: dict[str, Any] = {"busynow": state["busy"], "curevmsg": state["text"], "curevmtg": state["text"]}
    for prefix, meeting in (("curev", state["current"]), ("nextev", state["next"])):
        for name, key in (("start", "start"), ("end", "end"), ("organizer", "organizer"), ("id", "id")):
            values[prefix + name] = (meeting and meeting[key]) or ""
    title = state["next"]["title"] if state["next"] else ""
    values |= {"nextevmsg": title, "nextevmtg": title}
    return {name: values[name] for name in names if name in values}


def wrong_things(bench: Bench) -> list[str]:
    truth = bench.truth(bench.now())
    found = []
    for name, values in bench.things().items():
        compared = {key: value for key, value in values.items() if not key.endswith("tm")}
        if name in truth and compared != expected_thing(truth[name], list(compared)):
            found.append(name)
    return found


def check_sequences(bench: Bench, running: Running, first: datetime, last: datetime) -> list[float]:
    """Check that the printed states of every room are the true ones, in order, without one missing.

    Returns by how many seconds of the calendar each was late.
    """
    late = []
    lines = list(running.lines)
    for room in bench.truth(first):
        printed = [(when, without_ids(state)) for when, state in lines if state["room"] == room]
        expected = expected_sequence(bench, room, first, last)
        states = [state for _, state in expected]
        begin = states.index(printed[0][1])
        assert [state for _, state in printed] == states[begin : begin + len(printed)], room
        assert begin + len(printed) >= len(states) - 1, room
        late += [
            (when - since).total_seconds()
            for (when, _), (since, _) in zip(printed[1:], expected[begin + 1 :], strict=False)
        ]
    return late


@contextmanager
def ended_in_any_case(process: subprocess.Popen[bytes]) -> Iterator[None]:
    with process:
        try:
            yield
        finally:
            process.kill()


def test_a_program_that_reads_nothing_holds_up_no_display(tmp_path: Path) -> None:
    with rooms_bench(tmp_path, rooms=20, **WITHOUT_WAITS, arduino_rate=10) as bench:
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)  # for a few states
        process = subprocess.Popen(
            command("rooms", "watch", "--config", str(bench.config)),
            stdout=writing,
            stderr=subprocess.DEVNULL,
            env=Harvester(tmp_path, bench.settings).environment(),
            cwd=tmp_path,
        )
        os.close(writing)
        with ended_in_any_case(process):
            wait_for(lambda: not wrong_things(bench))
            process.terminate()
            assert process.wait(HANGS_SECONDS) == 143
        os.close(reading)


def test_watching_goes_on_without_elasticsearch(tmp_path: Path) -> None:
    with (
        rooms_bench(tmp_path, rooms=20, **WITHOUT_WAITS) as bench,
        bench.running("watch", ES_HOST="http://127.0.0.1:9") as running,
    ):
        wait_for(lambda: len(running.states()) == 20)


def test_a_reader_that_goes_away_ends_the_watch_although_nothing_changes(tmp_path: Path) -> None:
    with rooms_bench(tmp_path, rooms=1, **WITHOUT_WAITS) as bench:
        process = subprocess.Popen(
            command("rooms", "watch", "--config", str(bench.config)),
            stdout=subprocess.PIPE,
            env=Harvester(tmp_path, bench.settings).environment(),
            cwd=tmp_path,
        )
        with ended_in_any_case(process):
            assert process.stdout is not None
            assert process.stdout.readline().startswith(b'{"room":')
            process.stdout.close()
            assert process.wait(HANGS_SECONDS) == 0


@pytest.mark.long
def test_watching_shows_every_state_and_keeps_the_things_in_step(tmp_path: Path) -> None:
    """75 minutes of twenty rooms, 180 times as fast: each calendar is read in full once more."""
    with rooms_bench(tmp_path, speed=180.0) as bench:
        first = bench.now()
        with bench.running("watch") as running:
            wait_for(lambda: bench.now() >= NOW + timedelta(minutes=75))
            last = bench.now()
            late = check_sequences(bench, running, first, last)
            wait_for(lambda: not wrong_things(bench))
        listings = [row for row in bench.rooms.requests.log if row["call"].startswith("GET calendar")]
        by_room = {room: sum(row["room"] == room for row in listings) for room in bench.truth(last)}
        hours = (bench.now() - first).total_seconds() / 3600
        # One a minute, and every hour one in full, which may be in several pages.
        assert max(by_room.values()) <= 60 * hours + 10
        publishes = [row for row in bench.simulator.arduino.log if row.get("property")]
        assert not [row for row in publishes if row["unchanged"]]
        things = len(bench.simulator.arduino.log) / len(by_room) / hours
        logging.getLogger(__name__).info(
            "late: median %.0f s, worst %.0f s of the calendar; requests per room and hour: %.1f to Google, %.1f to Arduino",
            sorted(late)[len(late) // 2],
            max(late),
            len(listings) / len(by_room) / hours,
            things,
        )


def shows_the_truth(bench: Bench, running: Running, *without: str) -> bool:
    """Whether the newest printed states are the true ones of now, leaving out some rooms."""
    truth = bench.truth(bench.now())
    states = running.states()
    return all(
        room in states and without_ids(states[room]) == without_ids(state)
        for room, state in truth.items()
        if room not in without
    )


def put_now(bench: Bench, room: str, title: str) -> None:
    """A person adds a meeting that runs now."""
    start = bench.now()
    end = start + timedelta(hours=4)
    bench.rooms.control.put(room=room, summary=title, start=start.isoformat(), end=end.isoformat())


def runs(running: Running, room: str, title: str) -> bool:
    """Whether the newest printed state has this meeting among those that run."""
    return any(meeting["title"] == title for meeting in running.states()[room]["running"])


def listings(bench: Bench, room: str) -> int:
    return sum(row["room"] == room for row in bench.rooms.requests.log)


@pytest.mark.long
def test_watching_follows_changes_and_recovers_from_every_failure(tmp_path: Path) -> None:
    """Six rooms, 60 times as fast: changes, expired tokens, a refused room, ten minutes without network, a kill."""
    with rooms_bench(tmp_path, rooms=6, speed=60.0) as bench:
        control = bench.rooms.control
        with bench.running("watch", stop=False) as running:
            wait_for(lambda: shows_the_truth(bench, running))

            before = listings(bench, "Aurora")
            put_now(bench, "Aurora", "Added")
            wait_for(lambda: runs(running, "Aurora", "Added"))
            assert listings(bench, "Aurora") - before <= 2  # one may have been on its way

            control.change({"expire": list(bench.truth(NOW))})
            put_now(bench, "Birch", "After a 410")
            wait_for(lambda: runs(running, "Birch", "After a 410"))
            wait_for(lambda: shows_the_truth(bench, running))

            control.change({"refuse": {"Cedar": 403}})
            put_now(bench, "Delta", "Next to a refused room")
            wait_for(lambda: runs(running, "Delta", "Next to a refused room"))
            wait_for(lambda: running.states()["Cedar"]["busy"] is None)
            assert shows_the_truth(bench, running, "Cedar")
            control.change({"refuse": {"Cedar": 0}})
            wait_for(lambda: shows_the_truth(bench, running))

            control.change({"faults": [{"kind": "lost_request", "times": -1}]})
            put_now(bench, "Ember", "While the network was down")
            up_again = bench.now() + timedelta(minutes=10)
            wait_for(lambda: bench.now() >= up_again)
            assert all(state["busy"] is not None for state in running.states().values())
            control.change({"faults": []})
            wait_for(lambda: shows_the_truth(bench, running))
            assert runs(running, "Ember", "While the network was down")
            running.process.kill()

        put_now(bench, "Fjord", "While nothing ran")
        bench.simulator.arduino.things[0].named("curevmsg").value = "changed by another program"
        with bench.running("watch") as running:
            wait_for(lambda: shows_the_truth(bench, running))
            wait_for(lambda: not wrong_things(bench))


def test_a_refused_room_is_unknown_and_the_others_are_shown(tmp_path: Path) -> None:
    with rooms_bench(tmp_path, rooms=4, rooms_refused=("Birch",), **WITHOUT_WAITS) as bench:
        ended = bench("status", "--json", "--at", NOW.isoformat())
        assert ended.returncode == 75
        states = {state["room"]: state for state in json.loads(ended.stdout)}
        assert (states["Birch"]["busy"], states["Birch"]["text"]) == (None, "Unknown")
        del states["Birch"]
        truth = bench.truth(NOW)
        assert {room: without_ids(state) for room, state in states.items()} == {
            room: without_ids(truth[room]) for room in states
        }


def test_busy_times_suffice_for_busy_and_free(tmp_path: Path) -> None:
    with rooms_bench(tmp_path, rooms=15, rooms_freebusy_only=True, **WITHOUT_WAITS) as bench:
        ended = bench("status", "--json", "--at", NOW.isoformat())
        assert ended.returncode == 0, ended.stderr
        compared = ("room", "busy", "busy_until", "free_until")
        assert [tuple(state[name] for name in compared) for state in json.loads(ended.stdout)] == [
            tuple(state[name] for name in compared) for state in bench.truth(NOW).values()
        ]


def test_finding_lists_the_rooms_that_are_free_for_so_long(bench: Bench) -> None:
    discovered = Harvester(bench.folder, bench.settings)("rooms", "discover")
    assert discovered.returncode == 0, discovered.stderr
    config = bench.folder / "rooms.toml"
    config.write_bytes(discovered.stdout)
    words = (
        "find",
        "--at",
        NOW.isoformat(),
        "--for",
        "45m",
        "--seats",
        "8",
        "--json",
        "--config",
        str(config),
    )
    ended = Harvester(bench.folder, bench.settings)("rooms", *words)
    assert ended.returncode == 0, ended.stderr
    until = (NOW + timedelta(minutes=45)).isoformat().replace("+00:00", "Z")
    expected = {
        each.room.name
        for each in bench.rooms.store.calendars.values()
        if each.room.capacity >= 8
        and not (state := bench.truth_of(each.room.name, NOW))["busy"]
        and (state["free_until"] is None or state["free_until"] >= until)
    }
    assert {row["room"] for row in json.loads(ended.stdout)} == expected
    assert expected
