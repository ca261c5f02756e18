"""The processes of this machine, out of /proc."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    pid: int
    parent: int
    words: tuple[str, ...]

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    @property
    def is_alive(self) -> bool:
        return any(each.pid == self.pid for each in processes())


def processes() -> Iterator[Process]:
    """Those that run, without those that have ended and not been waited for."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                words = (folder / "cmdline").read_text(errors="replace").rstrip("\0").split("\0")
                state, parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
                if state != "Z":
                    yield Process(pid=int(folder.name), parent=int(parent), words=tuple(words))


def process(pid: int) -> Process:
    return next(each for each in processes() if each.pid == pid)


def harvests(config: Path) -> list[Process]:
    """Those that harvest accounts of this settings file."""
    return [each for each in processes() if {"all", "--config", str(config)} <= {*each.words}]
