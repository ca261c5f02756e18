"""`harvester rooms` on machines whose clock is wrong, or is set while it runs: the vendor's time counts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.e2e.harness import HANGS_SECONDS, Harvester, command
from tests.e2e.rooms_bench import NOW, Bench, Running, rooms_bench, wait_for, without_ids

SET_CLOCK = """
import sys, time
from pathlib import Path
real, offset = time.time, Path(sys.argv[1])
time.time = lambda: real() + float(offset.read_text())
sys.argv[:] = ["harvester", *sys.argv[2:]]
from harvester.__main__ import main
sys.exit(main())
"""
"""Runs the command line on a machine whose clock is wrong by the seconds in a file, which may change at any time."""


def shifted(bench: Bench, by: timedelta) -> str:
    """HARVESTER_NOW of a machine whose clock is ahead by so much."""
    shown, _, real = bench.simulator.clock.as_setting.partition("@")
    ahead = bench.simulator.clock.start + by
    return f"{ahead.isoformat()}@{real}" if shown else ""


@pytest.mark.parametrize("by", [timedelta(days=3), timedelta(days=-3), timedelta(minutes=40)])
def test_a_machine_with_a_wrong_clock_shows_the_truth(by: timedelta, tmp_path: Path) -> None:
    with rooms_bench(tmp_path, rooms=8, now=NOW) as bench:
        ended = bench("status", "--json", HARVESTER_NOW=shifted(bench, by))
        assert ended.returncode == 0, ended.stderr
        assert b"clock" in ended.stderr
        truth = bench.truth(bench.now())
        found = {each["room"]: without_ids(each) for each in json.loads(ended.stdout)}
        assert found == {name: without_ids(each) for name, each in truth.items()}


@contextmanager
def watching(bench: Bench, offset: Path) -> Iterator[Running]:
    """`rooms watch` on the machine with this file."""
    environment = Harvester(bench.folder, bench.settings).environment()
    with (bench.folder / "stderr.log").open("ab") as log:
        words = [
            *command()[:1],
            "-c",
            SET_CLOCK,
            str(offset),
            "rooms",
            "watch",
            "--config",
            str(bench.config),
        ]
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=log, env=environment, cwd=bench.folder
        )
    running = Running(process, bench.now)
    try:
        yield running
        process.terminate()
        assert process.wait(HANGS_SECONDS) == 143
    finally:
        process.kill()
        process.wait()
        running.thread.join(HANGS_SECONDS)
        assert process.stdout is not None
        process.stdout.close()


def replace_text(file: Path, text: str) -> None:
    """Write a file that another process reads at any time: never half of it."""
    written = file.with_suffix(".new")
    written.write_text(text)
    written.replace(file)


def is_right(bench: Bench, running: Running) -> bool:
    truth, states = bench.truth(bench.now()), running.states()
    return truth.keys() == states.keys() and all(
        without_ids(states[room]) == without_ids(state) for room, state in truth.items()
    )


def test_a_clock_that_is_set_while_rooms_are_watched_changes_nothing(tmp_path: Path) -> None:
    """Calendars are read every second, and the calendar goes at the speed of the machine's."""
    with rooms_bench(tmp_path, rooms=8, now=NOW, speed=60.0, calendar_speed=1.0) as bench:
        offset = tmp_path / "offset"
        offset.write_text("0")
        with watching(bench, offset) as running:
            wait_for(lambda: is_right(bench, running))
            for hours in (-3, 30, 0):
                printed = len(running.lines)
                replace_text(offset, str(hours * 3600))
                start, title = bench.now(), f"After {hours} hours"
                bench.rooms.control.put(
                    room="Aurora",
                    id="clock12345",
                    summary=title,
                    start=(start - timedelta(minutes=1)).isoformat(),
                    end=(start + timedelta(hours=1)).isoformat(),
                )
                wait_for(lambda: running.states()["Aurora"]["text"] == title)  # noqa: B023  # waits within the loop
                wait_for(lambda: is_right(bench, running))
                changed = {room["room"] for _, room in running.lines[printed:]}
                edges = {
                    room
                    for room, state in bench.truth(start).items()
                    if state != bench.truth(bench.now())[room]
                }
                assert changed <= {"Aurora"} | edges
