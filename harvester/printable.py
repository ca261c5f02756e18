"""Text from outside, made safe to print: vendors, Elasticsearch, files and arguments may contain what a terminal obeys.

Control and escape characters, line breaks, marks that change the direction of writing, and halves of a character are shown
as `\\x1b`, `\\u202e` or `\\U000e0001`. Spaces of other scripts, and the joiners that Persian and emoji are written with, stay.
"""

from __future__ import annotations

import unicodedata

_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


def printable(text: str) -> str:
    """The text in one line."""
    if text.isprintable():
        return text
    return "".join(character if _is_harmless(character) else _escape(character) for character in text)


def printable_lines(text: str) -> str:
    """The text with its line feeds: for text that this program has put into lines, never for a single value."""
    return "\n".join(map(printable, text.split("\n")))


def printable_json(text: str) -> str:
    """JSON with the same meaning: what is not printable stands in strings only, and is escaped as JSON does."""
    return "".join(
        character if character == "\n" or _is_harmless(character) else _escape_in_json(character)
        for character in text
    )


def _is_harmless(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs" or character in _JOINERS


def _escape(character: str) -> str:
    code = ord(character)
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}"


def _escape_in_json(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
