"""`harvester attendance`: who was there, and for how long."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, Literal

import click

from harvester.analysis.attendance import By, Threshold
from harvester.analysis.selection import Selection
from harvester.cli.analysis_input import (
    ANOTHER_FILE,
    DAYS,
    FILES,
    FROM_INDEX,
    MEMORY,
    VENDORS_READ,
    InputOptions,
    days,
    log_problems,
    meetings_option,
    open_source,
    output_option,
)
from harvester.cli.options import ES_HOST, PATH, apply, examples, general_options, pass_env
from harvester.cli.render.echo import stdout_bytes
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.signals_during_duckdb import interruptible
from harvester.formatting import plural
from harvester.output_file import OutputFile, check_output, open_output
from harvester.write_errors import write_errors

if TYPE_CHECKING:
    from harvester.analysis.attendance import Totals
    from harvester.analysis.duckdb_database import Database

logger = logging.getLogger(__name__)

Format = Literal["table", "csv", "json", "xlsx"]
MAX_TABLE_ROWS = 5_000
READABLE_COLUMNS = 15
"""A table with more columns is wider than most terminals."""


class Presence(click.ParamType[Threshold]):
    name = "presence"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Threshold:
        if isinstance(value, Threshold):
            return value
        try:
            return Threshold.parse(str(value))
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from None


OPTIONS = (
    FILES,
    *DAYS,
    FROM_INDEX,
    ES_HOST,
    VENDORS_READ,
    meetings_option("This meeting only"),
    click.option(
        "--series",
        metavar="ID",
        multiple=True,
        help="Meetings with this series id or meeting code; may be repeated.",
    ),
    click.option(
        "--host", "hosts", metavar="EMAIL", multiple=True, help="Meetings of this host; may be repeated."
    ),
    click.option(
        "--topic", metavar="TEXT", help="Meetings with TEXT in their topic, in capital or small letters."
    ),
    click.option(
        "--present",
        type=Presence(),
        metavar="50%|20m",
        help="Count as present who attended this share of the meeting, or this number of minutes.  [default: everyone who came]",
    ),
    click.option(
        "--by",
        type=click.Choice(["meeting", "person", "series"]),
        default="meeting",
        show_default=True,
        help="One row per meeting and person, per person, or per series and person with a column per meeting.",
    ),
    click.option(
        "--people",
        type=PATH,
        metavar="FILE",
        help="CSV of pattern,person: merges guests, phone numbers and changed names.",
    ),
    click.option(
        "--roster",
        type=PATH,
        metavar="FILE",
        help="CSV of email,name: adds who was expected and did not come, and marks who was not expected.",
    ),
    click.option(
        "--format",
        "kind",
        type=click.Choice(["table", "csv", "json", "xlsx"]),
        default="table",
        show_default=True,
        help="A table for people, or a file; xlsx needs -o.",
    ),
    click.option("--excel", is_flag=True, help="Begin CSV with a byte order mark, which Excel needs."),
    MEMORY,
    output_option(""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(InputOptions):
    """What the command line asks for."""

    series: tuple[str, ...]
    hosts: tuple[str, ...]
    topic: str | None
    present: Threshold | None
    by: By
    people: Path | None
    roster: Path | None
    kind: Format
    excel: bool


@click.command(
    epilog=examples(
        "harvester attendance documents.ndjson --from 2026-11-23 --to 2026-11-27",
        "harvester attendance --from-index --series 98765432101 --by series --present 50% --format xlsx -o register.xlsx",
        "harvester zoom --date 2026-11-20 --destination stdout | harvester attendance --format csv",
    )
)
@apply(OPTIONS)
@general_options
@pass_env
def attendance(env: RunEnvironment, **options: Any) -> int:
    """Print who attended which meeting, and for how long, from NDJSON in FILE or standard input, or from the index.

    Files may be compressed with gzip. Days are those on which the meetings began. Rejoining or using a second device
    counts once, waiting rooms do not count, breakout rooms do. What a vendor does not know is empty. The exit code is 65
    if a line of the input is not a document, or if a meeting of --meeting is not there.
    """
    asked = Options(**options)
    if asked.kind == "xlsx" and (asked.output is None or asked.output == Path("-")):
        raise click.UsageError("--format xlsx needs a file: -o attendance.xlsx")
    if asked.excel and asked.kind != "csv":
        raise click.UsageError("--excel is for --format csv")
    if asked.output is not None and asked.output != Path("-"):
        with write_errors(asked.output, elsewhere=ANOTHER_FILE):
            check_output(asked.output)
    return _attendance(env, asked)


def _attendance(env: RunEnvironment, asked: Options) -> int:
    from harvester.analysis.aliases import read_aliases
    from harvester.analysis.attendance import create_attendance, totals
    from harvester.analysis.document_tables import read_documents
    from harvester.analysis.duckdb_database import open_database
    from harvester.analysis.roster import read_roster

    selection = _selection(env, asked)
    aliases = read_aliases(asked.people) if asked.people is not None else []
    roster = read_roster(asked.roster) if asked.roster is not None else None
    with interruptible() as interruption, ExitStack() as stack:
        documents = stack.enter_context(
            open_source(env, asked.paths, selection, from_index=asked.from_index, without=("quality",))
        )
        database = stack.enter_context(open_database(asked.memory, in_file=False))
        interruption.folder = database.folder
        read = read_documents(database, documents, selection, quality=False)
        create_attendance(
            database,
            zone=selection.zone.key,
            by=asked.by,
            threshold=asked.present or Threshold(),
            aliases=aliases,
            roster=roster,
        )
        code = log_problems(database, read, asked.meetings, asked.paths)
        _log_untimed(totals(database), threshold=asked.present)
        marks = asked.present is not None
        layout = _Layout(
            by=asked.by, kind=asked.kind, excel=asked.excel, marks=marks, roster=roster is not None
        )
        _write(database, layout, asked.output)
    return code


def _selection(env: RunEnvironment, asked: Options) -> Selection:
    zone = env.zone(asked.timezone)
    first, last = days(asked.first, asked.last, env, zone)
    return Selection(
        zone=zone,
        first=first,
        last=last,
        vendors=asked.vendors,
        meetings=asked.meetings,
        series=asked.series,
        hosts=asked.hosts,
        topic=asked.topic,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    by: By
    kind: Format
    excel: bool
    marks: bool
    roster: bool


def _log_untimed(counted: Totals, *, threshold: Threshold | None) -> None:
    """What a vendor does not know, once for each."""
    consequence = "their minutes and shares are empty"
    if threshold is not None:
        consequence += ", and whether they were present"
    for vendor, (without, rows) in counted.untimed.items():
        if without == rows:
            logger.warning(f"{vendor} provides no join and leave times of these people: {consequence}")
        else:
            logger.warning(
                f"{vendor} provides no join and leave times for {without:,} of {plural(rows, 'row')}: {consequence}"
            )
    if counted.still_there:
        people = plural(counted.still_there, "person")
        logger.warning(f"{people} had not left yet when their meeting was harvested: {consequence}")


def _write(database: Database, layout: _Layout, output: Path | None) -> None:
    from harvester.analysis.attendance_files import write_xlsx

    if layout.kind == "xlsx" and output is not None:
        columns, rows = _rows(database, layout)
        with (
            TemporaryFile() as sheet
        ):  # an archive that cannot be completed complains once more when it is removed
            write_xlsx(sheet, columns, rows)
            sheet.seek(0)
            with _opened(output) as file:
                copyfileobj(sheet, file.stream)
        return
    blocks = _blocks(database, layout)
    if output is None or output == Path("-"):
        stdout = stdout_bytes()
        for block in blocks:
            stdout.write(block)
        return
    with _opened(output) as file:
        file.stream.writelines(blocks)


@contextmanager
def _opened(output: Path) -> Iterator[OutputFile]:
    with (
        write_errors(output, elsewhere=ANOTHER_FILE, pipe_may_close=True),
        open_output(output) as file,
    ):
        yield file
    logger.info("wrote %s", output)


def _blocks(database: Database, layout: _Layout) -> Iterator[bytes]:
    from harvester.analysis.attendance_files import csv_bytes, json_bytes

    if layout.kind == "csv":
        columns, lines = _csv_lines(database, layout)
        return csv_bytes(columns, lines, excel=layout.excel)
    columns, rows = _rows(database, layout)
    if layout.kind == "json":
        return json_bytes(columns, rows)
    return (f"{line}\n".encode() for line in _table(database, columns, rows))


def _rows(database: Database, layout: _Layout) -> tuple[Sequence[str], Iterator[tuple[Any, ...]]]:
    from harvester.analysis.attendance import query
    from harvester.analysis.register import to_register

    if layout.by == "series":
        register = to_register(database, marks=layout.marks, roster=layout.roster)
        return register.columns, register.rows
    chosen = query(layout.by, roster=layout.roster)
    return chosen.columns, chosen.rows(database)


def _csv_lines(database: Database, layout: _Layout) -> tuple[Sequence[str], Iterator[str]]:
    from harvester.analysis import safe_csv
    from harvester.analysis.attendance import query

    if layout.by == "series":
        columns, rows = _rows(database, layout)
        return columns, map(safe_csv.row, rows)
    chosen = query(layout.by, roster=layout.roster)
    return chosen.columns, chosen.csv_lines(database)


def _table(database: Database, columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> Iterator[str]:
    from harvester.analysis.attendance import totals
    from harvester.cli.render.attendance import attendance_lines

    counted = totals(database)
    if counted.rows > MAX_TABLE_ROWS:
        raise click.UsageError(
            f"{counted.rows:,} rows are too many for a table: choose fewer days or meetings, or --format csv"
        )
    if len(columns) > READABLE_COLUMNS:
        logger.info(
            f"a table of {len(columns):,} columns is hard to read: `--format xlsx -o attendance.xlsx` makes a spreadsheet"
        )
    return attendance_lines(columns, list(rows), counted)
