"""A sink around the loader: a re-read replaces what earlier harvests of a meeting stored.

A meeting is acknowledged only when its leftovers are gone. They are looked for in batches, once what the loader
acknowledged is many enough or has waited long enough; an account that may not read and refresh is told of it once, and
from then on meetings are acknowledged with what they left behind.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from connectors.errors import HarvestError
from connectors.models import MeetingRecord
from harvester.sinks.base import Ack, Sink
from harvester.sinks.elastic.client import Client
from harvester.sinks.elastic.retry import RetryPolicy
from harvester.sinks.elastic.stale import CurrentDocuments, MissingPrivileges, StaleDocuments

logger = logging.getLogger(__name__)

BATCH_MEETINGS = 200
"""One search for so many: each brings three clauses, and Elasticsearch may take no more than 1,024."""
BATCH_DOCUMENTS = 5_000
BATCH_SECONDS = 2.0
LAST_SECONDS = 5.0
"""How long the last batch may be tried after an error: the error itself has often been waited for long enough."""


@dataclass(slots=True)
class MeetingCleanup:
    """One meeting between being pulled and being done. `open`: harvests of it that are not acknowledged yet;
    `claims`: of the newest harvest in every vendor's account, none where there can be no leftovers."""

    unacknowledged: int = 0
    current: dict[tuple[str, str], CurrentDocuments] = field(default_factory=dict)
    acks: list[Ack] = field(default_factory=list)

    def add(self, current: CurrentDocuments) -> None:
        known = self.current.get((current.vendor, current.account))
        if known is None or known.version < current.version:
            self.current[current.vendor, current.account] = current

    @property
    def size(self) -> int:
        return sum(current.size for current in self.current.values())


class CleanupQueue:
    """The meetings of one load that are under way, and those that wait to be cleaned together.

    A meeting that comes a second time waits until both harvests of it are acknowledged: which of them an
    acknowledgement belongs to cannot be told, and documents of the first may arrive after those of the second.
    """

    def __init__(self) -> None:
        self._loading: dict[str, MeetingCleanup] = {}
        self._ready: dict[str, MeetingCleanup] = {}
        self.documents = 0
        self.began = 0.0
        """When the first of those that wait was acknowledged."""

    def __len__(self) -> int:
        return len(self._ready)

    def start(self, uuid: str) -> MeetingCleanup:
        """A harvest of this meeting is on its way."""
        waiting = self._loading.get(uuid) or self._ready.pop(uuid, None)
        if waiting is None:
            waiting = MeetingCleanup()
        elif not waiting.unacknowledged:
            self.documents -= waiting.size
        self._loading[uuid] = waiting
        waiting.unacknowledged += 1
        return waiting

    def acknowledge(self, loaded: Ack, now: float) -> Iterable[Ack]:
        """What is done by this, since it has no leftovers; the others wait."""
        waiting = self._loading[loaded.uuid]
        waiting.acks.append(loaded)
        waiting.unacknowledged -= 1
        if waiting.unacknowledged:
            return ()
        del self._loading[loaded.uuid]
        if not waiting.current:
            return waiting.acks
        if not self._ready:
            self.began = now
        self._ready[loaded.uuid] = waiting
        self.documents += waiting.size
        return ()

    def take_all(self) -> list[MeetingCleanup]:
        """Those that wait; from now on nobody does."""
        taken = list(self._ready.values())
        self._ready.clear()
        self.documents = 0
        return taken


class StaleCleanupSink:
    """A sink around the loader: a meeting counts as done only once the leftovers of its earlier harvests are gone.

    `spared` says of a uuid that nothing can have been stored for it before, in this run or any other: it is not
    searched for, unless its harvest replaces another. A batch is
    cleaned when it holds so many `meetings` or `documents`, and when its first meeting has waited for `seconds`.
    """

    def __init__(
        self,
        loader: Sink,
        client: Client,
        retry: RetryPolicy,
        *,
        spared: Callable[[str], bool],
        meetings: int = BATCH_MEETINGS,
        documents: int = BATCH_DOCUMENTS,
        seconds: float = BATCH_SECONDS,
    ) -> None:
        self._loader = loader
        self._client = client
        self._retry = retry
        self._spared = spared
        self._meetings = meetings
        self._documents = documents
        self._seconds = seconds
        self._privileges_checked = False
        self._disabled = False

    def load(self, records: Iterable[MeetingRecord]) -> Iterator[Ack]:
        """One `Loaded` per harvest; `replaced` stands in the last one of a meeting. Those whose leftovers an error kept
        from being deleted come without being settled.

        Raises what the loader does, after cleaning and acknowledging what it had acknowledged before; and Unreachable,
        CredentialsError, ConfigurationError.
        """
        batch, retry = CleanupQueue(), self._retry
        stopped: HarvestError | None = None
        inner = self._loader.load(self._track(records, batch))
        try:
            for loaded in inner:
                yield from batch.acknowledge(loaded, retry.elapsed())
                if self._is_due(batch):
                    yield from self._clean_and_acknowledge(batch, retry)
        except HarvestError as error:
            stopped = error
            retry = replace(retry, seconds=min(LAST_SECONDS, retry.seconds))
        finally:
            # Not left to whoever drops the traceback: requests in flight must not outlive this load.
            if isinstance(inner, Generator):
                inner.close()
        try:
            yield from self._clean_and_acknowledge(batch, retry)
        except HarvestError as error:
            stopped = stopped or error
        if stopped is not None:
            raise stopped

    def _track(self, records: Iterable[MeetingRecord], batch: CleanupQueue) -> Iterator[MeetingRecord]:
        for record in records:
            uuid = record.meeting.uuid
            waiting = batch.start(uuid)
            alone = waiting.unacknowledged == 1 and not waiting.acks and not record.replaces
            if not (self._disabled or (alone and self._spared(uuid))):
                waiting.add(CurrentDocuments.of(record, self._client.config))
            yield record
            del record  # while the next one is waited for, nobody needs this one any more

    def _is_due(self, batch: CleanupQueue) -> bool:
        return bool(batch) and (
            len(batch) >= self._meetings
            or batch.documents >= self._documents
            or self._retry.elapsed() - batch.began >= self._seconds
        )

    def _clean_and_acknowledge(self, batch: CleanupQueue, retry: RetryPolicy) -> Iterator[Ack]:
        """Those that wait, without their leftovers; where these could not be looked for, not settled, and the error."""
        waiting = batch.take_all()
        try:
            replaced = self._delete_stale(waiting, retry)
        except HarvestError:
            yield from (replace(loaded, complete=False) for meeting in waiting for loaded in meeting.acks)
            raise
        for meeting in waiting:
            *earlier, last = meeting.acks
            yield from earlier
            yield replace(last, replaced=replaced[last.uuid])

    def _delete_stale(self, waiting: Sequence[MeetingCleanup], retry: RetryPolicy) -> Counter[str]:
        """How many leftovers of each meeting were deleted."""
        replaced: Counter[str] = Counter()
        if self._disabled or not waiting:
            return replaced
        stales = StaleDocuments(self._client, retry)
        try:
            if not self._privileges_checked:
                stales.check_privileges()
                self._privileges_checked = True
            for current in stales.delete(
                current for meeting in waiting for current in meeting.current.values()
            ):
                replaced[current.uuid] += 1
        except MissingPrivileges as refusal:
            self._disabled = True
            logger.info(
                "documents that a meeting no longer has stay behind when it is read again: to find and delete them, "
                f"the account needs the privileges {refusal} on {self._client.config.prefix}*"
            )
        return replaced
