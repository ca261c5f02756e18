"""Removes a person from journals: no copy stays behind, not even in the free pages of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing

from harvester.state.database import Database, Recorder
from harvester.state.journal_schema import MIGRATIONS
from harvester.state.layout import JournalLocation

TEXTS = (
    ("meetings", "hint"),
    ("meetings", "reason"),
    ("given_up", "reason"),
    ("left_out", "reason"),
    ("given_up_partitions", "reason"),
    ("runs", "what"),
    ("runs", "summary"),
    ("facts", "value"),
)
"""The columns whose texts may come from a vendor, or name a user."""

Scrub = Callable[[str, str], str]
"""What a text becomes; the first argument is the column."""


def count_scrubbed(location: JournalLocation, scrub: Scrub) -> int:
    """How many texts of the journal would change. It is not written."""
    with closing(Database(location.database, MIGRATIONS, read_only=True)) as database:
        return sum(
            text is not None and scrub(column, text) != text
            for table, column in TEXTS
            for (text,) in database.fetch_all(f"SELECT {column} FROM {table}")  # noqa: S608  # constants of this module
        )


def scrub_journal(
    location: JournalLocation,
    scrub: Scrub,
    changed_meetings: Iterable[str],
    recorder: Recorder | None = None,
) -> None:
    """Change the texts of the journal, and forget which sessions these meetings had. The caller holds its lock."""
    with closing(Database(location.database, MIGRATIONS, recorder=recorder)) as database:
        with database.transaction() as connection:
            for table, column in TEXTS:
                connection.create_function(
                    "scrubbed", 1, lambda text, column=column: text and scrub(column, text)
                )
                connection.execute(
                    f"UPDATE {table} SET {column} = scrubbed({column}) WHERE {column} <> scrubbed({column})"  # noqa: S608  # constants of this module
                )
            connection.executemany("DELETE FROM sessions WHERE uuid = ?", ((u,) for u in changed_meetings))
        database.purge()
