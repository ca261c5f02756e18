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

logger = logging.getLogger(__name__)


@click.command(
    epilog=examples(
        "harvester load documents.ndjson",
        "zcat documents.ndjson.gz | harvester load",
        "harvester zoom --date 2026-11-20 --destination stdout | jq -c 'del(.email)' | harvester load",
    )
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@YES_NEW_INDICES
@elasticsearch_options
@general_options
@pass_env
def load(env: RunEnvironment, file: Path | None, yes: bool) -> int:
    """Load NDJSON documents, one per line, from FILE or standard input.

    Documents are stored unchanged. A line that cannot be stored is reported with its number and kept among the
    rejects; the rest is loaded, and the exit code is 65. What is not NDJSON (compressed, pretty-printed, an array) is
    refused as a whole, with the command that converts it.
    Documents with dates before 2000 or far in the future are rejected; a load that needs many new indices wants --yes.
    """
    from harvester.sinks.elastic.input_format import NdjsonStream, NotNdjsonError

    handle_signals(env)
    name, path = ("standard input", None) if _is_stdin(file) else (str(file), str(file))
    limit = None if yes else MAX_NEW_INDICES
    with _open(file) as stream, open_index(env) as index:
        lines = NdjsonStream(stream, name, path)
        try:
            return report_load(index.loader.load_lines(lines, name, max_new_indices=limit))
        except NotNdjsonError as error:
            raise click.UsageError(str(error)) from None


def report_load(progress: Iterable[LoadProgress], *, noun: str = "lines", by_key: bool = False) -> int:
    """Log the refused lines, the first ones in the order of the file, and a summary; returns the exit code."""
    last, count = None, 0
    first: list[RejectedLine] = []
    try:
        for last in progress:
            count += len(last.rejected_lines)
            first = nsmallest(SHOWN, [*first, *last.rejected_lines], key=lambda refused: refused.line)
    finally:  # refused lines are reported even if the load ends with an error
        for line in refused_lines(first, count, by_key=by_key):
            logger.error(line)
    if last is None:
        return ExitCode.OK
    logger.log(logging.ERROR if last.rejected else logging.INFO, load_summary(last, noun=noun))
    return ExitCode.DATAERR if last.rejected else ExitCode.OK


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
