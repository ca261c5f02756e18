"""What the terminal can show: how wide it is, and colours."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap

import click

NARROWEST = 40


def stdout_width() -> int | None:
    """The columns of the terminal that stdout is; `None` if it is a file or a pipe, whose lines stay whole."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    return max(NARROWEST, shutil.get_terminal_size().columns)


def wrapped(text: str, width: int | None, *, hanging: int) -> str:
    """The text in lines of this width, between words; all but the first begin with so many spaces."""
    if width is None:
        return text
    return textwrap.fill(
        text,
        width,
        subsequent_indent=" " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
        replace_whitespace=False,
    )


def red(text: str) -> str:
    """In red on a terminal, unless NO_COLOR is set; `click.echo` removes the colour elsewhere."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg="red", bold=True)
