"""Ends the process at once if a signal arrives while the program is being imported: an exception would print a traceback.

It imports nothing that Python has not loaded by itself: `signal` alone would take a moment in which no one listens.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # CPython has no stub for it
import os

SIGNALS = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGTERM)


def leave_at_once_on_signals() -> None:
    """Ignored signals stay ignored."""
    for number in SIGNALS:
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, leave)


def leave(number: int, _frame: object) -> None:
    os._exit(exit_code_of(number))


def exit_code_of(number: int) -> int:
    """What a command ends with after this signal. SIGHUP, which says that the connection or the terminal is gone, is the same
    request as SIGTERM."""
    return 128 + (_signal.SIGTERM if number == _signal.SIGHUP else number)
