"""Whether the index is still the one that the journal speaks of.

Elasticsearch gives every index a UUID. The journal keeps the UUID of each index from before the first document is sent
to it. If an index is missing or has another UUID, it was deleted, or replaced by an older copy, and what was acknowledged
into it may be gone: its meetings are read again. The opposite, an index with later harvests than the journal knows of,
means that the journal is an old copy, or that something else writes into the index.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Protocol

import orjson

from connectors.models import Window
from harvester.formatting import format_instant, plural
from harvester.logging_setup import EVEN_IF_QUIET
from harvester.pipeline.report import Report
from harvester.state.journal import Journal

logger = logging.getLogger(__name__)

INDEX_UUIDS = "index_uuids"
EMPTY_WHEN_BEGUN = "index_was_empty"
TOLERANCE = timedelta(minutes=10)
MARGIN = timedelta(days=1)
"""A meeting's documents are filed by its real start, which may differ a little from the listed one."""

IndexListener = Callable[[Iterable[str]], None]


class Indices(Protocol):
    """What a run asks about its indices."""

    def ping(self) -> None:
        """Raises Unreachable soon if Elasticsearch does not answer: a wrong address should not take minutes to show."""
        ...

    def uuids(self) -> Mapping[str, str] | None:
        """The UUID of each index, by name; `None` if the account may not look."""
        ...

    def newest_harvest(self, vendor: str, account: str) -> datetime | None:
        """The newest `harvested_at` of an account's documents; `None` if there are none, or the account may not read."""
        ...


class IndexGeneration:
    """Compares the indices with the journal at the beginning and at the end of a run."""

    def __init__(self, indices: Indices, journal: Journal, *, vendor: str, account: str) -> None:
        self._indices = indices
        self._journal = journal
        self._vendor = vendor
        self._account = account
        self._lock = Lock()
        self._known: dict[str, str] = {}
        self._lost: set[str] = set()
        self._can_look = True

    def check_before(self, previous_end: datetime | None) -> None:
        """Read the meetings of lost indices again, and notice a journal that is an old copy. `previous_end`: when the run
        before ended; `None`: there was none, or it was killed."""
        self._indices.ping()
        found = self._indices.uuids()
        self._can_look = found is not None
        self._known = self._recorded()
        if found is not None:
            lost = {name for name, uuid in self._known.items() if found.get(name) != uuid}
            if not found and not self._known and self._journal.fact(INDEX_UUIDS) is None:
                self._undo_all()  # an earlier version recorded no UUIDs, and no index is left
            self._undo(lost)
            self._record(found)
        newest = self._indices.newest_harvest(self._vendor, self._account)
        if previous_end is not None and newest is not None and newest > previous_end + TOLERANCE:
            logger.warning(
                f"{self._vendor}: the index holds documents harvested at {format_instant(newest)} UTC, after the last run "
                f"in the journal ({format_instant(previous_end)} UTC): the journal was restored from a backup, or another "
                "state folder or `harvester load` writes there; stale documents are looked for at every meeting",
                extra=EVEN_IF_QUIET,
            )
            self._journal.set_fact(EMPTY_WHEN_BEGUN, "no")

    def on_ready(self, names: Iterable[str]) -> None:
        """Documents are about to be sent to these indices for the first time, or for the first time since one vanished."""
        found = self._indices.uuids() if self._can_look else None
        if found is None:
            return
        with self._lock:
            for name in names:
                if name in self._known and self._known[name] != found.get(name):
                    self._lost.add(name)
                elif name in found:
                    self._known[name] = found[name]
            self._write()

    def check_after(self, report: Report) -> None:
        """If an index vanished during the run, its meetings are read again by the next one, and this one has failed."""
        found = self._indices.uuids() if self._can_look else None
        if found is None:
            return
        with self._lock:
            self._lost |= {name for name, uuid in self._known.items() if found.get(name) != uuid}
            if self._lost:
                undone = self._undo(self._lost)
                report.indices_lost(sorted(self._lost), undone)
            self._record(found)

    def _recorded(self) -> dict[str, str]:
        recorded = self._journal.fact(INDEX_UUIDS)
        return dict(orjson.loads(recorded)) if recorded is not None else {}

    def _record(self, found: Mapping[str, str]) -> None:
        """After the undoing: a kill in between undoes it once more."""
        self._known, self._lost = dict(found), set()
        self._write()

    def _write(self) -> None:
        recorded = orjson.dumps(self._known, option=orjson.OPT_SORT_KEYS).decode()
        if recorded != self._journal.fact(INDEX_UUIDS):
            self._journal.set_fact(INDEX_UUIDS, recorded)

    def _undo(self, lost: Iterable[str]) -> int:
        names = sorted(lost)
        undone = sum(self._journal.undo_stored(period) for period in {period_of(name) for name in names})
        if names:
            self._say(undone, f"{', '.join(names)} was deleted or replaced")
        return undone

    def _undo_all(self) -> None:
        undone = self._journal.undo_stored(None)
        if undone:
            self._say(undone, "all indices were deleted")

    def _say(self, undone: int, what: str) -> None:
        logger.warning(
            f"{self._vendor}: {what} since the journal recorded what is in it: {plural(undone, 'meeting')} to be read again",
            extra=EVEN_IF_QUIET,
        )


def period_of(index: str) -> Window:
    """The time of the meetings in an index, a little wider. `index`: its name, which ends in a year or a month."""
    *_, year, month = index.split("-") if index[-5:-4] != "-" else (*index.split("-"), "")
    if month:
        start = datetime.fromisoformat(f"{year}-{month}-01T00:00:00+00:00")
        end = (start + timedelta(days=32)).replace(day=1)
    else:
        start = datetime.fromisoformat(f"{year}-01-01T00:00:00+00:00")
        end = start.replace(year=start.year + 1) if start.year < 9999 else start + timedelta(days=364)
    return Window(start=start - MARGIN, end=end + MARGIN)
