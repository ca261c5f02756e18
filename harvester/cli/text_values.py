"""What every value on the command line has to be: not empty, and in UTF-8 unless it names a file.

An empty value is that of a variable that is not set. Taken for an option that is not given, it would use another cluster or
other settings than the ones that were meant.

Python reads bytes that are not UTF-8 as lone surrogates. No vendor, database or index has such text, and most of them fail
over it, each in its own way.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from harvester.input_file import is_utf8

EMPTY = "it is empty; is a variable not set?"


class FilePath(click.Path):
    """A file or folder, as a `Path`. An empty one would be the present folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            raise click.BadParameter(EMPTY, ctx, param)
        return super().convert(value, param, ctx)


def require_text(context: click.Context) -> None:
    """Raises BadParameter for an option or an argument that is empty, or that is not UTF-8 and names no file."""
    for param in context.command.params:
        name = str(param.name)
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        texts = list(_texts(context.params.get(name)))
        require_not_empty(context, param, texts)
        if not isinstance(param.type, click.Path) and not all(map(is_utf8, texts)):
            raise click.BadParameter("it is not UTF-8", context, param)


def require_not_empty(context: click.Context, param: click.Parameter, value: Any) -> None:
    if "" in _texts(value):
        raise click.BadParameter(EMPTY, context, param)


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return (value,)
    return [each for each in value if isinstance(each, str)] if isinstance(value, tuple | list) else ()
