"""Why a program cannot listen on a port, and what to do. The address is a setting, so every command that opens one ends with 78."""

from __future__ import annotations

import errno
import socket

from connectors.errors import ConfigurationError


def port_error(
    host: str, port: int, error: OSError | OverflowError | UnicodeError, *, with_another: str = ""
) -> ConfigurationError:
    """`with_another`: what to do as well if another port is chosen."""
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, socket.gaierror | UnicodeError) or number == errno.EADDRNOTAVAIL:
        return ConfigurationError(f"this machine has no address {host}: check --host")
    remedy = f"choose another port with --port{with_another}"
    if number == errno.EADDRINUSE:
        return ConfigurationError(f"port {port} is in use: stop the program that uses it, or {remedy}")
    if number == errno.EACCES:
        return ConfigurationError(f"port {port} needs administrator rights: {remedy}")
    reason = error.strerror if isinstance(error, OSError) else "no such port"
    return ConfigurationError(f"port {port} cannot be opened ({reason}): {remedy}")
