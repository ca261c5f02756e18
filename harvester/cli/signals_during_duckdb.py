"""Ctrl-C, SIGTERM and SIGHUP end a command that works in DuckDB, even while DuckDB waits for its input.

DuckDB looks for signals now and then, but waits for its own threads, one of which may read a pipe that sends nothing. So a
thread hears of each signal, too: if the command has not ended soon after, it deletes the temporary files and ends the process.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from types import FrameType

from connectors.errors import Interrupted
from harvester.signals import handle_unless_ignored, is_new_request
from harvester.signals_during_import import SIGNALS, exit_code_of

SECONDS_TO_END = 3.0


@dataclass(slots=True)
class Interruption:
    """The signals of one command."""

    folder: Path | None = None
    """The temporary files to delete if the command does not end."""
    heard: list[int] = field(default_factory=list)
    """The signals, in their order."""
    ended: Event = field(default_factory=Event)

    def handle(self, number: int, _frame: FrameType | None) -> None:
        if is_new_request(number, self.heard):
            raise Interrupted(exit_code=exit_code_of(number))

    def watch(self, signals: int) -> None:
        """Runs in a thread. `signals`: a pipe from which the numbers of signals are read, until it ends."""
        while numbers := os.read(signals, 1):
            if numbers[0] in SIGNALS and not self.ended.wait(SECONDS_TO_END):
                if self.folder is not None:
                    shutil.rmtree(self.folder, ignore_errors=True)
                os._exit(exit_code_of(numbers[0]))


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Raises Interrupted, with the exit code of the first signal, when a signal arrives in the block."""
    interruption = Interruption()
    handle_unless_ignored(interruption.handle)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    previous = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watcher = Thread(target=interruption.watch, args=(reading,), name="signals", daemon=True)
    watcher.start()
    try:
        yield interruption
    except Interrupted as error:  # a query that was interrupted does not know by which signal
        heard = interruption.heard
        raise Interrupted(exit_code=exit_code_of(heard[0]) if heard else error.exit_code) from None
    finally:
        interruption.ended.set()
        signal.set_wakeup_fd(previous)
        os.close(writing)
        watcher.join()
        os.close(reading)
