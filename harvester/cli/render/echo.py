"""Writes to stdout. Every command passes its answers and its documents to one of these functions; only help is click's own.

| what | written with |
| --- | --- |
| an answer: lines, JSON, a table | `echo`, `echo_lines`, `echo_json`, `echo_rendered`; with `err=True` on stderr |
| documents, a page, a CSV file | `stdout_bytes`, often as the stream of `harvester/sinks/ndjson.py` |

Control characters of text from outside are escaped on a terminal. Messages are logged (`harvester/logging_setup.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, cast

import click

from harvester.cli.standard_streams import open_stdout, stdout_is_terminal
from harvester.printable import printable, printable_json, printable_lines


def echo(line: str, *, err: bool = False, layout: Callable[[str], str] | None = None) -> None:
    """Print one line, whatever is in it. `layout`: wraps and colours it afterwards."""
    text = printable(line)
    _print(layout(text) if layout is not None else text, err=err)


def echo_lines(text: str, *, err: bool = False) -> None:
    """Print text that this program has put into lines, each of which may contain one-line text from outside."""
    _print(printable_lines(text), err=err)


def echo_json(text: str, *, err: bool = False) -> None:
    _print(printable_json(text), err=err)


def echo_rendered(text: str) -> None:
    """Print text that this program has coloured. Whatever comes from outside must be printable already."""
    _print(text, err=False)


def _print(text: str, *, err: bool) -> None:
    if not err:
        open_stdout()
    click.echo(text, err=err)


def stdout_bytes() -> BinaryIO:
    """stdout for documents, which are bytes. Raises OutputError if it is closed."""
    stream = open_stdout().buffer
    return cast(BinaryIO, TerminalStream(stream)) if stdout_is_terminal() else stream


class TerminalStream:
    """A terminal that documents are written to: JSON lines, or rejected lines that are not even text."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, content: bytes) -> int:
        self._stream.write(printable_json(content.decode("utf-8", "backslashreplace")).encode())
        return len(content)

    def flush(self) -> None:
        self._stream.flush()
