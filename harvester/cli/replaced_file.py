"""A file that a command writes: complete, or as it was before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from connectors.errors import OutputError


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """A path to write to; what was written replaces the file when the context ends without an error.

    A link keeps pointing to its file, and a device such as /dev/stdout is written directly. Raises OutputError.
    """
    try:
        target = path.resolve()
        if target.exists() and not target.is_file():
            yield target
            return
        unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            yield unfinished
            if target.exists():
                unfinished.chmod(target.stat().st_mode & 0o7777)
            unfinished.replace(target)
        finally:
            with suppress(FileNotFoundError):
                unfinished.unlink()
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise OutputError(f"{path} cannot be written ({error.strerror or type(error).__name__})") from None
