"""File locks between processes and threads. The operating system releases them when their holder ends, however it ends.

A lock file stays where it is when its lock is released. `filelock` locks with flock(2), which `is_locked` relies on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from connectors.errors import AlreadyRunning
from harvester.write_errors import write_error

LINUX_LOCKS = Path("/proc/locks")
"""Linux's table of all file locks: `FLOCK ... <device>:<inode> ...`, one a line."""

_WAIT_FOREVER = -1.0


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Wait until no other process or thread holds the lock of this file, then hold it.

    The file is created if it is missing; its folder must exist. Raises OutputError if it cannot be written.
    """
    lock = _acquire(path, timeout=_WAIT_FOREVER)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def run_lock(path: Path) -> Iterator[None]:
    """Held by one indexing run at a time. Raises AlreadyRunning at once if another run holds it."""
    try:
        lock = _acquire(path, timeout=0)
    except Timeout:
        raise AlreadyRunning(
            "another run of this account into this index is under way; run the same command again when it is done"
        ) from None
    try:
        yield
    finally:
        lock.release()


def is_locked(path: Path) -> bool | None:
    """Whether a process holds the lock of this file; `None` if this system has no table of locks.

    Reads the table instead of trying the lock: to take it, even for a moment, could refuse a run that begins in that
    moment.
    """
    try:
        table = LINUX_LOCKS.read_text(encoding="ascii")
        inode = path.stat().st_ino
    except FileNotFoundError as error:
        return False if error.filename == str(path) else None
    except OSError:
        return None
    return re.search(rf"FLOCK .*:{inode} ", table) is not None


def _acquire(path: Path, *, timeout: float) -> BaseFileLock:
    lock = FileLock(path, timeout=timeout, mode=0o600, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise
    except OSError as error:
        raise write_error(path, error, elsewhere="") from None
    return lock
