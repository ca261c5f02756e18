"""Ctrl-C, SIGTERM and SIGHUP are heard at every moment, whatever the process waits for.

While the program is imported, they end it at once (`signals_during_import`). Then most commands finish what is in flight: the stop
signal is set, which every wait checks; a call that nothing else would end raises Interrupted; and if the end does not come
in time, or with the second signal, the process ends at once. Nothing that is stored depends on a regular end.

SIGHUP means that the connection or the terminal is gone. A signal that is ignored when the program starts, such as SIGHUP after
`nohup`, stays ignored.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from functools import cache
from types import FrameType
from typing import TYPE_CHECKING, Any

from harvester.signals_during_import import SIGNALS, exit_code_of, leave

if TYPE_CHECKING:
    from harvester.pipeline.stop_signal import StopSignal

SECONDS_TO_FINISH = 20.0
"""After the first signal. A run promises to end within 10 s; a process that is still there waits for something in vain,
such as a reader of its pipe that reads nothing."""
SECONDS_TO_HEAR = 0.05
"""After which the main thread is woken up if it has not run the handler of a signal."""


_raised: list[int] = []
"""The signals that this command got while they raised exceptions. A library, or code that goes on after an error, may have
swallowed the exception."""


def raise_on_signals() -> None:
    """The program has started: from now on an exception ends the command, which cleans up. Called by every command."""
    _raised.clear()
    for number in SIGNALS:
        if signal.getsignal(number) is leave:
            signal.signal(number, interrupt)


def handle_unless_ignored(handler: Callable[[int, FrameType | None], Any]) -> None:
    """Let `handler` handle all signals but those that are ignored."""
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def is_new_request(number: int, heard: list[int]) -> bool:
    """Whether this signal asks for more than those heard before it, to which it is added. When a connection goes, the kernel and
    the shell each send SIGHUP, and systemd sends SIGTERM and SIGHUP: that is one request."""
    earlier = set(heard)
    heard.append(number)
    return not earlier or (number != signal.SIGHUP and earlier != {signal.SIGHUP})


def finish_on_signals(stop: StopSignal, seconds: float = SECONDS_TO_FINISH) -> None:
    """The first signal sets the stop signal; the second one, or the end of the time, ends the process at once."""
    heard = list(_raised)

    def handle(number: int, _frame: FrameType | None) -> None:
        if not is_new_request(number, heard) or (stop.is_set and number == signal.SIGHUP):
            return
        if stop.is_set:
            os._exit(exit_code_of(number))
        stop.set(exit_code_of(number))
        stop.interrupt_call()

    handle_unless_ignored(handle)
    signal.signal(signal.SIGURG, _wake_up)
    _listener().listen(stop, seconds)
    if heard:
        stop.set(exit_code_of(heard[0]))


def exit_code_after(code: Any) -> Any:
    """What a command that has returned this code ends with: the code of a signal, if its exception was swallowed."""
    return exit_code_of(_raised[0]) if _raised else code


def interrupt(number: int, _frame: FrameType | None) -> None:
    from connectors.errors import Interrupted

    if is_new_request(number, _raised):
        raise Interrupted(exit_code=exit_code_of(number))


def _wake_up(_number: int, _frame: FrameType | None) -> None:
    """Does nothing: the signal itself ends the wait, and Python then runs the handlers of all signals that have arrived."""


class SignalListener:
    """A thread that hears of each signal at once, whatever the main thread does, and sees to it that the process ends.

    Python runs handlers in the main thread, between two of its steps. A signal that arrives when the main thread has just
    begun to wait for a lock does not end that wait, so the thread wakes it up until the handler has run. The thread is
    started beforehand: starting one takes locks that the interrupted main thread may hold.
    """

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._stop: StopSignal | None = None
        self._seconds = SECONDS_TO_FINISH
        threading.Thread(target=self._run, name="signals", daemon=True).start()

    def listen(self, stop: StopSignal, seconds: float) -> None:
        """From now on, end the process `seconds` after the first signal, whose handler sets `stop`."""
        self._stop, self._seconds = stop, seconds
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)

    def _run(self) -> None:
        while True:
            number = os.read(self._reading, 1)[0]
            if number in SIGNALS and self._stop is not None:
                self._end(self._stop, self._seconds, exit_code_of(number))

    def _end(self, stop: StopSignal, seconds: float, code: int) -> None:
        pause = threading.Event().wait
        left = seconds
        while left > 0:
            pause(min(left, SECONDS_TO_HEAR))
            left -= SECONDS_TO_HEAR
            if stop.is_set:
                break
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGURG)
        pause(max(0.0, left))
        os._exit(code)


@cache
def _listener() -> SignalListener:
    """One for the process."""
    return SignalListener()
