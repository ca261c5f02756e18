"""Fits text to the terminal: its width, and colours."""

from __future__ import annotations

import os
import shutil

import click

from harvester.cli.standard_streams import stdout_is_terminal
from harvester.wrapping import wrap

NARROWEST = 40


def stdout_width() -> int | None:
    """The columns of the terminal that stdout is; `None` if it is a file or a pipe, whose lines stay whole."""
    if not stdout_is_terminal():
        return None
    return max(NARROWEST, shutil.get_terminal_size().columns)


def wrapped(text: str, width: int | None, *, hanging: int) -> str:
    """As `wrapping.wrap`; text for a file or a pipe, without a width, stays on its line."""
    return text if width is None else wrap(text, width, hanging=hanging)


def bold(text: str) -> str:
    """In bold, unless the terminal or its user wants plain text; `click.echo` removes it elsewhere."""
    return click.style(text, bold=True) if is_styled() else text


def red(text: str) -> str:
    """In red and bold, with the same exceptions."""
    return click.style(text, fg="red", bold=True) if is_styled() else text


def grey(text: str) -> str:
    """Less bright than other text, with the same exceptions."""
    return click.style(text, dim=True) if is_styled() else text


def is_styled() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
