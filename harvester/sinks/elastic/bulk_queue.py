"""A queue of documents: batches them, and sends the batches by a few requests at a time.

A batch is sent when it is full or has waited long enough: a source that pauses (a vendor's rate limit, `tail -f` in a
pipe) must not hold back what it delivered before. While all slots are taken, `put` waits, so that memory holds a few
batches and no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Event, Lock, Semaphore, Thread

from harvester.sinks.elastic.bulk import OK, REJECTED, SUPERSEDED, Operations, Results

REQUESTS_IN_FLIGHT = 4
BATCH_BYTES = 3_000_000
BATCH_OPERATIONS = 2_500
"""A node needs a tenth more CPU for each document in requests of 1,500 than of 2,000; more than that changes little."""
FLUSH_SECONDS = 2.0


@dataclass(slots=True, kw_only=True)
class AckTracker:
    """Counts the outcomes of operations that belong together: those of one meeting, or all lines of a file."""

    uuid: str = ""
    ok: int = 0
    superseded: int = 0
    rejected: int = 0
    pending: int = 1
    """Operations without an outcome, plus one as long as more may be added."""


@dataclass(slots=True)
class Batch:
    """Operations that are sent in one request."""

    parts: list[tuple[AckTracker, Operations]] = field(default_factory=list)
    """In order, and whose they are."""
    size: int = 0
    """In bytes."""
    count: int = 0

    def add(self, tracker: AckTracker, part: Operations) -> None:
        self.parts.append((tracker, part))
        self.size += len(part.lines)
        self.count += len(part)

    @property
    def operations(self) -> Operations:
        return Operations.merge([part for _, part in self.parts])


class BulkQueue:
    """Sends batches in threads of its own.

    `send` sends the operations of one batch and returns the outcomes; its errors are raised by the next call to `completed` or `drain`.
    `max_bytes`: the largest batch that is accepted at present. `cancelled` is set at the end, to stop waiting requests.
    """

    def __init__(
        self,
        send: Callable[[Operations], Results],
        *,
        max_bytes: Callable[[], int],
        cancelled: Event,
        slots: int,
        flush_seconds: float,
    ) -> None:
        self._send_batch = send
        self._max_bytes = max_bytes
        self._cancelled = cancelled
        self._flush_seconds = flush_seconds
        self._batch = Batch()
        self._closed = Event()
        self._lock = Lock()
        self._slots = Semaphore(slots)
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="bulk")
        self._in_flight: deque[Future[None]] = deque()
        self._counting = Lock()
        self._completed: deque[AckTracker] = deque()

    @contextmanager
    def open(self) -> Iterator[BulkQueue]:
        """Flushes periodically inside; a batch that is not being sent by the end is dropped."""
        flusher = Thread(
            target=copy_context().run,
            args=(self._flush_periodically,),
            name="bulk-flusher",
            daemon=True,
        )
        flusher.start()
        try:
            yield self
        finally:
            self._closed.set()
            self._cancelled.set()
            self._pool.shutdown(wait=True, cancel_futures=True)

    def put(self, tracker: AckTracker, operations: Operations) -> None:
        """Add operations, and send every batch that gets full. Waits while all slots are taken."""
        limit = min(BATCH_BYTES, self._max_bytes())
        with self._lock:
            rest: Operations | None = operations if len(operations) else None
            while rest is not None:
                batch = self._batch
                part, rest = rest.split(size=limit - batch.size, count=BATCH_OPERATIONS - batch.count)
                batch.add(tracker, part)
                with self._counting:
                    tracker.pending += len(part)
                if batch.size >= limit or batch.count >= BATCH_OPERATIONS:
                    self._flush()

    def close_group(self, tracker: AckTracker, *, rejected: int = 0) -> None:
        """No more operations will be added to this tracker; `rejected`: documents that never became one."""
        self._count(tracker, settled=1, rejected=rejected)

    def completed(self) -> Iterator[AckTracker]:
        """The trackers that are complete by now. Raises what a request raised."""
        for request in tuple(self._in_flight):
            if request.done():
                self._in_flight.remove(request)
                request.result()
        while self._completed:
            yield self._completed.popleft()

    def drain(self) -> None:
        """Send the last batch, and wait for every request in flight."""
        with self._lock:
            self._flush()
        while self._in_flight:
            self._in_flight.popleft().result()

    def _flush(self) -> None:
        if self._batch.parts:
            batch, self._batch = self._batch, Batch()
            self._slots.acquire()
            try:
                request = self._pool.submit(copy_context().run, self._send, batch)
            except RuntimeError as error:
                self._slots.release()
                if (
                    not self._closed.is_set()
                ):  # no thread could be started: `completed` and `drain` raise this
                    self._in_flight.append(_failed(error))
                return  # closed meanwhile: the batch is dropped
            request.add_done_callback(lambda _: self._slots.release())
            self._in_flight.append(request)

    def _send(self, batch: Batch) -> None:
        outcomes = self._send_batch(batch.operations).outcomes
        position = 0
        for tracker, part in batch.parts:
            outcomes_of_part = outcomes[position : position + len(part)]
            position += len(part)
            self._count(
                tracker,
                settled=len(part),
                ok=outcomes_of_part.count(OK),
                superseded=outcomes_of_part.count(SUPERSEDED),
                rejected=outcomes_of_part.count(REJECTED),
            )

    def _count(
        self, tracker: AckTracker, *, settled: int, ok: int = 0, superseded: int = 0, rejected: int = 0
    ) -> None:
        with self._counting:
            tracker.ok += ok
            tracker.superseded += superseded
            tracker.rejected += rejected
            tracker.pending -= settled
            complete = not tracker.pending
        if complete:
            self._completed.append(tracker)

    def _flush_periodically(self) -> None:
        while not self._closed.wait(self._flush_seconds):
            with self._lock:
                self._flush()


def _failed(error: Exception) -> Future[None]:
    failed: Future[None] = Future()
    failed.set_exception(error)
    return failed
