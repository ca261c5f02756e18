"""Breaks text into lines between words, and never inside a command, so that it can be copied."""

from __future__ import annotations

import re
import textwrap

_COMMAND = re.compile(r"`[^`]+`|\bharvester [a-z][\w-]*(?: --[\w-]+(?: [^\s-]\S*)?)+")
"""A command in backticks, or one with options in the text."""
_KEPT = "\ue000"
"""Instead of a space in a command, while the text is broken: of the private use area, so no text means anything by it."""


def wrap(text: str, width: int, *, hanging: int) -> str:
    """The text in lines of this width, which a longer word or command exceeds; all but the first begin with this number of
    spaces."""
    kept = _COMMAND.sub(lambda found: found[0].replace(" ", _KEPT), text)
    lines = textwrap.fill(
        kept,
        width,
        subsequent_indent=" " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
        replace_whitespace=False,
    )
    return lines.replace(_KEPT, " ")


def wrap_lines(text: str, width: int) -> str:
    """The same for each line of a message that is too long; the others stay as they are."""
    lines = (line if len(line) <= width else wrap(line, width, hanging=2) for line in text.split("\n"))
    return "\n".join(lines)
