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
from harvester.sinks.elastic.retry import Patience
from harvester.sinks.elastic.stale import Claim, Leftovers, NotAllowed

logger = logging.getLogger(__name__)

BATCH_MEETINGS = 200
"""One search for so many: each brings three clauses, and Elasticsearch may take no more than 1,024."""
BATCH_DOCUMENTS = 5_000
BATCH_SECONDS = 2.0
LAST_SECONDS = 5.0
"""How long the last batch may be tried after an error: the error itself has often been waited for long enough."""


@dataclass(slots=True)
class Waiting:
    """One meeting between being pulled and being done. `open`: harvests of it that are not acknowledged yet;
    `claims`: of the newest harvest in every vendor's account, none where there can be no leftovers."""

    open: int = 0
    claims: dict[tuple[str, str], Claim] = field(default_factory=dict)
    loaded: list[Ack] = field(default_factory=list)

    def add(self, claim: Claim) -> None:
        known = self.claims.get((claim.vendor, claim.account))
        if known is None or known.version < claim.version:
            self.claims[claim.vendor, claim.account] = claim

    @property
    def size(self) -> int:
        return sum(claim.size for claim in self.claims.values())


class Batch:
    """The meetings of one load that are under way, and those that wait to be cleaned together.

    A meeting that comes a second time waits until both harvests of it are acknowledged: which of them an
    acknowledgement belongs to cannot be told, and documents of the first may arrive after those of the second.
    """

    def __init__(self) -> None:
        self._under_way: dict[str, Waiting] = {}
        self._ripe: dict[str, Waiting] = {}
        self.documents = 0
        self.began = 0.0
        """When the first of those that wait was acknowledged."""

    def __len__(self) -> int:
        return len(self._ripe)

    def pulled(self, uuid: str) -> Waiting:
        """A harvest of this meeting is on its way."""
        waiting = self._under_way.get(uuid) or self._ripe.pop(uuid, None)
        if waiting is None:
            waiting = Waiting()
        elif not waiting.open:
            self.documents -= waiting.size
        self._under_way[uuid] = waiting
        waiting.open += 1
        return waiting

    def acknowledged(self, loaded: Ack, now: float) -> Iterable[Ack]:
        """What is done by this, since it has no leftovers; the others wait."""
        waiting = self._under_way[loaded.uuid]
        waiting.loaded.append(loaded)
        waiting.open -= 1
        if waiting.open:
            return ()
        del self._under_way[loaded.uuid]
        if not waiting.claims:
            return waiting.loaded
        if not self._ripe:
            self.began = now
        self._ripe[loaded.uuid] = waiting
        self.documents += waiting.size
        return ()

    def taken(self) -> list[Waiting]:
        """Those that wait; from now on nobody does."""
        taken = list(self._ripe.values())
        self._ripe.clear()
        self.documents = 0
        return taken


class Replacing:
    """A sink around the loader: a meeting counts as done only once the leftovers of its earlier harvests are gone.

    `spared` says of a uuid that nothing can have been stored for it before, in this run or any other: it is not
    searched for, unless its harvest replaces another. A batch is
    cleaned when it holds so many `meetings` or `documents`, and when its first meeting has waited for `seconds`.
    """

    def __init__(
        self,
        loader: Sink,
        client: Client,
        patience: Patience,
        *,
        spared: Callable[[str], bool],
        meetings: int = BATCH_MEETINGS,
        documents: int = BATCH_DOCUMENTS,
        seconds: float = BATCH_SECONDS,
    ) -> None:
        self._loader = loader
        self._client = client
        self._patience = patience
        self._spared = spared
        self._meetings = meetings
        self._documents = documents
        self._seconds = seconds
        self._asked = False
        self._barred = False

    def load(self, records: Iterable[MeetingRecord]) -> Iterator[Ack]:
        """One `Loaded` per harvest; `replaced` stands in the last one of a meeting. Those whose leftovers an error kept
        from being deleted come without being settled.

        Raises what the loader does, after cleaning and acknowledging what it had acknowledged before; and Unreachable,
        CredentialsError, ConfigurationError.
        """
        batch, patience = Batch(), self._patience
        stopped: HarvestError | None = None
        inner = self._loader.load(self._noted(records, batch))
        try:
            for loaded in inner:
                yield from batch.acknowledged(loaded, patience.elapsed())
                if self._full(batch):
                    yield from self._cleaned(batch, patience)
        except HarvestError as error:
            stopped = error
            patience = replace(patience, seconds=min(LAST_SECONDS, patience.seconds))
        finally:
            # Not left to whoever drops the traceback: requests in flight must not outlive this load.
            if isinstance(inner, Generator):
                inner.close()
        try:
            yield from self._cleaned(batch, patience)
        except HarvestError as error:
            stopped = stopped or error
        if stopped is not None:
            raise stopped

    def _noted(self, records: Iterable[MeetingRecord], batch: Batch) -> Iterator[MeetingRecord]:
        for harvest in records:
            uuid = harvest.meeting.uuid
            waiting = batch.pulled(uuid)
            alone = waiting.open == 1 and not waiting.loaded and not harvest.replaces
            if not (self._barred or (alone and self._spared(uuid))):
                waiting.add(Claim.of(harvest, self._client.cluster))
            yield harvest
            del harvest  # while the next one is waited for, nobody needs this one any more

    def _full(self, batch: Batch) -> bool:
        return bool(batch) and (
            len(batch) >= self._meetings
            or batch.documents >= self._documents
            or self._patience.elapsed() - batch.began >= self._seconds
        )

    def _cleaned(self, batch: Batch, patience: Patience) -> Iterator[Ack]:
        """Those that wait, without their leftovers; where these could not be looked for, not settled, and the error."""
        waiting = batch.taken()
        try:
            replaced = self._clean(waiting, patience)
        except HarvestError:
            yield from (replace(loaded, complete=False) for meeting in waiting for loaded in meeting.loaded)
            raise
        for meeting in waiting:
            *earlier, last = meeting.loaded
            yield from earlier
            yield replace(last, replaced=replaced[last.uuid])

    def _clean(self, waiting: Sequence[Waiting], patience: Patience) -> Counter[str]:
        """How many leftovers of each meeting were deleted."""
        replaced: Counter[str] = Counter()
        if self._barred or not waiting:
            return replaced
        leftovers = Leftovers(self._client, patience)
        try:
            if not self._asked:
                leftovers.look_for_rights()
                self._asked = True
            for claim in leftovers.deleted(claim for meeting in waiting for claim in meeting.claims.values()):
                replaced[claim.uuid] += 1
        except NotAllowed as refusal:
            self._barred = True
            logger.info(
                "documents that a meeting no longer has stay behind when it is read again: to find and delete them, "
                f"the account needs the privileges {refusal} on {self._client.cluster.prefix}*"
            )
        return replaced
