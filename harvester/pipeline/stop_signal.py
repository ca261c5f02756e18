"""The request to stop a run: set by a signal handler, checked by everything that waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event

from connectors.errors import HarvestError, Interrupted


class StopSignal:
    """Set by a signal handler; every wait checks it."""

    def __init__(self) -> None:
        self._event = Event()
        self.exit_code = 130
        self._error: HarvestError | None = None
        self._callbacks: list[Callable[[], None]] = []
        self._in_call = False

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def set(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self._event.set()
        for callback in self._callbacks:
            callback()

    def end(self, error: HarvestError) -> None:
        """Stop the run with this error: not a signal, but something in the run itself ends it. The first one counts."""
        if not self.is_set:
            self._error = error
            self.set(error.exit_code)

    def add_callback(self, callback: Callable[[], None]) -> None:
        """Call `callback`, which must not block, when the signal is set."""
        self._callbacks.append(callback)

    def wait(self, seconds: float) -> None:
        """Sleep; raises Interrupted, or the error of `end`, as soon as the signal is set."""
        if self._event.wait(max(0.0, seconds)):
            raise self.interruption()

    def check(self) -> None:
        if self._event.is_set():
            raise self.interruption()

    def interruption(self) -> HarvestError:
        """What a run ends with that the signal stops."""
        return self._error or Interrupted(exit_code=self.exit_code)

    @contextmanager
    def interruptible_call(self) -> Iterator[None]:
        """Around a call of the main thread that may block for ever: a signal raises Interrupted in the middle of it."""
        self._in_call = True
        try:
            self.check()
            yield
        finally:
            self._in_call = False

    def interrupt_call(self) -> None:
        """Called by the signal handler, in the main thread. Raises Interrupted if that is in an `interruptible_call`."""
        if self._in_call:
            self._in_call = False
            raise Interrupted(exit_code=self.exit_code)
