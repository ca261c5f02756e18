"""Opens the files of data that a user names: documents, lists of people, rows. `connectors/text_file.py` reads settings.

A file of data that cannot be read ends every command with 74, one of settings with 78.
"""

from __future__ import annotations

from io import BufferedReader
from pathlib import Path

from connectors.errors import HarvestError, OutputError
from connectors.exit_codes import ExitCode


class UnusableFile(HarvestError):
    """A file that is not what the command takes; the message names the line or the row."""

    exit_code = ExitCode.DATAERR


def open_input(path: Path) -> BufferedReader:
    """The file, opened to read bytes. Raises OutputError if it is missing, a folder, or not readable by this user."""
    try:
        return path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path} cannot be read ({error.strerror})")


def standard_input_is_closed() -> OutputError:
    return OutputError("standard input is closed: name a FILE, or use a pipe")
