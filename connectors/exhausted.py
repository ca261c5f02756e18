"""Recognizes that the machine gives this process no more memory, threads or files: nothing is wrong with the program then."""

from __future__ import annotations

import errno

from connectors.error_causes import causes
from connectors.errors import Exhausted

FILES = "this process may open no more files: raise the limit (ulimit -n), then run the same command again"
MEMORY = (
    "this process gets no more memory or threads: raise its limits (ulimit -v, ulimit -u, those of the container), then run "
    "the same command again"
)
_NO_MORE_FILES = frozenset({errno.EMFILE, errno.ENFILE})


def exhausted(error: BaseException) -> Exhausted | None:
    """What to raise instead, if that is what this error or one of its causes is about."""
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.errno in _NO_MORE_FILES:
            return Exhausted(FILES)
        if isinstance(cause, MemoryError) or (
            isinstance(cause, RuntimeError) and str(cause) == "can't start new thread"
        ):
            return Exhausted(MEMORY)
    return None
