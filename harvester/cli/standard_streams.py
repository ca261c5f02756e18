"""stdin, stdout and stderr, any of which may be closed or full, and how many files may be open beside them.

A message that stderr does not take ends no run; an answer or a document that stdout does not take is an OutputError (74).
"""

from __future__ import annotations

import io
import os
import select
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

_MODES = (os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)
"""Of stdin and stdout the wrong way round, so that their use fails; messages of libraries to stderr vanish."""


OPEN_FILES = 4_096


class _ClosedStdout(io.TextIOBase):
    """Takes the place of a closed stdout: libraries print nothing, without an error, if there is none."""

    def write(self, _text: str) -> int:
        raise _stdout_is_closed()


def _stdout_is_closed() -> Exception:
    from connectors.errors import OutputError

    return OutputError("stdout is closed")


class LossyStderr(io.TextIOBase):
    """stderr for a library that draws on it: what a terminal that is gone does not take is lost, and no error ends the run."""

    def __init__(self) -> None:
        self._stream = sys.stderr

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the base class has an attribute
        return self._stream.encoding

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def prepare_standard_streams() -> None:
    """Occupy the numbers of closed streams, before a database gets one, and print what the encoding lacks as `\\xe4`."""
    for number, mode in enumerate(_MODES):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # it gets the lowest free number, which is this one
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # open until the end
    if sys.stdout is None:
        sys.stdout = _ClosedStdout()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def permit_open_files() -> None:
    """Use all of the files that this process may have open: some systems begin with 256, and 32 accounts need more."""
    with suppress(ImportError, OSError, ValueError):  # not on Windows; or the limit may not be changed
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def open_stdout() -> TextIO:
    """Raises OutputError if stdout is closed."""
    if sys.stdout is None or isinstance(sys.stdout, _ClosedStdout):
        raise _stdout_is_closed()
    return sys.stdout


def flush_stdout() -> None:
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def stdout_reader_is_gone() -> bool:
    """Whether stdout is a pipe that no program reads any more."""
    try:
        if sys.stdout is None or not stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode):
            return False
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)  # an error is reported without being asked for
        return bool(poll.poll(0))
    except (OSError, ValueError, AttributeError):
        return False  # stdout is closed, or not a file; some systems have no poll


def stdout_encoding() -> str | None:
    return getattr(sys.stdout, "encoding", None)


def stderr_is_closed() -> bool:
    return sys.stderr is None or getattr(sys.stderr, "name", None) == os.devnull


def stdin_is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def stderr_is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def stdout_is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()
