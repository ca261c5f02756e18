"""`harvester load`: NDJSON from a file or a pipe into the index."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import nsmallest
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connectors.errors import OutputError
from connectors.exit_codes import ExitCode
from harvester.cli.from_settings import open_index
from harvester.cli.options import (
    MAX_NEW_INDICES,
    YES_NEW_INDICES,
    elasticsearch_options,
    examples,
    general_options,
    handle_signals,
    pass_env,
)
from harvester.cli.render.load import SHOWN, load_summary, refused_lines
from harvester.cli.run_environment import RunEnvironment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harvester.sinks.elastic.loader import LoadProgress, RejectedLine
    from harvester.sinks.elastic.ndjson_reader import Readable

logger = logging.getLogger(__name__)

COMPRESSED = {
    b"\x1f\x8b": "zcat",
    b"BZh": "bzcat",
    b"\xfd7zXZ\x00": "xzcat",
    b"\x28\xb5\x2f\xfd": "zstdcat",
    b"PK\x03\x04": "unzip -p",
}
"""First bytes of the usual compressed files, and the command that unpacks them into a pipe."""


@click.command(
    epilog=examples(
        "harvester load documents.ndjson",
        "harvester load 2026-11-*.ndjson",
        "zcat documents.ndjson.gz | harvester load",
        "harvester zoom --date 2026-11-20 --destination stdout | jq -c 'del(.email)' | harvester load",
    )
)
@click.argument("files", type=click.Path(dir_okay=False, path_type=Path), nargs=-1)
@YES_NEW_INDICES
@elasticsearch_options
@general_options
@pass_env
def load(env: RunEnvironment, files: tuple[Path, ...], yes: bool) -> int:
    """Load NDJSON documents, one per line, from FILES, one after the other, or from standard input.

    Documents are stored unchanged. A line that cannot be stored is reported with its number and kept among the
    rejects; the rest is loaded, and the exit code is 65. Compressed files are refused: unpack them into a pipe.
    Documents with dates before 2000 or far in the future are rejected; a load that needs many new indices wants --yes.
    """
    handle_signals(env)
    for each in files:
        if each.is_file() or not (_is_stdin(each) or each.exists()):
            # Before anything is loaded. A pipe is opened only once.
            with _open(each):
                pass
    limit = None if yes else MAX_NEW_INDICES
    codes: list[int] = []
    with open_index(env) as index:
        for file in files or (None,):
            name = "standard input" if _is_stdin(file) else str(file)
            with _open(file) as stream:
                progress = index.loader.load_lines(
                    UncompressedStream(stream, name), name, max_new_indices=limit
                )
                codes.append(report_load(progress, prefix=f"{name}: " if len(files) > 1 else ""))
    return ExitCode.worst(codes)


def report_load(
    progress: Iterable[LoadProgress], *, noun: str = "lines", by_key: bool = False, prefix: str = ""
) -> int:
    """Log the refused lines, the first ones in the order of the file, and a summary; returns the exit code.

    `prefix`: before every line, the name of the file if there are several.
    """
    last, count = None, 0
    first: list[RejectedLine] = []
    try:
        for last in progress:
            count += len(last.rejected_lines)
            first = nsmallest(SHOWN, [*first, *last.rejected_lines], key=lambda refused: refused.line)
    finally:  # refused lines are reported even if the load ends with an error
        for line in refused_lines(first, count, by_key=by_key):
            logger.error(prefix + line)
    if last is None:
        return ExitCode.OK
    logger.log(logging.ERROR if last.rejected else logging.INFO, prefix + load_summary(last, noun=noun))
    return ExitCode.DATAERR if last.rejected else ExitCode.OK


class UncompressedStream:
    """A stream that raises UsageError if it is compressed: every line of it would become a reject."""

    def __init__(self, stream: Readable, name: str) -> None:
        self._stream = stream
        self._name = name
        self._started = False

    def read1(self, size: int, /) -> bytes:
        block = self._stream.read1(size)
        if not self._started:
            self._started = True
            self._require_text(block)
        return block

    def _require_text(self, block: bytes) -> None:
        for magic, unpack in COMPRESSED.items():
            if block.startswith(magic):
                file = "FILE" if self._name == "standard input" else self._name
                raise click.UsageError(f"{self._name} is compressed: use {unpack} {file} | harvester load")


@contextmanager
def _open(file: Path | None) -> Iterator[BufferedReader]:
    if file is None or _is_stdin(file):
        with open(0, "rb", closefd=False) as stdin:
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
