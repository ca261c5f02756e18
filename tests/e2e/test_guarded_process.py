"""Processes that end with the process that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.environment import ROOT
from tests.e2e.guarded_process import GuardedProcess
from tests.e2e.harness import HANGS_SECONDS

# It starts the command in a thread that ends, and then waits.
STARTER = """
import os, sys, threading, time
from pathlib import Path
from tests.e2e.guarded_process import GuardedProcess

folder = Path(sys.argv[1])
started = []
opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]  # some shells know descriptors of one digit only

def start():
    with (folder / "output").open("ab") as output:
        words = ["sh", "-c", "sleep 600 & echo $! > server; wait"]
        started.append(GuardedProcess(words, folder=folder, env=os.environ, output=output))

thread = threading.Thread(target=start)
thread.start()
thread.join()
print(started[0].pid, flush=True)
time.sleep(600)
"""


def await_true(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HANGS_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def group_of(pid: int) -> list[int]:
    processes = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]
    found = []
    for process in processes:
        try:
            if os.getpgid(process) == pid and runs(process):
                found.append(process)
        except ProcessLookupError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_the_whole_group_ends_with_its_starter_and_not_with_a_thread(
    tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "node"
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)], stdout=subprocess.PIPE, cwd=ROOT
    ) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        await_true(lambda: (folder / "server").exists() and bool((folder / "server").read_text()))
        server = int((folder / "server").read_text())
        assert runs(pid)
        assert runs(server), "the thread that started it has ended"
        starter.send_signal(number)
    await_true(lambda: not group_of(pid))
    assert not runs(server)
    assert not folder.exists()


@pytest.mark.parametrize("way", ["end", "kill"])
def test_an_end_on_purpose_leaves_the_folder_and_no_process(tmp_path: Path, way: str) -> None:
    with (tmp_path / "output").open("ab") as output:
        process = GuardedProcess(["sleep", "600"], folder=tmp_path, env=os.environ, output=output)
    assert process.poll() is None
    getattr(process, way)()
    assert process.poll() is not None
    await_true(lambda: not group_of(process.pid))
    assert tmp_path.exists()


def test_a_command_that_ends_by_itself_is_noticed(tmp_path: Path) -> None:
    with (tmp_path / "output").open("ab") as output:
        process = GuardedProcess(["false"], folder=tmp_path, env=os.environ, output=output)
    await_true(lambda: process.poll() is not None)
    assert process.poll() == 1
    process.end()
    await_true(lambda: not group_of(process.pid))
