"""Names of files may be of any bytes; every other value on the command line is text.

Python reads bytes that are not UTF-8 as lone surrogates. No vendor, database or index has such text, and most of them fail
over it, each in its own way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click


def require_utf8(context: click.Context) -> None:
    """Raises BadParameter for an option or an argument that is not UTF-8 and names no file."""
    for param in context.command.params:
        if isinstance(param.type, click.Path):
            continue
        if not all(map(is_utf8, _texts(context.params.get(str(param.name))))):
            raise click.BadParameter("it is not UTF-8", context, param)


def is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return (value,)
    return (each for each in value if isinstance(each, str)) if isinstance(value, tuple) else ()
