"""The state that several machines share, as a place that may hold documents of a person: rejects and journals of all pools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from connectors.errors import LeaseHeld
from harvester.documents import Document
from harvester.forgetting.person import Count, LeftOut, Person
from harvester.forgetting.searched_places import JournalPlace, Place, RejectsPlace
from harvester.privacy.encrypted_ids import Sealer
from harvester.state.layout import find_journals, find_rejects, rejects_database
from harvester.state.reader import StateReader
from harvester.state.rejects import Rejects
from harvester.state.shared.reading import SharedStateReader
from harvester.state.shared.shared_pool import SharedPool, SharedState


class SharedStatePlace:
    """It is searched without a lease. A pool is changed with its lease held, and its log begins again without the person."""

    kind = "shared state"

    def __init__(
        self,
        name: str,
        reader: SharedStateReader,
        shared: SharedState | None,
        sealer: Sealer,
        now: Callable[[], datetime],
    ) -> None:
        """`shared`: `None` if nothing is to be changed."""
        self.name = name
        self._reader = reader
        self._shared = shared
        self._sealer = sealer
        self._now = now

    def documents(self, person: Person) -> Iterator[Document]:
        for folder in self._copies():
            for place in self._parts(folder):
                yield from place.documents(person)

    def count(self, person: Person) -> Count:
        count = Count()
        for folder in self._copies():
            count.include(self._count(folder, person))
        return count

    def forget(self, person: Person, left_out: LeftOut) -> None:
        """Pools that other workers use stay as they are. Raises LeaseHeld at the end if there are any."""
        if self._shared is None:
            raise ValueError("the shared state was opened to be read")
        held: LeaseHeld | None = None
        for pool in self._reader.pools():
            try:
                self._forget_in(pool, person, left_out, self._shared)
            except LeaseHeld as error:
                held = error
        if held is not None:
            raise held

    def _forget_in(self, pool: str, person: Person, left_out: LeftOut, shared: SharedState) -> None:
        # First, so that the copy has what runs have stored that did not know of the person.
        shared.require_free(pool)
        with self._reader.copy(pool) as folder:
            accounts = _accounts(folder)
            if not self._count(folder, person).total and not any(
                _account(name) in accounts for name, _, _ in left_out
            ):
                return
        with shared.open_named(pool) as opened:
            for place in self._parts(opened.folder, opened):
                place.forget(person, left_out)
            opened.begin_log_again()
            shared.remove_copies(pool)
        with suppress(LeaseHeld), shared.open_named(pool):
            pass  # the next worker that opens the pool deletes the earlier entries

    def _copies(self) -> Iterator[Path]:
        for pool in self._reader.pools():
            with self._reader.copy(pool) as folder:
                yield folder

    def _count(self, folder: Path, person: Person) -> Count:
        count = Count()
        for place in self._parts(folder):
            count.include(place.count(person))
        return count

    def _parts(self, folder: Path, pool: SharedPool | None = None) -> Iterator[Place]:
        for path in find_rejects(folder):
            recorder = pool.recorder_of(rejects_database(path)) if pool is not None else None
            with closing(Rejects(path, self._now, recorder=recorder)) as rejects:
                yield RejectsPlace(path, rejects)
        for location in find_journals(folder):
            recorder = pool.recorder_of(location.database) if pool is not None else None
            yield JournalPlace(location, self._sealer, recorder)


def _accounts(folder: Path) -> set[str]:
    """The accounts with a journal, as the ids of documents begin."""
    reader = StateReader(folder)
    return {
        reader.ask_journal(location, lambda journal: f"{journal.fact('vendor')}:{journal.fact('account')}")
        for location in reader.journals()
    }


def _account(document_id: str) -> str:
    return ":".join(document_id.split(":")[:2])
