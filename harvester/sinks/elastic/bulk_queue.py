"""Batches of documents, and the few requests in flight that carry them.

Operations are gathered into a batch until it is full, or until it has waited long enough: a source that pauses (a
vendor's limit, `tail -f` in a pipe) must not hold back what it gave before. When all flights are in the air whoever
brings more has to wait, so that memory holds a few batches and no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock, Semaphore, Thread

from harvester.sinks.elastic.bulk import OK, REJECTED, SUPERSEDED, Operation, Results

REQUESTS_IN_FLIGHT = 4
BATCH_BYTES = 2_000_000
BATCH_OPERATIONS = 2_000
FLUSH_SECONDS = 2.0


@dataclass(slots=True, kw_only=True)
class AckTracker:
    """What became of the operations that belong together: one meeting's, or all lines of a file."""

    uuid: str = ""
    ok: int = 0
    superseded: int = 0
    rejected: int = 0
    pending: int = 1
    """Operations under way, and one more as long as others may join them."""


@dataclass(slots=True)
class Batch:
    operations: list[Operation] = field(default_factory=list)
    size: int = 0
    groups: list[tuple[AckTracker, int]] = field(default_factory=list)
    """Whose operations these are: so many of the one, then so many of the next."""


class BulkQueue:
    """`deliver` carries one batch, in a thread of its own, and returns what became of it; its errors are raised from
    whatever is called next. `room`: how many bytes a batch may have by now. `abandoned` is set at the end, for whoever still tries."""

    def __init__(
        self,
        deliver: Callable[[Batch], Results],
        *,
        max_bytes: Callable[[], int],
        abandoned: Event,
        slots: int,
        flush_seconds: float,
    ) -> None:
        self._deliver = deliver
        self._max_bytes = max_bytes
        self._abandoned = abandoned
        self._flush_seconds = flush_seconds
        self._batch = Batch()
        self._lock = Lock()
        self._slots = Semaphore(slots)
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="bulk")
        self._in_flight: deque[Future[None]] = deque()
        self._counting = Lock()
        self._completed: deque[AckTracker] = deque()

    @contextmanager
    def open(self) -> Iterator[BulkQueue]:
        """The flusher runs inside; what has not taken off by the end is given up."""
        closed = Event()
        flusher = Thread(target=self._flush_periodically, args=(closed,), name="bulk-flusher", daemon=True)
        flusher.start()
        try:
            yield self
        finally:
            closed.set()
            self._abandoned.set()
            self._pool.shutdown(wait=True, cancel_futures=True)

    def put(self, account: AckTracker, operations: Iterable[Operation]) -> None:
        """Gather operations, and send every batch that gets full. Waits while all flights are in the air."""
        room = min(BATCH_BYTES, self._max_bytes())
        with self._lock:
            held, size = self._batch.operations, self._batch.size
            began = len(held)
            for operation in operations:
                held.append(operation)
                size += len(operation[1]) + len(operation[2]) + 2
                if size >= room or len(held) >= BATCH_OPERATIONS:
                    self._assign(account, len(held) - began, size)
                    self._flush()
                    held, began, size = self._batch.operations, 0, 0
            self._assign(account, len(held) - began, size)

    def close_group(self, account: AckTracker, *, rejected: int = 0) -> None:
        """No more operations will join this account; `rejected`: those that never became one."""
        self._count(account, open_=1, rejected=rejected)

    def completed(self) -> Iterator[AckTracker]:
        """The accounts that are complete by now. Raises what a flight raised."""
        for flight in tuple(self._in_flight):
            if flight.done():
                self._in_flight.remove(flight)
                flight.result()
        while self._completed:
            yield self._completed.popleft()

    def drain(self) -> None:
        """Send what is left, and wait until every flight has come down."""
        with self._lock:
            self._flush()
        while self._in_flight:
            self._in_flight.popleft().result()

    def _assign(self, account: AckTracker, count: int, size: int) -> None:
        self._batch.size = size
        if count:
            self._batch.groups.append((account, count))
            with self._counting:
                account.pending += count

    def _flush(self) -> None:
        if self._batch.operations:
            batch, self._batch = self._batch, Batch()
            self._slots.acquire()
            try:
                flight = self._pool.submit(self._send, batch)
            except RuntimeError:  # closed meanwhile: what did not take off is given up
                self._slots.release()
                return
            flight.add_done_callback(lambda _: self._slots.release())
            self._in_flight.append(flight)

    def _send(self, batch: Batch) -> None:
        verdicts = self._deliver(batch).outcomes
        place = 0
        for account, count in batch.groups:
            run = verdicts[place : place + count]
            place += count
            self._count(
                account,
                open_=count,
                ok=run.count(OK),
                superseded=run.count(SUPERSEDED),
                rejected=run.count(REJECTED),
            )

    def _count(
        self, account: AckTracker, *, open_: int, ok: int = 0, superseded: int = 0, rejected: int = 0
    ) -> None:
        with self._counting:
            account.ok += ok
            account.superseded += superseded
            account.rejected += rejected
            account.pending -= open_
            complete = not account.pending
        if complete:
            self._completed.append(account)

    def _flush_periodically(self, closed: Event) -> None:
        while not closed.wait(self._flush_seconds):
            with self._lock:
                self._flush()
