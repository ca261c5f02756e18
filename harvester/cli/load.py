"""`harvester load`: NDJSON from a file or a pipe into the index."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import nsmallest
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connectors.exit_codes import ExitCode
from harvester.cli.from_settings import open_index
from harvester.cli.options import (
    MAX_NEW_INDICES,
    PATH,
    YES_NEW_INDICES,
    elasticsearch_options,
    examples,
    general_options,
    handle_signals,
    pass_env,
)
from harvester.cli.render.load import SHOWN, load_summary, refused_lines
from harvester.cli.run_environment import RunEnvironment
from harvester.input_file import open_input, standard_input_is_closed
from harvester.pipeline.stop_signal import StopSignal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harvester.non_ndjson_input import NdjsonStream, Readable
    from harvester.sinks.elastic.loader import LoadProgress, RejectedLine

logger = logging.getLogger(__name__)


@click.command(
    epilog=examples(
        "harvester load documents.ndjson",
        "harvester load 2026-11-*.ndjson",
        "zcat documents.ndjson.gz | harvester load",
        "harvester zoom --date 2026-11-20 --destination stdout | jq -c 'del(.email)' | harvester load",
    )
)
@click.argument("files", type=PATH, nargs=-1)
@YES_NEW_INDICES
@elasticsearch_options
@general_options
@pass_env
def load(env: RunEnvironment, files: tuple[Path, ...], yes: bool) -> int:
    """Load NDJSON documents, one per line, from FILES, one after the other, or from standard input.

    Documents are stored unchanged. A line that cannot be stored is reported with its number and kept among the
    rejects; the rest is loaded, and the exit code is 65. What is not NDJSON (compressed, pretty-printed, an array) is
    refused as a whole, with the command that converts it.
    Documents with dates before 2000 or far in the future are rejected; a load that needs many new indices wants --yes.
    """
    from harvester.non_ndjson_input import NotNdjsonError

    handle_signals(env)
    try:
        for each in files:
            if each.is_file() or not (_is_stdin(each) or each.exists()):
                # Before anything is loaded. A pipe is opened only once.
                with _open_lines(each, env.stop) as lines:
                    lines.read1(1)
        return _load_files(env, files, None if yes else MAX_NEW_INDICES)
    except NotNdjsonError as error:
        raise click.UsageError(str(error)) from None


def _load_files(env: RunEnvironment, files: tuple[Path, ...], max_new_indices: int | None) -> int:
    codes: list[int] = []
    with open_index(env) as index:
        for file in files or (None,):
            with _open_lines(file, env.stop) as lines:
                progress = index.loader.load_lines(lines, lines.name, max_new_indices=max_new_indices)
                codes.append(report_load(progress, prefix=f"{lines.name}: " if len(files) > 1 else ""))
    return ExitCode.worst(codes)


@contextmanager
def _open_lines(file: Path | None, stop: StopSignal) -> Iterator[NdjsonStream]:
    from harvester.non_ndjson_input import NdjsonStream

    path = None if file is None or _is_stdin(file) else str(file)
    with _open(file, stop) as stream:
        yield NdjsonStream(InterruptibleStream(stream, stop), path or "standard input", path)


def report_load(
    progress: Iterable[LoadProgress], *, noun: str = "line", by_key: bool = False, prefix: str = ""
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


class InterruptibleStream:
    """A stream whose reads a signal interrupts: a terminal or a pipe may send nothing, a device may never end."""

    def __init__(self, stream: Readable, stop: StopSignal) -> None:
        self._stream = stream
        self._stop = stop

    def read1(self, size: int, /) -> bytes:
        with self._stop.interruptible_call():
            return self._stream.read1(size)


@contextmanager
def _open(file: Path | None, stop: StopSignal) -> Iterator[BufferedReader]:
    if file is None or _is_stdin(file):
        if sys.stdin is None:
            raise standard_input_is_closed()
        with open(0, "rb", closefd=False) as stdin:
            yield stdin
        return
    with stop.interruptible_call():  # a FIFO may have no writer
        stream = open_input(file)
    with stream:
        yield stream


def _is_stdin(file: Path | None) -> bool:
    return file is None or str(file) == "-"
