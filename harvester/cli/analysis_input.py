"""The input that `report` and `attendance` have in common: which documents, from where."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from connectors.errors import ConfigurationError
from connectors.exit_codes import ExitCode
from harvester.analysis import document_source
from harvester.analysis.document_source import Source
from harvester.analysis.document_tables import known_meetings
from harvester.analysis.duckdb_database import DEFAULT_MEMORY, memory
from harvester.analysis.first_bad_line import first_bad_line
from harvester.analysis.selection import Selection
from harvester.cli.from_settings import elastic_config
from harvester.cli.options import PATH, Decorator, day_options
from harvester.cli.run_environment import RunEnvironment
from harvester.formatting import plural
from harvester.input_file import standard_input_is_closed
from harvester.non_ndjson_input import NotNdjsonError
from harvester.pipeline.request import Day, to_date

if TYPE_CHECKING:
    from harvester.analysis.document_tables import Read
    from harvester.analysis.duckdb_database import Database

logger = logging.getLogger(__name__)

STANDARD_INPUT = Path("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions:
    """Which documents to read, and where the output goes, as the command line says it."""

    paths: tuple[Path, ...]
    first: Day | None
    last: Day | None
    timezone: str | None
    from_index: bool
    vendors: tuple[str, ...]
    meetings: tuple[str, ...]
    memory: str
    output: Path | None


def _memory(_context: click.Context, _param: click.Parameter, value: str) -> str:
    try:
        return memory(value)
    except ConfigurationError as error:
        raise click.BadParameter(str(error)) from None


FILES = click.argument("paths", metavar="[FILE]...", nargs=-1, type=PATH)
DAYS = day_options(None, "First day.", "Last day, inclusive.  [default: with --from, no end]")
FROM_INDEX = click.option(
    "--from-index", is_flag=True, help="Read the documents from Elasticsearch instead of files."
)


VENDORS_READ = click.option(
    "--vendor", "vendors", metavar="NAME", multiple=True, help="Meetings of this vendor; may be repeated."
)


def meetings_option(text: str) -> Decorator[Any]:
    return click.option(
        "--meeting", "meetings", metavar="UUID", multiple=True, help=f"{text}; may be repeated."
    )


ANOTHER_FILE = "name another with -o"


def output_option(what: str) -> Decorator[Any]:
    return click.option(
        "-o",
        "--output",
        type=PATH,
        metavar="FILE",
        help=f"Write {what}to FILE; - is stdout.",
    )


MEMORY: Decorator[Any] = click.option(
    "--memory",
    default=DEFAULT_MEMORY,
    show_default=True,
    metavar="SIZE",
    callback=_memory,
    help="Memory for tables, at least 128MB; beyond it, a temporary folder is used.",
)


@contextmanager
def open_source(
    env: RunEnvironment,
    paths: Sequence[Path],
    selection: Selection,
    *,
    from_index: bool,
    without: Sequence[str],
    bookings: bool = False,
) -> Iterator[Source]:
    """`without`: fields that need not be read from the index; `bookings`: whether bookings of rooms are read from there.

    Raises UsageError if the input is contradictory, missing, or not NDJSON.
    """
    reader = f"harvester {click.get_current_context().info_name}"
    try:
        if from_index:
            if paths:
                raise click.UsageError("give either files or --from-index")
            with _index(env, selection, without, bookings=bookings) as documents:
                yield documents
        else:
            yield _files(paths, reader)
    except NotNdjsonError as error:
        raise click.UsageError(str(error)) from None


def _files(paths: Sequence[Path], reader: str) -> Source:
    if not paths or list(paths) == [STANDARD_INPUT]:
        if sys.stdin is None:
            raise standard_input_is_closed()
        if not paths and sys.stdin.isatty():
            raise click.UsageError("name a file of NDJSON, pipe documents in, or use --from-index")
        return document_source.stream(sys.stdin.buffer, reader)
    if STANDARD_INPUT in paths:
        raise click.UsageError("- is standard input; it cannot be combined with files")
    return document_source.files(paths, reader)


@contextmanager
def _index(
    env: RunEnvironment, selection: Selection, without: Sequence[str], *, bookings: bool
) -> Iterator[Source]:
    from harvester.pipeline.destination import retry_policy
    from harvester.sinks.elastic.client import Client
    from harvester.sinks.elastic.document_reader import DocumentReader

    with closing(Client(elastic_config(env), env.machine.monotonic)) as client:
        reader = DocumentReader(client, retry_policy(env.stop, env.machine))
        yield document_source.lines(
            reader.read(
                window=selection.window(),
                vendors=selection.vendors,
                without=("vendor_data", *without),
                bookings=bookings,
            )
        )


def days(
    first: Day | None, last: Day | None, env: RunEnvironment, zone: ZoneInfo
) -> tuple[date | None, date | None]:
    """Raises UsageError if the last day is before the first."""
    now = env.machine.now()
    from_day, to_day = to_date(first, now, zone), to_date(last, now, zone)
    if from_day is not None and to_day is not None and to_day < from_day:
        raise click.UsageError(f"--to {to_day} is before --from {from_day}")
    return from_day, to_day


def log_problems(database: Database, read: Read, meetings: Sequence[str], paths: Sequence[Path]) -> ExitCode:
    """Log what is wrong with the input, and return the exit code. `paths`: the files that were read."""
    code = ExitCode.OK
    if read.unreadable:
        code = ExitCode.DATAERR
        one = read.unreadable == 1
        place = first_bad_line([path for path in paths if path != STANDARD_INPUT])
        first = "" if place is None else f": {place}" if one else f"; the first: {place}"
        logger.error(
            f"{read.unreadable:,} of {plural(read.lines, 'line')} {'is not a document' if one else 'are not documents'} "
            f"of meetings, sessions or bookings; {'it is' if one else 'they are'} left out{first}"
        )
    there = known_meetings(database)
    for wanted in meetings:
        if wanted not in there:
            code = ExitCode.DATAERR
            logger.error(f"the meeting {wanted} is not among the documents that were chosen")
    if not read.meetings and not meetings:
        logger.warning("no meeting of the input was chosen" if read.lines else "the input is empty")
    return code
