"""Ctrl-C and SIGTERM are heard at every moment, whatever the process waits for.

While the program is imported, they end it at once (`signals_during_import`). Then most commands finish what is in flight: the stop
signal is set, which every wait checks; a call that nothing else would end raises Interrupted; and if the end does not come
in time, or with the second signal, the process ends at once. Nothing that is stored depends on a regular end.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING

from harvester.signals_during_import import SIGNALS, leave

if TYPE_CHECKING:
    from harvester.pipeline.stop_signal import StopSignal

SECONDS_TO_FINISH = 20.0
"""After the first signal. A run promises to end within 10 s; a process that is still there waits for something in vain,
such as a reader of its pipe that reads nothing."""


def raise_on_signals() -> None:
    """The program has started: from now on an exception ends the command, which cleans up. Called by every command."""
    for number in SIGNALS:
        if signal.getsignal(number) is leave:
            signal.signal(number, interrupt)


def finish_on_signals(stop: StopSignal, seconds: float = SECONDS_TO_FINISH) -> None:
    """The first signal sets the stop signal; the second one, or the end of the time, ends the process at once."""

    countdown = Countdown(seconds)

    def handle(number: int, _frame: FrameType | None) -> None:
        code = 128 + number
        if stop.is_set:
            os._exit(code)
        countdown.begin(code)
        stop.set(code)
        stop.interrupt_call()

    for number in SIGNALS:
        signal.signal(number, handle)


def interrupt(number: int, _frame: FrameType | None) -> None:
    from connectors.errors import Interrupted

    raise Interrupted(exit_code=128 + number)


class Countdown:
    """Ends the process some seconds after it has begun.

    Its thread is started beforehand: starting one takes locks that the interrupted main thread may hold, so that a signal
    handler that starts a thread can wait for itself for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._code = 0
        self._waiting = threading.Lock()
        self._waiting.acquire()
        threading.Thread(target=self._run, name="countdown", daemon=True).start()

    def begin(self, code: int) -> None:
        """Called once, by a signal handler."""
        self._code = code
        self._waiting.release()

    def _run(self) -> None:
        self._waiting.acquire()
        threading.Event().wait(self._seconds)
        os._exit(self._code)
