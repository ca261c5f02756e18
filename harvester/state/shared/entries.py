"""The entries of a log as documents.

Entry n of a pool is made with the name of its number, so two workers cannot both make it. A large transaction is several
entries, which count only together: of a writer that was killed in between, none does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.errors import StateError
from harvester.state.shared.row_changes import Change

FORMAT = 1
"""Of entries. A worker refuses a log with a later one."""
MAX_BYTES = 1_000_000
"""A longer transaction is split: a page of entries must fit into one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    number: int
    writer: str
    """The token of the opening of the log that has appended it: of one with an unknown outcome, whose it is."""
    database: str
    """Empty for an entry that only ends the entries of earlier writers."""
    schema: int
    """The schema version of the database."""
    changes: Sequence[Change]
    more: bool
    """Further entries belong to the same transaction."""

    def body(self, pool: str) -> dict[str, Any]:
        return {
            "kind": "entry",
            "format": FORMAT,
            "pool": pool,
            "number": self.number,
            "writer": self.writer,
            "database": self.database,
            "schema": self.schema,
            "more": self.more,
            "changes": self.changes,
        }


def parse_entry(body: Mapping[str, Any]) -> Entry:
    """Raises StateError for an entry of a newer version, or of none."""
    try:
        if body["format"] > FORMAT:
            raise newer_version()
        return Entry(
            number=int(body["number"]),
            writer=str(body["writer"]),
            database=str(body["database"]),
            schema=int(body["schema"]),
            changes=list(body["changes"]),
            more=bool(body["more"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StateError(
            f"the shared state has an entry that cannot be read ({type(error).__name__})"
        ) from None


def newer_version() -> StateError:
    return StateError(
        "the shared state was written by a newer version of the harvester; use that version on all workers"
    )


def entry_document(pool: str, number: int) -> str:
    return f"entry-{pool}-{number:09d}"


def split(changes: Iterable[Change]) -> Iterator[tuple[list[Change], bool]]:
    """The changes in parts of a bounded size, each with whether another one follows. There is at least one part."""
    part: list[Change] = []
    size = 0
    for change in changes:
        length = len(orjson.dumps(change))
        if part and size + length > MAX_BYTES:
            yield part, True
            part, size = [], 0
        part.append(change)
        size += length
    yield part, False
