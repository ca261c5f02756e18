"""Opens the files of data that a user names: documents, lists of people, rows. `connectors/text_file.py` reads settings.

A file of data that cannot be read ends every command with 74, one of settings with 78.
"""

from __future__ import annotations

from io import BufferedReader
from pathlib import Path

from connectors.errors import HarvestError, OutputError
from connectors.exit_codes import ExitCode
from harvester.write_errors import read_error


class UnusableFile(HarvestError):
    """A file that is not what the command takes; the message names the line or the row."""

    exit_code = ExitCode.DATAERR


def open_input(path: Path) -> BufferedReader:
    """The file, opened to read bytes. Raises OutputError if it is missing, a folder, or not readable by this user."""
    try:
        return path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from None


def read_input(path: Path, most: int) -> bytes:
    """All of a file that is held in memory. Raises what `open_input` does, and UnusableFile if it has more than `most` bytes,
    as a device has that never ends."""
    try:
        with open_input(path) as file:
            content = file.read(most + 1)
    except OSError as error:
        raise unreadable(path, error) from None
    if len(content) > most:
        raise UnusableFile(f"{path} is larger than {most // 1024 // 1024} MB")
    return content


def is_utf8(text: str) -> bool:
    """Whether the bytes of this file name or word of the command line were UTF-8: Python reads others as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def unreadable(path: Path, error: OSError) -> HarvestError:
    return read_error(path, error)


def standard_input_is_closed() -> OutputError:
    return OutputError("standard input is closed: name a FILE, or use a pipe")
