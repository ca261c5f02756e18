"""A command that is forked begins, ends and can be killed as one in a new interpreter."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.environment import ROOT, clean_environment
from tests.e2e.forked_command_line import ForkedCommandLine
from tests.e2e.harness import HANGS_SECONDS, command

PROBE = "tests.e2e.initial_process_state"
SETTINGS = {"ZOOM_PLAN": "pro", "HARVESTER_NOW": "2026-11-20T00:00:00Z"}


@pytest.fixture(scope="module")
def command_line() -> Iterator[ForkedCommandLine]:
    """Like the new interpreters that it is compared with, it finds `PROBE` in any folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        forked = ForkedCommandLine()
        yield forked
        forked.close()


def environment() -> dict[str, str]:
    return clean_environment(**SETTINGS)


def forked(command_line: ForkedCommandLine, folder: Path, *words: str) -> dict[str, Any]:
    return examined(
        command_line.run(
            *words,
            env=environment(),
            folder=folder,
            stdin="£\n".encode(),
            timeout=HANGS_SECONDS,
            module=PROBE,
        )
    )


def examined(ended: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    assert ended.returncode == 3, ended.stderr.decode()
    assert ended.stderr == b"of stderr"
    result: dict[str, Any] = json.loads(ended.stdout)
    return result


def test_it_begins_as_a_new_interpreter_does(command_line: ForkedCommandLine, tmp_path: Path) -> None:
    words = ("one", "two words")
    new = subprocess.run(
        [sys.executable, "-m", PROBE, *words],
        input="£\n".encode(), capture_output=True, env=environment(), cwd=tmp_path, timeout=HANGS_SECONDS, check=False,
    )  # fmt: skip
    usual = examined(new)["state"]
    for _ in range(2):
        found = forked(command_line, tmp_path, *words)["state"]
        assert {name: value for name, value in found.items() if value != usual[name]} == {}
        assert found.keys() == usual.keys()


def test_chance_is_not_inherited(command_line: ForkedCommandLine, tmp_path: Path) -> None:
    runs = [forked(command_line, tmp_path) for _ in range(3)]
    for values in zip(*(run["chance"] for run in runs), strict=True):
        assert len(set(values)) == len(runs)
    assert len({run["pid"] for run in runs}) == len(runs)


def test_commands_run_side_by_side_and_end_in_any_order(
    command_line: ForkedCommandLine, tmp_path: Path
) -> None:
    pipes = [os.pipe() for _ in range(3)]
    with (tmp_path / "output").open("wb") as output:
        streams = [(read, output.fileno(), output.fileno()) for read, _ in pipes]
        processes = [
            command_line.start(env=environment(), folder=tmp_path, streams=each, module=PROBE)
            for each in streams
        ]
        assert [each.poll() for each in processes] == [None] * 3
        for position in (1, 2, 0):  # each ends with its standard input
            os.close(pipes[position][1])
            assert processes[position].wait(HANGS_SECONDS) == 3
    for read, _ in pipes:
        os.close(read)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_command_ends_by_the_signal(
    command_line: ForkedCommandLine, tmp_path: Path, number: signal.Signals
) -> None:
    read, write = os.pipe()
    with (tmp_path / "output").open("wb") as output:
        streams = (read, output.fileno(), output.fileno())
        process = command_line.start(env=environment(), folder=tmp_path, streams=streams, module=PROBE)
    os.kill(process.pid, number)
    assert process.wait(HANGS_SECONDS) == -number
    process.kill()  # does nothing: the id may belong to another process
    os.close(read)
    os.close(write)


def test_a_command_that_takes_too_long_is_killed(command_line: ForkedCommandLine, tmp_path: Path) -> None:
    pids: list[int] = []
    with pytest.raises(subprocess.TimeoutExpired):
        command_line.run(
            "simulate", "--size", "1", "--port", "0",
            env=environment(), folder=tmp_path, timeout=0.05, on_started=pids.append,
        )  # fmt: skip
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    assert command_line.run("--version", env=environment(), folder=tmp_path).returncode == 0


def test_output_and_exit_code_of_the_harvester_are_the_same(
    command_line: ForkedCommandLine, tmp_path: Path
) -> None:
    for words in (
        ("--version",),
        ("zoom", "--help"),
        ("zoom", "--date", "yesterday"),
        ("check", "zoom"),
        ("nothing",),
    ):
        new = subprocess.run(
            command(*words), input=b"", capture_output=True, env=environment(), cwd=tmp_path, check=False
        )
        ended = command_line.run(*words, env=environment(), folder=tmp_path)
        assert (ended.returncode, ended.stdout, ended.stderr) == (new.returncode, new.stdout, new.stderr)


STARTER = """
import os, sys, time
from pathlib import Path
from tests.e2e.environment import clean_environment
from tests.e2e.forked_command_line import ForkedCommandLine

read, write = os.pipe()  # the command's own end keeps its standard input open
started = ForkedCommandLine().start(
    env=clean_environment(), folder=Path(sys.argv[1]), streams=(read, write, write), module=sys.argv[2]
)
print(started.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="this system cannot wait for a process and a pipe")
def test_a_command_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """A simulator would serve for ever."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path), PROBE], stdout=subprocess.PIPE, cwd=ROOT
    )
    with starter:
        assert starter.stdout is not None
        command_ended = os.pidfd_open(int(starter.stdout.readline()))
        assert select.select([command_ended], [], [], 0)[0] == []
        starter.kill()
    assert select.select([command_ended], [], [], HANGS_SECONDS)[0]
    os.close(command_ended)
