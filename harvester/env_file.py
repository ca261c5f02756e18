"""Reads `.env`: `NAME=value` lines with the quoting rules of python-dotenv, none of which is passed over."""

from __future__ import annotations

import io
import logging
import re
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from connectors.errors import ConfigurationError
from connectors.text_file import UnreadableFile, read_text_file

logger = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_LINE_BREAK = re.compile(r"\r\n|\n|\r")


def read_env_file(path: Path) -> dict[str, str]:
    """The values by name; the last line of a name counts, and a warning says so if an earlier one has another value.

    Raises ConfigurationError, which never quotes the file, if it cannot be read or a line is not `NAME=value`: a line that
    is passed over would silently turn into a default.
    """
    try:
        text = read_text_file(path)
    except UnreadableFile as error:
        raise ConfigurationError(f"the settings file {path} {error}") from None
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    for binding in parse_stream(io.StringIO(text, newline="")):
        line = _line(binding)
        if binding.error or not _is_setting(binding):
            raise ConfigurationError(
                f"the settings file {path}, line {line}, is not NAME=value: check the name, the = and the quotation marks"
            )
        if binding.key is not None:
            value = binding.value or ""
            if values.get(binding.key, value) != value:
                logger.warning(
                    f"{path}: {binding.key} is in line {lines[binding.key]} and, with another value, in line {line}, which counts"
                )
            values[binding.key], lines[binding.key] = value, line
    return values


def _is_setting(binding: Binding) -> bool:
    """A comment or a blank line has neither name nor value."""
    if binding.key is None:
        return True
    return binding.value is not None and _NAME.fullmatch(binding.key) is not None


def _line(binding: Binding) -> int:
    """The line of its first character, from 1: the parser counts from the blank lines before it."""
    text = binding.original.string
    blank = text[: len(text) - len(text.lstrip())]
    return binding.original.line + len(_LINE_BREAK.findall(blank))
