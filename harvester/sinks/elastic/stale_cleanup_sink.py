"""A sink around the loader that deletes the stale documents of the meetings that it loads.

A meeting is acknowledged only when its stale documents are gone. They are searched for in batches, once enough meetings
are loaded or the first one has waited long enough. If the account may not read and refresh, this is logged once, and
from then on meetings are acknowledged without a search.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from connectors.errors import HarvestError
from connectors.models import MeetingRecord
from connectors.retry import RetryPolicy
from harvester.sinks.base import Ack, Load
from harvester.sinks.elastic.client import Client
from harvester.sinks.elastic.deletion import MissingPrivileges
from harvester.sinks.elastic.stale_documents import CurrentDocuments, StaleDocuments

logger = logging.getLogger(__name__)

BATCH_MEETINGS = 200
"""Meetings per search: each adds three clauses, and Elasticsearch may accept no more than 1,024."""
BATCH_DOCUMENTS = 5_000
BATCH_SECONDS = 2.0
LAST_SECONDS = 5.0
"""How long the last queue is retried after an error, which has often taken long enough by itself."""


@dataclass(slots=True)
class MeetingCleanup:
    """One meeting between the moment it is passed to the loader and its acknowledgement."""

    unacknowledged: int = 0
    """Records of the meeting that the loader has not acknowledged yet."""
    current: dict[tuple[str, str], CurrentDocuments] = field(default_factory=dict)
    """The newest record's documents, by vendor and account; empty if the meeting cannot have stale documents."""
    acks: list[Ack] = field(default_factory=list)

    def add(self, current: CurrentDocuments) -> None:
        known = self.current.get((current.vendor, current.account))
        if known is None or known.version < current.version:
            self.current[current.vendor, current.account] = current

    @property
    def size(self) -> int:
        return sum(current.size for current in self.current.values())


class CleanupQueue:
    """The meetings of one load: those being loaded, and those that wait for their clean-up.

    A meeting that comes a second time waits until both records of it are acknowledged: an acknowledgement does not say
    which of them it belongs to, and documents of the first may arrive after those of the second.
    """

    def __init__(self) -> None:
        self._loading: dict[str, MeetingCleanup] = {}
        self._ready: dict[str, MeetingCleanup] = {}
        self.documents = 0
        self.began = 0.0
        """When the first of the waiting meetings was acknowledged."""

    def __len__(self) -> int:
        return len(self._ready)

    def start(self, uuid: str) -> MeetingCleanup:
        """Note that a record of this meeting is passed to the loader."""
        waiting = self._loading.get(uuid) or self._ready.pop(uuid, None)
        if waiting is None:
            waiting = MeetingCleanup()
        elif not waiting.unacknowledged:
            self.documents -= waiting.size
        self._loading[uuid] = waiting
        waiting.unacknowledged += 1
        return waiting

    def acknowledge(self, ack: Ack, now: float) -> Iterable[Ack]:
        """Note that the loader has stored a record; returns the acknowledgements that need not wait for a clean-up."""
        waiting = self._loading[ack.uuid]
        waiting.acks.append(ack)
        waiting.unacknowledged -= 1
        if waiting.unacknowledged:
            return ()
        del self._loading[ack.uuid]
        if not waiting.current:
            return waiting.acks
        if not self._ready:
            self.began = now
        self._ready[ack.uuid] = waiting
        self.documents += waiting.size
        return ()

    def take_all(self) -> list[MeetingCleanup]:
        """Remove and return all waiting meetings."""
        taken = list(self._ready.values())
        self._ready.clear()
        self.documents = 0
        return taken


class RecordLoader(Protocol):
    """What `harvester.sinks.elastic.loader.Loader` is used for here."""

    def load(self, records: Iterable[MeetingRecord]) -> Iterator[Ack]: ...


