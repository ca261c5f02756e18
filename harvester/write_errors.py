"""Why a file, a folder or a stream cannot be written or used, and what to do. Every command that meets such an error ends with 74."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from connectors.errors import HarvestError, OutputError
from connectors.exhausted import exhausted

_REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EROFS: "make its file system writable",
    errno.EACCES: "check its owner and permissions",
    errno.EPERM: "check its owner and permissions",
    errno.ENOENT: "create its folder",
    errno.ENOTDIR: "create its folder",
    errno.EIO: "check the disk",
    errno.EFBIG: "raise the limit of this process (ulimit -f)",
}

_REMEDIES_OF_READING = {number: _REMEDIES[number] for number in (errno.EACCES, errno.EPERM, errno.EIO)}

ONLY_OF_WRITING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})
"""Errors that no reading has."""


def write_error(name: object, error: OSError, *, elsewhere: str = "name another place") -> HarvestError:
    """`elsewhere`: how to choose another place; empty if there is no choice."""
    return _error(f"{name} cannot be written ({_reason(error)})", error, _REMEDIES, elsewhere)


def read_error(name: object, error: OSError, *, elsewhere: str = "") -> HarvestError:
    """The same for what cannot be read."""
    return _error(f"{name} cannot be read ({_reason(error)})", error, _REMEDIES_OF_READING, elsewhere)


def access_error(name: object, error: OSError) -> HarvestError:
    """The same if it is not known what was tried."""
    return _error(f"{name} cannot be used ({_reason(error)})", error, _REMEDIES_OF_READING, "")


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _error(problem: str, error: OSError, remedies: Mapping[int, str], elsewhere: str) -> HarvestError:
    if (lack := exhausted(error)) is not None:
        return lack
    remedy = ", or ".join(filter(None, (remedies.get(error.errno or 0), elsewhere)))
    return OutputError(problem + (f": {remedy}" if remedy else ""))


@contextmanager
def write_errors(
    name: object, *, elsewhere: str = "name another place", pipe_may_close: bool = False
) -> Iterator[None]:
    """Raises OutputError for every OSError of the block.

    `pipe_may_close`: BrokenPipeError is left as it is, since a reader that has seen enough is not a failure.
    """
    try:
        yield
    except OSError as error:
        if pipe_may_close and isinstance(error, BrokenPipeError):
            raise
        raise write_error(name, error, elsewhere=elsewhere) from None
