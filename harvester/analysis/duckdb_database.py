"""A DuckDB database for one command, in a temporary folder that only its owner can read and that ends with the command."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from connectors.errors import ConfigurationError, Interrupted, OutputError
from harvester.optional_libraries import require

if TYPE_CHECKING:
    import duckdb

logger = logging.getLogger(__name__)

DEFAULT_MEMORY = "512MB"
LEAST_MEMORY = 128
"""In MB. A thread needs as much: half of it for the lines that it reads."""
_UNITS = {"MB": 1, "GB": 1000}


def memory(text: str) -> str:
    """A limit like 512MB or 2GB. Raises ConfigurationError for anything else, and for less than 128MB."""
    found = re.fullmatch(r"(\d{1,6})\s*(MB|GB)", text.strip(), re.IGNORECASE)
    if found is None or int(found[1]) * _UNITS[found[2].upper()] < LEAST_MEMORY:
        raise ConfigurationError(f"the memory must be at least {LEAST_MEMORY}MB, written like 512MB or 2GB")
    return f"{int(found[1])}{found[2].upper()}"


def thread_count(limit: str, cores: int) -> int:
    """How many threads can work with a limit that `memory` returned: with more of them, not even the reading would fit."""
    return max(1, min(cores, int(limit[:-2]) * _UNITS[limit[-2:]] // LEAST_MEMORY))


class Database:
    """One connection. Every error of DuckDB becomes a HarvestError without its text, which may quote documents."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self._connection = connection
        self._errors: type[Exception] = require("duckdb").Error
        self.folder = folder

    def run(self, sql: str, values: Sequence[Any] = ()) -> None:
        self._execute(sql, values)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The only row of a query that always has one."""
        (row,) = self.rows(sql, values)
        return row

    def dicts(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        result = self._execute(sql, values)
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def stream(self, sql: str, values: Sequence[Any] = (), size: int = 10_000) -> Iterator[tuple[Any, ...]]:
        """The rows, some at a time. No other query may run until the last one has been taken."""
        result = self._execute(sql, values)
        while page := result.fetchmany(size):
            yield from page

    def insert(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows to a table, whose name is not from outside."""
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            marks = ", ".join(["unnest(?)"] * len(columns))
            self.run(f"INSERT INTO {table} SELECT {marks}", columns)

    def _execute(self, sql: str, values: Sequence[Any]) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(sql, list(values))
        except self._errors as error:
            logger.debug("DuckDB: %s in: %s", type(error).__name__, " ".join(sql.split()))
            raise _foreseen(error, self.folder) from error
        except RuntimeError as error:  # DuckDB's own error for a signal that Python has handled meanwhile
            if str(error) == "Query interrupted":
                raise Interrupted from None
            raise


def _foreseen(error: Exception, folder: Path) -> Exception:
    """What to do about an error that the machine or the input causes; the error itself if it is a bug."""
    kind = type(error).__name__
    if kind == "OutOfMemoryException":
        return ConfigurationError(
            f"the memory or the disk under {folder.parent} is not enough for these documents: allow more with --memory, "
            "choose fewer days with --from and --to, or name another temporary folder in TMPDIR"
        )
    if kind in {"IOException", "HTTPException"} or "Could not write file" in str(error):
        return OutputError(
            f"the temporary folder {folder.parent} cannot be written, or the input cannot be read: free some space, or name "
            "another temporary folder in TMPDIR"
        )
    if kind == "InvalidInputException" and "maximum_object_size" in str(error):
        return OutputError("a line of the input is longer than 16 MB, which no document is: check the file")
    return error


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Removed at the end, even if a signal raises an exception as soon as it exists: `tempfile` would leave it then."""
    folder = Path(tempfile.gettempdir(), f"harvester-analysis-{token_hex(8)}")
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def open_database(limit: str = DEFAULT_MEMORY, *, in_file: bool = True) -> Iterator[Database]:
    """`limit`: the memory that DuckDB may use; beyond it, it writes to the temporary folder.

    `in_file`: keep tables in a compressed file, which takes a tenth of the space, and a third more time to fill.
    """
    duckdb = require("duckdb")
    with _temporary_folder() as folder:
        try:
            connection = duckdb.connect(
                str(folder / "documents.duckdb") if in_file else ":memory:",
                config={
                    "memory_limit": limit,
                    "temp_directory": str(folder / "spill"),
                    "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                    "preserve_insertion_order": "false",
                },
            )
        except duckdb.Error as error:
            raise _foreseen(error, folder) from error
        (cores,) = connection.execute("SELECT current_setting('threads')").fetchall()[0]
        connection.execute(f"SET threads = {thread_count(limit, cores)}")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")  # it would be printed among the rows
        try:
            yield Database(connection, folder)
        finally:
            connection.close()
