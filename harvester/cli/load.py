"""`harvester load`: NDJSON from a file or a pipe into the index."""

from __future__ import annotations

from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connectors.errors import OutputError
from harvester.cli import destination
from harvester.cli.surroundings import Surroundings, common_options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harvester.sinks.elastic.loader import LinesLoaded

SAID = 20
"""So many bad lines are named; all are counted, and kept among the rejects."""


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@destination.elasticsearch_options
@common_options
def load(
    env_file: str | None, quiet: bool, file: Path | None, es_host: str | None, index_period: str | None
) -> int:
    """Load NDJSON documents, one a line, from FILE or standard input.

    The lines are stored as they are. One that cannot be stored is named by its number and kept among the rejects;
    the rest is loaded.
    """
    around = Surroundings.find(env_file, quiet=quiet)
    around.obey_signals()
    stream = _opened(file)
    with destination.index(es_host, index_period, around) as index:
        return told(index.loader.load_lines(stream), around)


def told(progress: Iterable[LinesLoaded], around: Surroundings) -> int:
    """Say which lines were refused and what came of it all; 65 where there were any, else 0."""
    last, said = None, 0
    for last in progress:
        for refused in last.refused:
            said += 1
            if said <= SAID:
                around.voice.complain(f"line {refused.line}: {refused.why}")
    if last is None:
        return 0
    summary = (
        f"{last.lines} lines: {last.ok} documents stored, {last.superseded} already there newer or richer, "
        f"{last.rejected} rejected"
    )
    if last.rejected:
        around.voice.complain(f"{summary}; see `harvester rejects list`")
        return 65
    around.voice.say(summary)
    return 0


def _opened(file: Path | None) -> BufferedReader:
    if file is None or str(file) == "-":
        return open(0, "rb", closefd=False)  # standard input, which is not ours to close
    try:
        return file.open("rb")
    except OSError as error:
        raise OutputError(f"{file} cannot be read ({error.strerror})") from None
