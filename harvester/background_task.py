"""Runs a task beside the main one until the program stops."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from connectors.errors import Interrupted
from harvester.pipeline.stop_signal import StopSignal

SECONDS_TO_FINISH = 5.0


class BackgroundTask:
    """A thread; what it raises, it raises in the main thread as well."""

    def __init__(self, run: Callable[[Callable[[], None]], NoReturn], stop: StopSignal, name: str) -> None:
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._stop = stop
        self._run = run
        self.thread = threading.Thread(target=self._guarded, name=name, daemon=True)

    def _guarded(self) -> None:
        try:
            self._run(self._check)
        except Interrupted:
            pass
        except BaseException as error:  # noqa: BLE001  # raised in the main thread
            self._error = error
            self._stop.set(70)

    def _check(self) -> None:
        self._stop.check()
        if self._ended.is_set():
            raise Interrupted(exit_code=0)

    def end(self) -> None:
        """Let the task end, and wait some seconds for it. Raises what ended it before."""
        self._ended.set()
        self.thread.join(SECONDS_TO_FINISH)
        if self._error is not None:
            raise self._error


@contextmanager
def background_task(
    run: Callable[[Callable[[], None]], NoReturn], stop: StopSignal, *, name: str
) -> Iterator[None]:
    """`run` is passed a function that it calls often, and that raises Interrupted when the task has to end.

    If the task fails, the stop signal is set and its error is raised at the end of the context.
    """
    task = BackgroundTask(run, stop, name)
    task.thread.start()
    try:
        yield
    finally:
        task.end()
