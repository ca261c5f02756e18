"""`harvester report`: one HTML file to look at."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

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
from harvester.cli.options import (
    ES_HOST,
    PATH,
    WholeNumber,
    apply,
    examples,
    general_options,
    pass_env,
)
from harvester.cli.render.echo import stdout_bytes
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.signals_during_duckdb import interruptible
from harvester.cli.standard_streams import stdout_is_terminal
from harvester.formatting import plural
from harvester.output_file import check_output, write_output
from harvester.write_errors import write_errors

if TYPE_CHECKING:
    from harvester.analysis.report_data import ReportData

logger = logging.getLogger(__name__)

OPTIONS = (
    FILES,
    *DAYS,
    FROM_INDEX,
    ES_HOST,
    VENDORS_READ,
    meetings_option("Show this meeting in detail"),
    click.option(
        "--worst",
        type=WholeNumber(0, 200),
        metavar="N",
        default=12,
        show_default=True,
        help="How many of the meetings that went worst to show in detail.",
    ),
    click.option(
        "--people",
        type=click.Choice(["hide", "show"]),
        default="hide",
        show_default=True,
        help="Whether names, hosts and topics are in the file.",
    ),
    click.option(
        "--units",
        type=PATH,
        metavar="FILE",
        help="CSV of pattern,unit: the units of e-mail addresses or domains.  [default: the domain is the unit]",
    ),
    click.option("--title", metavar="TEXT", help="Title of the page.  [default: Meetings]"),
    click.option("--no-script", is_flag=True, help="Leave out the script that sorts tables and saves CSV."),
    click.option(
        "--csv",
        "folder",
        type=PATH,
        metavar="DIR",
        help="Write every table to a file in DIR as well.",
    ),
    MEMORY,
    output_option("the page "),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(InputOptions):
    """What the command line asks for."""

    worst: int
    people: Literal["hide", "show"]
    units: Path | None
    title: str | None
    no_script: bool
    folder: Path | None

    @property
    def is_to_stdout(self) -> bool:
        return self.output is None or self.output == Path("-")


@click.command(
    epilog=examples(
        "harvester report documents.ndjson -o report.html",
        "harvester report --from-index --from 2026-11-01 --to 2026-11-30 --timezone Europe/Berlin -o november.html",
        "zcat documents.ndjson.gz | harvester report --people show --meeting 'abc==' > meeting.html",
    )
)
@apply(OPTIONS)
@general_options
@pass_env
def report(env: RunEnvironment, **options: Any) -> int:
    """Make one HTML page of the documents in FILE, standard input, or the index.

    The page needs no network and no server, and may be mailed. By default it names no person, host or topic. Files may be
    compressed with gzip. The exit code is 65 if a line of the input is not a document, or if a meeting of --meeting is not there.
    """
    from harvester.analysis.page import render

    asked = Options(**options)
    if asked.is_to_stdout and stdout_is_terminal():
        raise click.UsageError("refusing to print HTML to a terminal: write it to a file with -o report.html")
    if asked.output is not None and not asked.is_to_stdout:
        with write_errors(asked.output, elsewhere=ANOTHER_FILE):
            check_output(asked.output)
    data, code = _figures(env, asked)
    page = render(data, title=asked.title, script=not asked.no_script).encode()
    if asked.folder is not None:
        _write_tables(data, asked.folder)
    if asked.output is None or asked.is_to_stdout:
        stdout_bytes().write(page)
    else:
        with write_errors(asked.output, elsewhere=ANOTHER_FILE, pipe_may_close=True):
            write_output(asked.output, page)
        logger.info("wrote %s", asked.output)
    return code


def _figures(env: RunEnvironment, asked: Options) -> tuple[ReportData, int]:
    from harvester.analysis.document_tables import read_documents
    from harvester.analysis.duckdb_database import open_database
    from harvester.analysis.org_units import Units
    from harvester.analysis.report_data import report_data
    from harvester.analysis.selection import Selection

    zone = env.zone(asked.timezone)
    first, last = days(asked.first, asked.last, env, zone)
    selection = Selection(zone=zone, first=first, last=last, vendors=asked.vendors)
    units = Units.read(asked.units) if asked.units is not None else Units()
    with interruptible() as interruption, ExitStack() as stack:
        documents = stack.enter_context(
            open_source(env, asked.paths, selection, from_index=asked.from_index, without=(), bookings=True)
        )
        database = stack.enter_context(open_database(asked.memory))
        interruption.folder = database.folder
        read = read_documents(database, documents, selection, quality=True)
        code = log_problems(database, read, asked.meetings, asked.paths)
        data = report_data(
            database,
            read,
            selection,
            units=units,
            meetings=asked.meetings,
            worst=asked.worst,
            shows_people=asked.people == "show",
        )
    return data, code


def _write_tables(data: ReportData, folder: Path) -> None:
    from harvester.analysis import safe_csv
    from harvester.analysis.cells import plain_rows

    with write_errors(folder, elsewhere="name another with --csv"):
        folder.mkdir(parents=True, exist_ok=True)
        for table in data.tables():
            content = safe_csv.table(list(table.columns), plain_rows(table)).encode()
            write_output(folder / f"{table.name}.csv", content)
    logger.info(f"wrote {plural(len(data.tables()), 'table')} into {folder}")
