"""File locks, between processes and between threads."""

from __future__ import annotations

import fcntl
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from connectors.errors import AlreadyRunning, OutputError
from harvester.state import locks
from harvester.state.locks import exclusive_lock, is_locked, run_lock

ROOT = Path(__file__).parents[3]

HOLDER = """
import sys, time
from pathlib import Path
from harvester.state.locks import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock of `run.lock`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "run.lock")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


SECOND_RUN = """
import sys, time
from pathlib import Path
from connectors.errors import AlreadyRunning
from harvester.state.locks import run_lock
began = time.monotonic()
try:
    with run_lock(Path(sys.argv[1])):
        sys.exit(0)
except AlreadyRunning as error:
    print(error)
    sys.exit(error.exit_code if time.monotonic() - began < 10 else 1)
"""


def second_run(path: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", SECOND_RUN, str(path)], cwd=ROOT, capture_output=True, check=False
    )


def test_a_second_process_is_refused_without_a_long_wait_and_admitted_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with run_lock(path):
        refused = second_run(path)
        assert refused.returncode == 75, refused.stderr.decode()
        assert b"another run" in refused.stdout
    assert second_run(path).returncode == 0


def test_a_killed_process_releases_its_lock(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with pytest.raises(AlreadyRunning), run_lock(path):
        pass
    holder.send_signal(signal.SIGKILL)
    assert holder.wait() == -signal.SIGKILL
    with run_lock(path):
        assert path.exists()


def test_a_second_lock_within_one_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with run_lock(path), pytest.raises(AlreadyRunning, match="run the same command again"), run_lock(path):
        pass


def test_an_exception_releases_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with pytest.raises(RuntimeError), run_lock(path):
        raise RuntimeError
    with run_lock(path):
        pass


def test_the_lock_file_is_private_and_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with run_lock(path):
        pass
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_lock_file_of_an_earlier_version_is_used_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    path.touch(mode=0o600)
    inode = path.stat().st_ino
    with path.open("a") as earlier:
        fcntl.flock(earlier, fcntl.LOCK_EX)
        with pytest.raises(AlreadyRunning), run_lock(path):
            pass
    with run_lock(path), path.open("a") as earlier, pytest.raises(BlockingIOError):
        fcntl.flock(earlier, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert path.stat().st_ino == inode


def test_an_exclusive_lock_waits_for_the_thread_that_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "token.lock"
    waiting, order = Event(), list[str]()

    def second() -> None:
        waiting.set()
        with exclusive_lock(path):
            order.append("second")

    thread = Thread(target=second)
    with exclusive_lock(path):
        thread.start()
        assert waiting.wait(10)
        time.sleep(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_folder_in_place_of_the_lock_file_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "token.lock").mkdir()
    with pytest.raises(OutputError, match="cannot be written"), exclusive_lock(tmp_path / "token.lock"):
        pass


def test_a_lock_is_seen_without_being_taken(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    assert is_locked(path) is True
    assert is_locked(tmp_path / "missing.lock") is False
    holder.kill()
    holder.wait()
    assert is_locked(path) is False


def test_without_a_table_of_locks_nothing_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "LINUX_LOCKS", tmp_path / "missing")
    with run_lock(tmp_path / "run.lock"):
        assert is_locked(tmp_path / "run.lock") is None
