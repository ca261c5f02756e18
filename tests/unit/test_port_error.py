"""Every port that cannot be opened is a matter of configuration, and the message says which setting to change."""

from __future__ import annotations

import errno
import socket

import pytest

from connectors.exit_codes import ExitCode
from harvester.port_error import port_error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(errno.EADDRINUSE, "Address already in use"),
            "port 80 is in use: stop the program that uses it, or choose another port with --port and register it",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied"),
            "port 80 needs administrator rights: choose another port with --port and register it",
        ),
        (
            OSError(errno.EADDRNOTAVAIL, "Cannot assign"),
            "this machine has no address 192.0.2.1: check --host",
        ),
        (
            socket.gaierror(-2, "Name or service not known"),
            "this machine has no address 192.0.2.1: check --host",
        ),
        (
            OSError(errno.EMFILE, "Too many open files"),
            "port 80 cannot be opened (Too many open files): choose another port with --port and register it",
        ),
        (
            OverflowError("port must be 0-65535"),
            "port 80 cannot be opened (no such port): choose another port with --port and register it",
        ),
    ],
)
def test_the_message_says_why_and_what_to_do(error: OSError | OverflowError, message: str) -> None:
    found = port_error("192.0.2.1", 80, error, with_another=" and register it")
    assert (str(found), found.exit_code) == (message, ExitCode.CONFIG)
