"""Ends the process at once if a signal arrives while the program is being imported: an exception would print a traceback.

It imports nothing that Python has not loaded by itself: `signal` alone would take a moment in which no one listens.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # CPython has no stub for it
import os

SIGNALS = (_signal.SIGINT, _signal.SIGTERM)


def leave_at_once_on_signals() -> None:
    """Ignored signals stay ignored."""
    for number in SIGNALS:
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, leave)


def leave(number: int, _frame: object) -> None:
    os._exit(128 + number)
