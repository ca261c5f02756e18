"""`harvester load`: NDJSON from a file or a pipe into the index."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import nsmallest
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connectors.errors import OutputError
from harvester.cli.environment import RunEnvironment, common_options
from harvester.pipeline import destination

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harvester.sinks.elastic.loader import LoadProgress, RejectedLine
    from harvester.sinks.elastic.ndjson_reader import Readable

logger = logging.getLogger(__name__)

SAID = 20
"""So many bad lines are named, the first ones; all are counted, and kept among the rejects."""

COMPRESSED = {
    b"\x1f\x8b": "zcat",
    b"BZh": "bzcat",
    b"\xfd7zXZ\x00": "xzcat",
    b"\x28\xb5\x2f\xfd": "zstdcat",
    b"PK\x03\x04": "unzip -p",
}
"""What the usual compressed files begin with, and what unpacks them into a pipe."""


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@destination.elasticsearch_options
@common_options
def load(
    env_file: str | None, quiet: bool, file: Path | None, es_host: str | None, index_period: str | None
) -> int:
    """Load NDJSON documents, one a line, from FILE or standard input.

    The lines are stored as they are. One that cannot be stored is named by its number and kept among the rejects;
    the rest is loaded. A compressed file is refused: unpack it into a pipe.
    """
    env = RunEnvironment.find(env_file, quiet=quiet)
    env.obey_signals()
    with _opened(file) as stream, destination.index(es_host, index_period, env) as index:
        name = "standard input" if _is_stdin(file) else str(file)
        return told(index.loader.load_lines(Text(stream, name), name))


def told(
    progress: Iterable[LoadProgress],
    *,
    noun: str = "lines",
    named: Callable[[RejectedLine], str] = lambda refused: f"line {refused.line}",
) -> int:
    """Say which lines were refused, the first of them in their order, and what came of it all; 65 where there were
    any, else 0."""
    last, count = None, 0
    first: list[RejectedLine] = []
    try:
        for last in progress:
            count += len(last.rejected_lines)
            first = nsmallest(SAID, [*first, *last.rejected_lines], key=lambda refused: refused.line)
    finally:  # what was refused is told even where the load comes to no end
        for refused in first:
            logger.error(f"{named(refused)}: {refused.reason}")
        if count > len(first):
            logger.error(f"… and {count - len(first)} more; `harvester rejects list` has them all")
    if last is None:
        return 0
    blank = f" ({last.blank} blank)" if last.blank else ""
    summary = (
        f"{last.lines} {noun}{blank}: {last.ok} documents stored, {last.superseded} already there newer or richer, "
        f"{last.rejected} rejected"
    )
    if last.rejected:
        logger.error(f"{summary}; see `harvester rejects list`")
        return 65
    logger.info(summary)
    return 0


class Text:
    """A stream as it is; UsageError where it turns out to be compressed: every line of it would be a reject."""

    def __init__(self, stream: Readable, name: str) -> None:
        self._stream = stream
        self._name = name
        self._begun = False

    def read1(self, size: int, /) -> bytes:
        block = self._stream.read1(size)
        if not self._begun:
            self._begun = True
            self._look(block)
        return block

    def _look(self, block: bytes) -> None:
        for magic, unpacked in COMPRESSED.items():
            if block.startswith(magic):
                file = "FILE" if self._name == "standard input" else self._name
                raise click.UsageError(f"{self._name} is compressed: use {unpacked} {file} | harvester load")


@contextmanager
def _opened(file: Path | None) -> Iterator[BufferedReader]:
    if file is None or _is_stdin(file):
        with open(0, "rb", closefd=False) as stdin:  # which is not ours to close
            yield stdin
        return
    try:
        stream = file.open("rb")
    except OSError as error:
        raise OutputError(f"{file} cannot be read ({error.strerror})") from None
    with stream:
        yield stream


def _is_stdin(file: Path | None) -> bool:
    return file is None or str(file) == "-"
