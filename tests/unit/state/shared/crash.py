"""Kills a machine in the middle of its work, and looks at what another one makes of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.unit.state.shared.machine import Machine, rows
from tests.unit.state.shared.memory_store import Documents, MemoryStore
from tests.unit.state.shared.operations import STEPS


class Killed(BaseException):
    """`kill -9` at this point."""


class Crash:
    """Kills the machine at the n-th appended entry, and keeps its files as they are on the disk at that moment."""

    def __init__(
        self, store: MemoryStore, folder: Path, image: Path, *, number: int, is_stored: bool
    ) -> None:
        self.left = number
        self._store = store
        self._folder = folder
        self._image = image
        self._create = store.create
        self._is_stored = is_stored
        self.is_dead = False
        store.create = self.create  # type: ignore[method-assign]  # from outside

    def create(self, name: str, body: Any) -> Any:
        if name.startswith("entry-"):
            self.left -= 1
        if self.left > 0 and not self.is_dead:
            return self._create(name, body)
        if not self.is_dead:
            if self._is_stored:
                self._create(name, body)
            shutil.copytree(self._folder, self._image)
            self.is_dead = True
        raise Killed


def work(machine: Machine) -> None:
    with machine.account() as opened:
        for step in STEPS:
            step(opened)


def copied(documents: Documents, folder: Path) -> dict[str, Any]:
    """The rows that a machine has after it has replayed the log."""
    machine = Machine(documents, folder)
    machine.seconds = 0
    with machine.pool() as pool:
        return rows(pool.folder)