class StaleCleanupSink:
    """A sink around the loader: a meeting counts as done only once its stale documents are deleted.

    New meetings are skipped, unless they replace another meeting. A clean-up starts when `meetings` or `documents` wait,
    or when the first meeting has waited for `seconds`.
    """

    def __init__(
        self,
        loader: RecordLoader,
        client: Client,
        retry: RetryPolicy,
        *,
        meetings: int = BATCH_MEETINGS,
        documents: int = BATCH_DOCUMENTS,
        seconds: float = BATCH_SECONDS,
    ) -> None:
        self._loader = loader
        self._client = client
        self._retry = retry
        self._meetings = meetings
        self._documents = documents
        self._seconds = seconds
        self._privileges_checked = False
        self._disabled = False

    def load(self, loads: Iterable[Load]) -> Iterator[Ack]:
        """One `Ack` per record; `replaced` is counted in the last one of a meeting. A meeting whose stale documents could
        not be deleted because of an error gets an `Ack` that is not `complete`.

        Raises what the loader raises, after cleaning and acknowledging what the loader had acknowledged; and
        Unreachable, CredentialsError, ConfigurationError.
        """
        queue, retry = CleanupQueue(), self._retry
        stopped: HarvestError | None = None
        inner = self._loader.load(self._track(loads, queue))
        try:
            for ack in inner:
                yield from queue.acknowledge(ack, retry.elapsed())
                if self._is_due(queue):
                    yield from self._clean_and_acknowledge(queue, retry)
        except HarvestError as error:
            stopped = error
            retry = retry.within(LAST_SECONDS)
        finally:
            # At once, not when the traceback is dropped: requests in flight must not outlive this load.
            if isinstance(inner, Generator):
                inner.close()
        try:
            yield from self._clean_and_acknowledge(queue, retry)
        except HarvestError as error:
            stopped = stopped or error
        if stopped is not None:
            raise stopped

    def _track(self, loads: Iterable[Load], queue: CleanupQueue) -> Iterator[MeetingRecord]:
        for load in loads:
            record = load.record
            waiting = queue.start(record.meeting.uuid)
            alone = waiting.unacknowledged == 1 and not waiting.acks and not record.replaces
            if not (self._disabled or (alone and load.is_new)):
                waiting.add(CurrentDocuments.of(record, self._client.config))
            yield record
            del load, record  # free its memory while the next one is awaited

    def _is_due(self, queue: CleanupQueue) -> bool:
        return bool(queue) and (
            len(queue) >= self._meetings
            or queue.documents >= self._documents
            or self._retry.elapsed() - queue.began >= self._seconds
        )

    def _clean_and_acknowledge(self, queue: CleanupQueue, retry: RetryPolicy) -> Iterator[Ack]:
        """Delete the stale documents of the waiting meetings, and acknowledge these; after an error as not complete."""
        waiting = queue.take_all()
        try:
            replaced = self._delete_stale(waiting, retry)
        except HarvestError:
            yield from (replace(ack, complete=False) for meeting in waiting for ack in meeting.acks)
            raise
        for meeting in waiting:
            *earlier, last = meeting.acks
            yield from earlier
            yield replace(last, replaced=replaced[last.uuid])

    def _delete_stale(self, waiting: Sequence[MeetingCleanup], retry: RetryPolicy) -> Counter[str]:
        """How many stale documents of each meeting were deleted."""
        replaced: Counter[str] = Counter()
        if self._disabled or not waiting:
            return replaced
        stale = StaleDocuments(self._client, retry)
        try:
            if not self._privileges_checked:
                stale.check_privileges()
                self._privileges_checked = True
            for current in stale.delete(
                current for meeting in waiting for current in meeting.current.values()
            ):
                replaced[current.uuid] += 1
        except MissingPrivileges as missing:
            self._disabled = True
            logger.info(
                "stale documents stay behind when a meeting is read again: to find and delete them, the account needs the "
                f"privileges {missing} on {self._client.config.prefix}*"
            )
        return replaced
