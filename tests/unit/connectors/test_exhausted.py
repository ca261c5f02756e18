"""What the machine gives no more of is recognized inside whatever a library makes of it."""

from __future__ import annotations

import errno

import pytest
import requests

from connectors.exhausted import FILES, MEMORY, exhausted
from connectors.exit_codes import ExitCode


def wrapped(cause: Exception) -> requests.ConnectionError:
    error = requests.ConnectionError("no connection")
    error.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.EMFILE, "Too many open files"), FILES),
        (OSError(errno.ENFILE, "Too many open files in system"), FILES),
        (wrapped(OSError(errno.EMFILE, "Too many open files")), FILES),
        (MemoryError(), MEMORY),
        (RuntimeError("can't start new thread"), MEMORY),
    ],
)
def test_it_is_no_bug(error: Exception, message: str) -> None:
    lack = exhausted(error)
    assert lack is not None
    assert str(lack) == message
    assert lack.exit_code == ExitCode.TEMPFAIL


@pytest.mark.parametrize("error", [OSError(errno.ENOENT, "absent"), RuntimeError("another"), ValueError()])
def test_everything_else_is_left_alone(error: Exception) -> None:
    assert exhausted(error) is None
